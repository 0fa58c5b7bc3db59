// Convolutions with three rows of taps and stride 1 for sm_90a, whose pixels come as slabs: the tiles of hopper_tiles.h, but of
// neighbours down as well as across. A tile is 8 pixels wide, and a slab is its pixels as one column of taps sees them, with
// the row above and the row below. A row of a slab has the 1024 bytes after which the 128-byte swizzle repeats. So the three
// taps of the column are the same slab, with the operand beginning one row further down each time: it is loaded once, where
// hopper_tiles.h loads three times as many pixels of a tile.
//
// Pixels are numbered tile by tile, and within a tile by rows; 64 of them in this order are a box of 8 × 8.
#pragma once

#include "conv2d/hopper_tiles.h"

namespace eqv::gpu {

// Each block loads its own slabs; both blocks of a cluster share the weights. Reports of waits count the stages
// of the slabs from kFirstSlab on.
template <class Slab, class Weights>
struct SlabPipelines {
  static constexpr int kSlabs = 3, kWeights = sizeof(Weights) > sizeof(Slab) ? 4 : 5, kFirstSlab = 16;
  Pipeline<Slab, kSlabs, 1, kFirstSlab> slabs;
  Pipeline<Weights, kWeights, kConvBlocks> weights;

  __device__ void init(unsigned consumers, uint64_t* reports) {
    slabs.init(consumers, reports);
    weights.init(consumers, reports);
  }
  __device__ void finish() { weights.finish(); }
};

// The convolutions that it takes have whole tiles only: takes_slabs.
template <bool kSwapAB_>
struct SlabTiling {
  static constexpr bool kSwapAB = kSwapAB_, kPingPong = false, kSlabs = true;
  static constexpr int kA = 128, kB = 256;
  static constexpr int kPixels = kSwapAB ? kB : kA, kChannels = kSwapAB ? kA : kB;
  static constexpr int kWeightRows = kChannels / kConvBlocks;
  static constexpr int kTaps = 3, kWidth = 8, kRows = kPixels / kWidth, kSlabRows = kRows + kTaps - 1;
  struct Slab {
    dtype::Bf16 pixels[kSlabRows * kWidth * kTileDepth];
  };
  struct Weights {
    dtype::Bf16 rows[kChannels * kTileDepth];
  };
  using Pipe = SlabPipelines<Slab, Weights>;

  static constexpr int64_t tile_bytes(int64_t steps) {
    return steps / kTaps * static_cast<int64_t>(sizeof(Slab)) + steps * kWeightRows * kTileRow;
  }
  static constexpr int64_t tile_copies(int64_t steps) { return steps / kTaps + steps; }
};

template <class T>
  requires T::kSlabs
__device__ Place place_of(const Parity& p, int pixel) {
  const int tile = pixel / T::kPixels, across = p.columns / T::kWidth, down = p.rows / T::kRows, line = tile / across;
  return {line / down, line % down * T::kRows + pixel % T::kPixels / T::kWidth, tile % across * T::kWidth};
}

template <class T>
  requires T::kSlabs
__device__ void produce(typename T::Pipe& pipelines, const Conv& c, const PixelMaps& pixels, const TensorMap& weights) {
  const unsigned rank = cluster_rank();
  const int share = static_cast<int>(rank) * T::kWeightRows;
  PipelineState<T::Pipe::kSlabs> slab;
  PipelineState<T::Pipe::kWeights> state;
  for (int work = static_cast<int>(blockIdx.x) / kConvBlocks; work < c.work; work += static_cast<int>(gridDim.x) / kConvBlocks) {
    const Tile tile = tile_of<T>(c, work, rank);
    const Parity& p = c.parities[0];
    const Place first = place_of<T>(p, tile.pixel);
    for (int s = 0; s < p.taps_across; ++s)
      for (int slice = 0; slice < c.slices; ++slice) {
        Barrier* full = pipelines.slabs.producer_acquire(slab.stage, slab.phase ^ 1);
        copy_image_box(pipelines.slabs.stages[slab.stage].pixels, pixels.of[0], full, first.n, first.i + p.first_row,
                       first.j + p.first_column + s, slice * kTileDepth);
        slab.advance();
        for (int r = 0; r < T::kTaps; ++r) {
          const int tap = p.weight_tap + r * p.weight_down + s * p.weight_across;
          full = pipelines.weights.producer_acquire(state.stage, state.phase ^ 1);
          multicast_matrix_box(pipelines.weights.stages[state.stage].rows + share * kTileDepth, weights, full,
                               pipelines.weights.kEveryBlock, tile.channel + share, (tap * c.slices + slice) * kTileDepth);
          state.advance();
        }
      }
  }
}

template <class T, class Begin, class Store>
  requires T::kSlabs
__device__ void consume(typename T::Pipe& pipelines, OrderedSequenceBarrier&, const Conv& c, Begin begin, Store store) {
  const int group = static_cast<int>(threadIdx.x) / kWarpgroup - 1;
  const unsigned thread = threadIdx.x % kWarpgroup, rank = cluster_rank();
  PipelineState<T::Pipe::kSlabs> slab;
  PipelineState<T::Pipe::kWeights> state;
  for (int work = static_cast<int>(blockIdx.x) / kConvBlocks; work < c.work; work += static_cast<int>(gridDim.x) / kConvBlocks) {
    const Tile tile = tile_of<T>(c, work, rank);
    const int steps = T::kTaps * c.parities[0].taps_across * c.slices;
    begin(tile);
    float sum[kSums];
    int before = 0, slab_before = 0, r = 0;  // r: the row of taps
    for (int step = 0; step < steps; ++step) {
      if (r == 0) pipelines.slabs.consumer_wait(slab.stage, slab.phase);
      pipelines.weights.consumer_wait(state.stage, state.phase);
      const dtype::Bf16* pixels = pipelines.slabs.stages[slab.stage].pixels + r * T::kWidth * kTileDepth;
      const dtype::Bf16* weights = pipelines.weights.stages[state.stage].rows;
      const dtype::Bf16* a = (T::kSwapAB ? weights : pixels) + group * 64 * kTileDepth;
      const dtype::Bf16* b = T::kSwapAB ? pixels : weights;
      warpgroup_fence();
#pragma unroll
      for (int k = 0; k < kTileDepth; k += 16) warpgroup_multiply(sum, operand(a, k), operand(b, k), step > 0 || k > 0);
      warpgroup_commit();
      warpgroup_wait<1>();  // the products of the step before are done
      if (step > 0) pipelines.weights.consumer_release(before, thread);
      if (step > 0 && r == 0) pipelines.slabs.consumer_release(slab_before, thread);
      before = state.stage;
      state.advance();
      if (++r == T::kTaps) {
        r = 0;
        slab_before = slab.stage;
        slab.advance();
      }
    }
    warpgroup_wait<0>();
    pipelines.weights.consumer_release(before, thread);
    pipelines.slabs.consumer_release(slab_before, thread);
    store(tile, sum);
  }
}

}  // namespace eqv::gpu
