// cp.async: 16 bytes from global to shared memory without passing through registers. Copies of one thread are gathered
// in groups; wait_for_copies<N> returns when all but the newest N groups of this thread are done. Other threads see
// them after a barrier.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

// The shared-memory address of a pointer, as PTX wants it.
#if defined(__CUDACC__)
__device__ inline uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
#endif

// Copies 16 bytes through registers. Both addresses are multiples of 16.
__device__ inline void copy_16(void* to, const void* from) {
#if defined(__CUDACC__)
  *static_cast<uint4*>(to) = *static_cast<const uint4*>(from);
#else
  std::memcpy(to, from, 16);
#endif
}

// Copies 16 bytes, or writes zeros where `from` is null. Both addresses are multiples of 16.
__device__ inline void copy_async(void* to, const void* from, [[maybe_unused]] const void* anywhere) {
#if defined(__CUDA_ARCH__)
  const int bytes = from ? 16 : 0;  // what is not read is filled with zeros, but the address must be a valid one
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from ? from : anywhere),
               "r"(bytes)
               : "memory");
#elif !defined(__CUDACC__)
  simt::copy_async(to, from, 16);
#endif
}

__device__ inline void commit_copies() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::commit_copies();
#endif
}

template <int kNewest>
__device__ void wait_for_copies() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kNewest) : "memory");
#elif !defined(__CUDACC__)
  simt::wait_for_copies(kNewest);
#endif
}

}  // namespace eqv::gpu
