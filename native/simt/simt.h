// CUDA on the processor: what a kernel's source needs to be compiled by g++ and run with one fiber per CUDA thread.
// For tests, not for speed: the same .cu file that nvcc compiles runs here, barriers and warp operations included, in
// an order of threads that a seed shuffles, with shared memory that starts as NaN.
//
// What it cannot show: memory-model faults that need real concurrency, registers, bank conflicts, speed.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

inline double rsqrt(double x) { return 1 / std::sqrt(x); }

namespace simt {

// What a thread sees of its launch.
struct Place {
  dim3 thread, block, block_size, grid_size;
};
// Of the thread that runs now. Kernels ask for it all the time, so it lies where it is found without a call to the loader.
extern __thread const Place* current_place __attribute__((tls_model("initial-exec")));
inline const Place& here() { return *current_place; }
unsigned lane();

// The block's dynamic shared memory.
void* shared();

// __syncthreads: waits until every thread of the block that has not returned is here.
void block_barrier();

// A warp operation: waits until all lanes of `mask` are here with the same `name`. Each lane brings `in` bytes and
// takes `out` bytes; the last one to arrive calls combine(inputs of 32 lanes, outputs of 32 lanes).
constexpr size_t kLaneBytes = 64;
using Lanes = unsigned char[32][kLaneBytes];
void warp_operation(unsigned mask, const char* name, const void* in, size_t in_size, void* out, size_t out_size,
                    void (*combine)(unsigned mask, const Lanes& in, Lanes& out));

// cp.async: a copy into shared memory (zeros where `from` is null). It is done as late as possible: when the thread waits
// for it; with SIMT_EARLY=1 in the environment at once. A program must be right in both cases.
void copy_async(void* to, const void* from, unsigned bytes);
void commit_copies();
void wait_for_copies(unsigned newest);

// Runs a grid: clusters of so many blocks one after the other, or on `workers` threads; the blocks of a cluster at once.
// If no thread of a block can go on, the kernel is faulty: the process ends and prints where the threads wait.
void launch(dim3 grid, unsigned cluster, dim3 block, size_t shared_bytes, int workers, const std::function<void()>& thread);

// Gives a stream of the shim work to do: at once, or when a graph that is being captured is launched.
void submit(void* stream, std::function<void()> work);

// Order of threads and blocks (SIMT_SEED in the environment): 0 is ascending; another seed shuffles them, and one warp runs
// only when no other can.
uint64_t seed();

// Ends the process with a message and where the block's threads are.
[[noreturn]] void die(const char* message);

}  // namespace simt

#define threadIdx (simt::here().thread)
#define blockIdx (simt::here().block)
#define blockDim (simt::here().block_size)
#define gridDim (simt::here().grid_size)

inline void __syncthreads() { simt::block_barrier(); }

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  simt::warp_operation(mask, "__syncwarp", nullptr, 0, nullptr, 0, [](unsigned, const simt::Lanes&, simt::Lanes&) {});
}

namespace simt {

template <class T>
struct Shuffle {
  T value;
  int from;
};

template <class T>
T shuffle(unsigned mask, const char* name, T value, int from) {
  static_assert(sizeof(Shuffle<T>) <= kLaneBytes);
  const Shuffle<T> in{value, from};
  T out;
  warp_operation(mask, name, &in, sizeof in, &out, sizeof out, [](unsigned mask, const Lanes& in, Lanes& out) {
    for (int i = 0; i < 32; ++i) {
      if (!(mask >> i & 1)) continue;
      Shuffle<T> mine, theirs;
      std::memcpy(&mine, in[i], sizeof mine);
      if (!(mask >> mine.from & 1)) die("a shuffle reads a lane that does not take part");
      std::memcpy(&theirs, in[mine.from], sizeof theirs);
      std::memcpy(out[i], &theirs.value, sizeof(T));
    }
  });
  return out;
}

}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
  return simt::shuffle(mask, "__shfl_sync", value, from & 31);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return simt::shuffle(mask, "__shfl_xor_sync", value, static_cast<int>(simt::lane()) ^ bits);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
  const unsigned from = simt::lane() + delta;
  return simt::shuffle(mask, "__shfl_down_sync", value, static_cast<int>(from < 32 ? from : simt::lane()));
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const unsigned in = predicate != 0;
  unsigned out;
  simt::warp_operation(mask, "__ballot_sync", &in, sizeof in, &out, sizeof out,
                       [](unsigned mask, const simt::Lanes& in, simt::Lanes& out) {
                         unsigned bits = 0;
                         for (int i = 0; i < 32; ++i)
                           if ((mask >> i & 1) && in[i][0]) bits |= 1u << i;
                         for (int i = 0; i < 32; ++i) std::memcpy(out[i], &bits, sizeof bits);
                       });
  return out;
}
