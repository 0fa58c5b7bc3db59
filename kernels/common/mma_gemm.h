// C = A·B of bf16, or of fp32 rounded to TF32, with fp32 sums, on the tensor cores of sm_80 and newer: cp.async into a ring of
// swizzled shared-memory tiles, ldmatrix, mma.sync. The caller says where A and B are loaded from and what
// is done with C, so that a convolution is a matrix product whose matrix is never stored.
//
// An operand is read in vectors of 16 bytes that lie together in memory, along k or along the operand's own index, its
// "lines" (rows of A, columns of B):
//
//   struct Operand {
//     using Element;                              // Bf16 or float
//     static constexpr bool kAlongDepth;          // a vector is values of k; otherwise lines
//     __device__ Line line(int batch, int line);  // what stays the same while k advances
//     __device__ Step step(int k);                // what is the same for all lines
//     __device__ const Element* at(Line, Step);   // 16-byte aligned; null reads as zeros
//     const Element* data;                        // any valid address
//   };
#pragma once

#include "common/tensor_core.h"
#include "common/values.h"

namespace eqv::gpu {

using dtype::Bf16;

constexpr int kStages = 4;

// How factors of a type are multiplied: kVector of them are read at once, kDepth of k lie in a tile, kOnce in one product.
template <class T>
struct Factors {
  static constexpr int kVector = 16 / sizeof(T), kDepth = 4 * kVector, kOnce = 2 * kVector;
};
template <class T>
__device__ void multiply(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (std::is_same_v<T, Bf16>) multiply_add(sum, a, b);
  else multiply_add_tf32(sum, a, b);
}
// Fragments in the layout that multiply() reads.
template <class T>
__device__ void prepare(uint32_t (&fragment)[4]) {
  if constexpr (std::is_same_v<T, float>)
    for (uint32_t& bits : fragment) bits = round_to_tf32(bits);
}

// 8 warps share a tile of kRows × kColumns; each computes kWarpRows × kWarpColumns of it.
template <int kRows_, int kColumns_, int kWarpRows_, int kWarpColumns_>
struct MmaTile {
  static constexpr int kRows = kRows_, kColumns = kColumns_, kWarpRows = kWarpRows_, kWarpColumns = kWarpColumns_;
  static constexpr int kWarpsAcross = kColumns / kWarpColumns;
  static_assert(kRows / kWarpRows * kWarpsAcross * 32 == kThreads);
};

using WideTile = MmaTile<128, 128, 64, 32>;
using MiddleTile = MmaTile<128, 64, 32, 32>;
using NarrowTile = MmaTile<128, 32, 16, 32>;

// kLines × kDepth values in shared memory. Vectors of a row are permuted so that the 8 rows an ldmatrix reads lie in
// different banks.
template <class T, bool kAlongDepth, int kLines>
struct OperandTile {
  static constexpr int kDepth = Factors<T>::kDepth, kVector = Factors<T>::kVector;
  static constexpr int kVectors = kLines * kDepth / kVector;  // in all
  static constexpr int kAcross = (kAlongDepth ? kDepth : kLines) / kVector;

  alignas(128) T values[kLines * kDepth];

  // The vector with this value.
  __device__ T* at(int line, int k) {
    const int row = kAlongDepth ? line : k, vector = (kAlongDepth ? k : line) / kVector;
    const int turned = vector ^ (kAcross >= 8 ? row % 8 : row / 2 % 4);
    return values + (row * kAcross + turned) * kVector;
  }
  __device__ uint32_t bits(int line, int k) { return __builtin_bit_cast(uint32_t, at(line, k)[line % kVector]); }
};

// The part of an operand's tile that one thread copies.
template <class Operand, int kLines>
class TileCopy {
  static constexpr bool kAlongDepth = Operand::kAlongDepth;
  using Tile = OperandTile<typename Operand::Element, kAlongDepth, kLines>;
  static constexpr int kVector = Tile::kVector;
  static constexpr int kCopies = (Tile::kVectors + kThreads - 1) / kThreads;
  using Line = decltype(std::declval<const Operand&>().line(0, 0));

 public:
  __device__ TileCopy(const Operand& operand, int batch, int line0, int lines) : operand_(operand) {
    for (int i = 0; i < (kAlongDepth ? kCopies : 1); ++i) {
      const int line = line0 + line_of(i);
      inside_[i] = line < lines;
      line_[i] = operand.line(batch, inside_[i] ? line : 0);
    }
  }

