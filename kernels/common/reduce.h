// Sums in a fixed order: within a thread ascending, within a warp and a block as a tree, over blocks ascending. The
// cut into blocks depends on the size alone, so the same data gives the same bits on every device.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

constexpr int kWarps = kThreads / 32;

struct SumOf {
  __host__ __device__ static double start() { return 0; }
  __host__ __device__ static double join(double a, double b) { return a + b; }
};

// NaN wins, as in PyTorch's max.
struct MaximumOf {
  __host__ __device__ static double start() { return 0; }
  __host__ __device__ static double join(double a, double b) { return b > a || b != b ? b : a; }
};

struct BlockScratch {
  double warp[kWarps];
  double total;
};

// Joins the values of all kThreads threads of the block; every thread gets the result.
template <class How = SumOf>
__device__ double block_join(double value, BlockScratch& scratch) {
  for (int offset = 16; offset > 0; offset /= 2) value = How::join(value, __shfl_down_sync(kAllLanes, value, offset));
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  __syncthreads();  // the scratch may still be read from a join before
  if (lane == 0) scratch.warp[warp] = value;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = scratch.warp[0];
    for (int i = 1; i < kWarps; ++i) total = How::join(total, scratch.warp[i]);
    scratch.total = total;
  }
  __syncthreads();
  return scratch.total;
}

constexpr int64_t kChunk = 16384;  // elements of one block

template <class How, class F>
__global__ void __launch_bounds__(kThreads) chunk_kernel(int64_t n, F f, double* parts) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  const int64_t begin = blockIdx.x * kChunk, end = begin + kChunk < n ? begin + kChunk : n;
  double value = How::start();
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) value = How::join(value, f(i));
  value = block_join<How>(value, scratch);
  if (threadIdx.x == 0) parts[blockIdx.x] = value;
}

template <class How, class Finish>
__global__ void __launch_bounds__(kThreads) join_kernel(int64_t n, const double* parts, Finish finish) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  double value = How::start();
  for (int64_t i = threadIdx.x; i < n; i += kThreads) value = How::join(value, parts[i]);
  value = block_join<How>(value, scratch);
  if (threadIdx.x == 0) finish(value);
}

// finish(f(0) + f(1) + … + f(n − 1)) on one thread; f gives doubles. Takes the whole scratch arena.
template <class How = SumOf, class F, class Finish>
void reduce_all(Stream& stream, const char* name, int64_t n, F f, Finish finish) {
  const int64_t chunks = ceil_div(n, kChunk);
  Workspace workspace(stream, Workspace::bytes<double>(chunks));
  double* parts = workspace.take<double>(chunks);
  launch(stream, name, dim3(static_cast<unsigned>(chunks)), dim3(kThreads), sizeof(BlockScratch), chunk_kernel<How, F>, n,
         f, parts);
  launch(stream, name, dim3(1), dim3(kThreads), sizeof(BlockScratch), join_kernel<How, Finish>, chunks, parts, finish);
}

template <class F, class Finish>
__global__ void __launch_bounds__(kThreads) rows_kernel(int64_t n, F f, Finish finish) {
  BlockScratch& scratch = shared_memory<BlockScratch>();
  double value = 0;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) value += f(blockIdx.x, i);
  value = block_join(value, scratch);
  if (threadIdx.x == 0) finish(blockIdx.x, value);
}

// finish(r, f(r, 0) + … + f(r, n − 1)) for every row r: a block per row.
template <class F, class Finish>
void reduce_rows(Stream& stream, const char* name, int64_t rows, int64_t n, F f, Finish finish) {
  launch(stream, name, dim3(static_cast<unsigned>(rows)), dim3(kThreads), sizeof(BlockScratch), rows_kernel<F, Finish>, n,
         f, finish);
}

}  // namespace eqv::gpu
