// C = A·B in fp32. The caller gives functions that load elements of A and B and store those of C, so that convolutions and
// attention are matrix products whose matrices are never stored. Tiles of 64×64, 16 deep, through shared memory; 4×4 results
// per thread. Sums run over k ascending within a split, and splits are added ascending.
#pragma once

#include "common/device.h"

namespace eqv::gpu {

constexpr int kTile = 64, kDepth = 16, kPerThread = 4, kSide = kTile / kPerThread;
static_assert(kSide * kSide == kThreads);

struct GemmTiles {
  float a[kDepth][kTile + 4];  // [k][row]; the padding keeps stores of a column off one bank
  float b[kDepth][kTile + 4];  // [k][column]
};

struct GemmSize {
  int64_t rows, columns, depth, batch;
};

// Adds the products over k in [begin, end) to the tile of results that starts at (row0, column0). A thread's results are
// rows row0 + down·4 … and columns column0 + across·4 …, with across and down from its number in the block.
// a(batch, row, k), b(batch, k, column) give fp32.
template <class A, class B>
__device__ void add_tile(GemmTiles& tiles, const GemmSize& size, int64_t batch, int64_t row0, int64_t column0,
                         int64_t begin, int64_t end, const A& a, const B& b, float (&sum)[kPerThread][kPerThread]) {
  const int thread = static_cast<int>(threadIdx.x), across = thread % kSide, down = thread / kSide;
  for (int64_t k0 = begin; k0 < end; k0 += kDepth) {
    // Neighbouring threads load neighbouring k of A, and neighbouring columns of B: the way both lie in memory.
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int k = i % kDepth, row = i / kDepth;
      tiles.a[k][row] = row0 + row < size.rows && k0 + k < end ? a(batch, row0 + row, k0 + k) : 0.0f;
    }
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int column = i % kTile, k = i / kTile;
      tiles.b[k][column] = column0 + column < size.columns && k0 + k < end ? b(batch, k0 + k, column0 + column) : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k) {
      float left[kPerThread], right[kPerThread];
      for (int i = 0; i < kPerThread; ++i) left[i] = tiles.a[k][down * kPerThread + i];
      for (int j = 0; j < kPerThread; ++j) right[j] = tiles.b[k][across * kPerThread + j];
      for (int i = 0; i < kPerThread; ++i)
        for (int j = 0; j < kPerThread; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
}

// store(batch, split, row, column, sum)
template <class A, class B, class Store>
__global__ void __launch_bounds__(kThreads) gemm_kernel(GemmSize size, int64_t depth_of_split, A a, B b, Store store) {
  const int64_t tiles_across = ceil_div(size.columns, kTile);
  const int64_t row0 = blockIdx.x / tiles_across * kTile, column0 = blockIdx.x % tiles_across * kTile;
  const int64_t batch = blockIdx.y, split = blockIdx.z;
  const int64_t begin = split * depth_of_split;
  const int64_t end = begin + depth_of_split < size.depth ? begin + depth_of_split : size.depth;
  const int thread = static_cast<int>(threadIdx.x), across = thread % kSide, down = thread / kSide;
  float sum[kPerThread][kPerThread] = {};
  add_tile(shared_memory<GemmTiles>(), size, batch, row0, column0, begin, end, a, b, sum);
#pragma unroll
  for (int i = 0; i < kPerThread; ++i)
#pragma unroll
    for (int j = 0; j < kPerThread; ++j) {
      const int64_t row = row0 + down * kPerThread + i, column = column0 + across * kPerThread + j;
      if (row < size.rows && column < size.columns) store(batch, split, row, column, sum[i][j]);
    }
}

// store(batch, row, column, sum)
template <class A, class B, class Store>
void gemm(Stream& stream, const char* name, GemmSize size, A a, B b, Store store) {
  const int64_t tiles = ceil_div(size.rows, kTile) * ceil_div(size.columns, kTile);
  const auto whole = EQV_LAMBDA(int64_t batch, int64_t, int64_t row, int64_t column, float sum) {
    store(batch, row, column, sum);
  };
  launch(stream, name, dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(size.batch)), dim3(kThreads),
         sizeof(GemmTiles), gemm_kernel<A, B, decltype(whole)>, size, size.depth, a, b, whole);
}

// A product with few results and a long k, cut along k by the size alone; store(row, column, sum) once the splits'
// results are added, ascending. Takes the whole scratch arena.
template <class A, class B, class Store>
void gemm_split(Stream& stream, const char* name, GemmSize size, A a, B b, Store store) {
  constexpr int64_t kDepthOfSplit = 4096;
  const int64_t splits = ceil_div(size.depth, kDepthOfSplit), results = size.rows * size.columns;
  const int64_t tiles = ceil_div(size.rows, kTile) * ceil_div(size.columns, kTile);
  Workspace workspace(stream, Workspace::bytes<float>(splits * results));
  float* parts = workspace.take<float>(splits * results);
  const int64_t columns = size.columns;
  const auto keep = EQV_LAMBDA(int64_t, int64_t split, int64_t row, int64_t column, float sum) {
    parts[split * results + row * columns + column] = sum;
  };
  launch(stream, name, dim3(static_cast<unsigned>(tiles), 1, static_cast<unsigned>(splits)), dim3(kThreads),
         sizeof(GemmTiles), gemm_kernel<A, B, decltype(keep)>, size, kDepthOfSplit, a, b, keep);
  for_each(stream, name, results, EQV_LAMBDA(int64_t i) {
    float sum = 0;
    for (int64_t s = 0; s < splits; ++s) sum += parts[s * results + i];
    store(i / columns, i % columns, sum);
  });
}

}  // namespace eqv::gpu