  __device__ void run(Tile& tile, int k0, int end) const {
    for (int i = 0; i < kCopies; ++i) {
      if (Tile::kVectors < kThreads && static_cast<int>(threadIdx.x) >= Tile::kVectors) return;
      const int k = k0 + depth_of(i), l = kAlongDepth ? i : 0;
      const bool inside = inside_[l] && k < end;
      copy_async(tile.at(line_of(i), depth_of(i)), inside ? operand_.at(line_[l], operand_.step(k)) : nullptr,
                 operand_.data);
    }
  }

 private:
  // Where in the tile this thread's copy number i goes: neighbouring threads copy neighbouring vectors.
  __device__ static int line_of(int i) {
    const int v = static_cast<int>(threadIdx.x) + i * kThreads;
    return kAlongDepth ? v / Tile::kAcross : v % Tile::kAcross * kVector;
  }
  __device__ static int depth_of(int i) {
    const int v = static_cast<int>(threadIdx.x) + i * kThreads;
    return kAlongDepth ? v % Tile::kAcross * kVector : v / Tile::kAcross;
  }

  const Operand& operand_;
  Line line_[kAlongDepth ? kCopies : 1];
  bool inside_[kAlongDepth ? kCopies : 1];
};

// Fragments of A for 16 rows × kOnce of k, of B for 16 columns × kOnce of k (two products wide), from their tiles. A tile
// that lies across the depth is transposed by ldmatrix if its elements have 16 bits; others are read one by one.
template <class T, bool kAlongDepth, int kLines>
__device__ void load_a(uint32_t (&a)[4], OperandTile<T, kAlongDepth, kLines>& tile, int row, int k) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if constexpr (kAlongDepth) load_matrices<false>(a, tile.at(row + lane % 16, k + lane / 16 * tile.kVector));
  else if constexpr (sizeof(T) == 2) load_matrices<true>(a, tile.at(row + lane / 8 % 2 * 8, k + lane % 8 + lane / 16 * 8));
  else
    for (int i = 0; i < 4; ++i) a[i] = tile.bits(row + i % 2 * 8 + lane / 4, k + i / 2 * 4 + lane % 4);
  prepare<T>(a);
}

template <class T, bool kAlongDepth, int kLines>
__device__ void load_b(uint32_t (&b)[4], OperandTile<T, kAlongDepth, kLines>& tile, int column, int k) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if constexpr (kAlongDepth)
    load_matrices<false>(b, tile.at(column + lane % 8 + lane / 16 * 8, k + lane / 8 % 2 * tile.kVector));
  else if constexpr (sizeof(T) == 2) load_matrices<true>(b, tile.at(column + lane / 16 * 8, k + lane % 16));
  else
    for (int i = 0; i < 4; ++i) b[i] = tile.bits(column + i / 2 * 8 + lane / 4, k + i % 2 * 4 + lane % 4);
  prepare<T>(b);
}

template <class T, class A, class B>
struct MmaStages {
  static_assert(std::is_same_v<typename A::Element, typename B::Element>);
  OperandTile<typename A::Element, A::kAlongDepth, T::kRows> a[kStages];
  OperandTile<typename B::Element, B::kAlongDepth, T::kColumns> b[kStages];
};

struct MmaSize {
  int rows, columns, depth, batch;
};

// store(batch, split, row, column, first, second): the results of column, which is even, and of column + 1, which may lie
// outside. It may take them by reference and change them. A Store with a type AfterTile is then given each warp's results
// once more, as store.after_tile<kDown, kAcross>(row, column, value); see store_patches in conv2d/epilogue.h. All threads of a block
// call it. No copy is under way any more, but other warps may still read the ring: after a __syncthreads() its memory is free.
template <class T, class A, class B, class Store>
__global__ void __launch_bounds__(kThreads)
    mma_kernel(MmaSize size, int depth_of_split, const A a, const B b, const Store store) {
  using Stages = MmaStages<T, A, B>;
  using Element = typename A::Element;
  constexpr int kDepth = Factors<Element>::kDepth;
  Stages& stages = shared_memory<Stages>();
  const int across = (size.columns + T::kColumns - 1) / T::kColumns;
  const int row0 = static_cast<int>(blockIdx.x) / across * T::kRows;
  const int column0 = static_cast<int>(blockIdx.x) % across * T::kColumns;
  const int batch = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.z);
  const int begin = split * depth_of_split;
  const int end = begin + depth_of_split < size.depth ? begin + depth_of_split : size.depth;
  const int steps = (end - begin + kDepth - 1) / kDepth;
  const TileCopy<A, T::kRows> copy_a(a, batch, row0, size.rows);
  const TileCopy<B, T::kColumns> copy_b(b, batch, column0, size.columns);
  const auto fetch = [&](int step) {
    if (step < steps) {
      copy_a.run(stages.a[step % kStages], begin + step * kDepth, end);
      copy_b.run(stages.b[step % kStages], begin + step * kDepth, end);
    }
    commit_copies();
  };

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_row = warp / T::kWarpsAcross * T::kWarpRows, warp_column = warp % T::kWarpsAcross * T::kWarpColumns;
  constexpr int kDown = T::kWarpRows / 16, kAcross = T::kWarpColumns / 8;
  float sum[kDown][kAcross][4] = {};
  for (int step = 0; step < kStages - 1; ++step) fetch(step);
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<kStages - 2>();
    __syncthreads();              // this step's tiles are there, for all threads; those of the step before have been read
    fetch(step + kStages - 1);    // into the tiles of the step before
    auto& tile_a = stages.a[step % kStages];
    auto& tile_b = stages.b[step % kStages];
