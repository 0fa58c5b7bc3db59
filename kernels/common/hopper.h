// What sm_90a adds: barriers in shared memory that count bytes, the tensor memory accelerator that copies tiles there, and
// matrix products of a whole warpgroup (128 threads) that run while it goes on. Each function is one PTX instruction, with
// a twin under the shim (native/simt/hopper.h). A kernel that uses them is compiled for older architectures too, where it
// must not be launched.
#pragma once

#include "common/async_copy.h"
#include "common/wgmma_instructions.h"

#if defined(__CUDACC__)
#include <cuda.h>
#else
#include "simt/hopper.h"
#endif

namespace eqv::gpu {

#if defined(__CUDACC__)
using TensorMap = CUtensorMap;
#else
using TensorMap = simt::TensorMap;
#endif

// native/cuda/tensor_map.cu, native/simt/hopper.cpp. Tiles of bf16 in shared memory have rows of 64 values (128 bytes),
// turned by TMA's 128-byte swizzle, and start at a multiple of 1024 bytes.

// A matrix{rows, columns}, row-major, columns a multiple of 8, read in boxes of box_rows × 64 columns.
TensorMap matrix_map(const void* data, int64_t rows, int64_t columns, int box_rows);

// An image batch{n, h, w, c}, c a multiple of 8, read as a convolution's rows: box_pixels pixels × 64 channels, the pixels
// following each other by `step` through the rows from first to last of {columns, rows}, then through the next image.
struct PixelRange {
  int first_row, first_column;  // of the image, negative in the padding
  int beyond_rows, beyond_columns;  // last = h − 1 + beyond_rows …
};
TensorMap pixels_map(const void* data, int n, int h, int w, int c, PixelRange range, int step, int box_pixels);

// ---- barriers -----------------------------------------------------------------------------------------------------
// A phase ends when `arrivals` threads have arrived and all bytes that were announced are there. Phases alternate in
// parity, beginning with 0.
using Barrier = uint64_t;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define EQV_PTX(...) asm volatile(__VA_ARGS__)
#elif defined(__CUDA_ARCH__)
#define EQV_PTX(...) __trap()
#endif

__device__ inline void barrier_init(Barrier* barrier, [[maybe_unused]] unsigned arrivals) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_init(barrier, arrivals);
#endif
}

// Makes the barriers initialised by this thread known to the copies; the other threads still need a block barrier.
__device__ inline void fence_barrier_init() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("fence.mbarrier_init.release.cluster;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::fence_barrier_init();
#endif
}

__device__ inline void barrier_arrive(Barrier* barrier) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_arrive(barrier, 0);
#endif
}

// Arrives and announces bytes that copies will bring in this phase.
__device__ inline void barrier_expect(Barrier* barrier, [[maybe_unused]] unsigned bytes) {
#if defined(__CUDA_ARCH__)
  EQV_PTX("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
          : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_arrive(barrier, bytes);
#endif
}

// Waits for the end of the phase of this parity.
__device__ inline void barrier_wait(Barrier* barrier, [[maybe_unused]] unsigned parity) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "{ .reg .pred done; again: mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 done, [%0], %1; "
      "@!done bra.uni again; }" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
#elif !defined(__CUDACC__)
  simt::barrier_wait(barrier, parity);
#endif
}

// ---- copies of tiles ----------------------------------------------------------------------------------------------
// Started by one thread; the bytes arrive at the barrier. What lies outside the tensor is zeros.

__device__ inline void copy_matrix_box(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] int row,
                                       [[maybe_unused]] int column) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared_address(to)),
      "l"(&map), "r"(column), "r"(row), "r"(shared_address(barrier))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_matrix_box(to, map, barrier, row, column);
#endif
}

// The first pixel is (n, i, j) within the map's range; tap (r, s) is added to each.
__device__ inline void copy_pixels(void* to, const TensorMap& map, Barrier* barrier, [[maybe_unused]] int n,
                                   [[maybe_unused]] int i, [[maybe_unused]] int j, [[maybe_unused]] int channel,
                                   [[maybe_unused]] int r, [[maybe_unused]] int s) {
#if defined(__CUDA_ARCH__)
  EQV_PTX(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], "
      "[%6], {%7, %8};" ::"r"(shared_address(to)),
      "l"(&map), "r"(channel), "r"(j), "r"(i), "r"(n), "r"(shared_address(barrier)), "h"(static_cast<uint16_t>(s)),
      "h"(static_cast<uint16_t>(r))
      : "memory");
#elif !defined(__CUDACC__)
  simt::tma_pixels(to, map, barrier, n, i, j, channel, r, s);
#endif
}

// ---- products of a warpgroup --------------------------------------------------------------------------------------
// fence; products; commit: a group. Its sums must not be touched, nor its tiles overwritten, before it was waited for.

constexpr unsigned kTileRow = 128;  // bytes

__device__ inline uint64_t operand_at(const void* tile, unsigned bytes, uint64_t block_bytes) {
#if defined(__CUDACC__)
  const uint64_t address = shared_address(tile) + bytes;
#else
  const uint64_t address = simt::shared_offset(tile) + bytes;
#endif
  constexpr uint64_t kEightRows = 8 * kTileRow >> 4, kSwizzle128 = 1;
  return (address & 0x3ffff) >> 4 | block_bytes >> 4 << 16 | kEightRows << 32 | kSwizzle128 << 62;
}

// A tile whose rows are the operand's rows: from k values into them (k a multiple of 16, below 64).
__device__ inline uint64_t operand(const void* tile, int k) {
  return operand_at(tile, static_cast<unsigned>(k) * 2, 16);  // the distance of blocks is not used
}

// Tiles of kDepth rows that each are one k, and 64 rows or columns of the operand wide, one tile after the other: from row
// k (a multiple of 16).
template <int kDepth>
__device__ uint64_t operand_transposed(const void* tiles, int k) {
  return operand_at(tiles, static_cast<unsigned>(k) * kTileRow, kDepth * kTileRow);
}

__device__ inline void warpgroup_fence() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.fence.sync.aligned;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_fence();
#endif
}

// d{64×N} = a{64×16}·b{16×N}, plus d if `add`; N is twice the number of registers. Both operands are transposed or none.
template <bool kTransposed = false, int kRegisters>
__device__ void warpgroup_multiply([[maybe_unused]] float (&d)[kRegisters], [[maybe_unused]] uint64_t a,
                                   [[maybe_unused]] uint64_t b, [[maybe_unused]] bool add) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  wgmma_instruction<kTransposed>(d, a, b, add);
#elif defined(__CUDA_ARCH__)
  __trap();
#elif !defined(__CUDACC__)
  simt::warpgroup_multiply(d, 2 * kRegisters, a, b, add, kTransposed);
#endif
}

__device__ inline void warpgroup_commit() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.commit_group.sync.aligned;" ::: "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_commit();
#endif
}

// Waits until at most kNewest groups are under way.
template <int kNewest>
__device__ void warpgroup_wait() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("wgmma.wait_group.sync.aligned %0;" ::"n"(kNewest) : "memory");
#elif !defined(__CUDACC__)
  simt::warpgroup_wait(kNewest);
#endif
}

// Gives registers of this warpgroup away, or takes them.
template <int kRegisters>
__device__ void registers_down() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}
template <int kRegisters>
__device__ void registers_up() {
#if defined(__CUDA_ARCH__)
  EQV_PTX("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

#undef EQV_PTX

}  // namespace eqv::gpu