#pragma unroll
    for (int k = 0; k < kDepth; k += Factors<Element>::kOnce) {
      uint32_t fa[kDown][4], fb[kAcross][2];
#pragma unroll
      for (int i = 0; i < kDown; ++i) load_a(fa[i], tile_a, warp_row + i * 16, k);
#pragma unroll
      for (int j = 0; j < kAcross; j += 2) {
        uint32_t two[4];
        load_b(two, tile_b, warp_column + j * 8, k);
        fb[j][0] = two[0], fb[j][1] = two[1], fb[j + 1][0] = two[2], fb[j + 1][1] = two[3];
      }
#pragma unroll
      for (int i = 0; i < kDown; ++i)
#pragma unroll
        for (int j = 0; j < kAcross; ++j) multiply<Element>(sum[i][j], fa[i], fb[j]);
    }
  }

#pragma unroll
  for (int i = 0; i < kDown; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = row0 + warp_row + i * 16 + half * 8 + lane / 4;
      if (row >= size.rows) continue;
#pragma unroll
      for (int j = 0; j < kAcross; ++j) {
        const int column = column0 + warp_column + j * 8 + lane % 4 * 2;
        if (column < size.columns) store(batch, split, row, column, sum[i][j][2 * half], sum[i][j][2 * half + 1]);
      }
    }
  if constexpr (requires { typename Store::AfterTile; })
    store.template after_tile<kDown, kAcross>(
        row0 + warp_row, column0 + warp_column,
        [&](int i, int j, int half, int e) { return sum[i][j][2 * half + e]; });
}

template <class T, class A, class B, class Store>
void mma_gemm_tiled(Stream& stream, const char* name, MmaSize size, int depth_of_split, A a, B b, Store store) {
  const int64_t tiles = ceil_div(size.rows, T::kRows) * ceil_div(size.columns, T::kColumns);
  const auto splits = static_cast<unsigned>(std::max<int64_t>(1, ceil_div(size.depth, depth_of_split)));
  launch(stream, name, dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(size.batch), splits), dim3(kThreads),
         sizeof(MmaStages<T, A, B>), mma_kernel<T, A, B, Store>, size, depth_of_split, a, b, store);
}

// Rows of the results that one warp has.
inline int warp_rows(int columns) {
  return columns <= NarrowTile::kColumns   ? NarrowTile::kWarpRows
         : columns <= MiddleTile::kColumns ? MiddleTile::kWarpRows
                                           : WideTile::kWarpRows;
}

// The product, cut along k every depth_of_split (a multiple of 32) values.
template <class A, class B, class Store>
void mma_gemm(Stream& stream, const char* name, MmaSize size, int depth_of_split, A a, B b, Store store) {
  if (size.columns <= NarrowTile::kColumns)
    mma_gemm_tiled<NarrowTile>(stream, name, size, depth_of_split, a, b, store);
  else if (size.columns <= MiddleTile::kColumns)
    mma_gemm_tiled<MiddleTile>(stream, name, size, depth_of_split, a, b, store);
  else mma_gemm_tiled<WideTile>(stream, name, size, depth_of_split, a, b, store);
}

template <class A, class B, class Store>
void mma_gemm(Stream& stream, const char* name, MmaSize size, A a, B b, Store store) {
  mma_gemm(stream, name, size, std::max(Factors<typename A::Element>::kDepth, size.depth), a, b, store);
}

}  // namespace eqv::gpu
