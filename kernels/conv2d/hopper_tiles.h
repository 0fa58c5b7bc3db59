// How a convolution is cut into tiles for sm_90a, and the loops that load and multiply them (conv2d_hopper.cu launches
// them; docs/kernels/conv2d.md has the reasons).
//
// A tile is a result of 128 × 256, or two of 64 × 256, always as products m64n256k16: operand a has 64 rows a warpgroup,
// operand b 256. Rows of a are pixels and of b channels, or with kSwapAB the other way round, for few channels. Two blocks
// are a cluster that loops over pairs of tiles, neighbours in pixels, of the same channels: each loads its own pixels, and
// half of the weights for both.
//
// A sum goes over the taps of a column of the window before it goes to the next column: so hopper_slabs.h has the same bits.
#pragma once

#include "common/values.h"
#include "conv2d/epilogue.h"
#include "conv2d/hopper_pipeline.h"

namespace eqv::gpu {

constexpr int kConvBlocks = 2, kMostParities = 4;

// The convolution whose results are the pixels of one parity (parity.h).
struct Parity {
  int rows, columns, pixels;    // of these results: P, Q, N·P·Q
  int i0, j0;                   // result (u, v) is pixel (u·step + i0, v·step + j0) of the image
  int first_row, first_column;  // the pixel of the source that tap (0, 0) of result (0, 0) reads
  int taps_down, taps_across;
  int weight_tap, weight_down, weight_across;  // tap (r, s) is tap weight_tap + r·weight_down + s·weight_across of weights
  int pairs_before;                            // pairs of pixel tiles of the parities before
  Patches patches;
};

struct Conv {
  Parity parities[kMostParities];
  int count;                          // of parities
  int work;                           // pairs of pixel tiles × tiles of channels
  int channels, channel_tiles;        // of the result
  int height, width, step;            // of the image that the results are in
  int stride, slices;                 // through the source; slices of 64 channels of it
  Epilogue<dtype::Bf16> epilogue;
  dtype::Bf16* result;
  uint64_t* report;  // of waits that do not end
};

// For each parity, the map of the source's pixels that it reads.
struct PixelMaps {
  TensorMap of[kMostParities];
};

// kSwapAB: a is weights, b pixels. kPingPong: each warpgroup has tiles of its own, and one multiplies while the other stores.
// Otherwise they are cooperative: they share a tile, half of the rows of a each.
template <bool kSwapAB_, bool kPingPong_>
struct Tiling {
  static constexpr bool kSwapAB = kSwapAB_, kPingPong = kPingPong_;
  static constexpr int kA = kPingPong ? 64 : 128, kB = 256, kStages = 4;
  static constexpr int kPixels = kSwapAB ? kB : kA, kChannels = kSwapAB ? kA : kB;
  static constexpr int kWeightRows = kChannels / kConvBlocks;  // that a block loads
  static constexpr bool kSlabs = false;
  using Stage = Operands<kA, kB>;
  using Pipe = Pipeline<Stage, kStages, kConvBlocks>;

  // What a block reads of a tile with so many steps.
  static constexpr int64_t tile_bytes(int64_t steps) { return steps * (kPixels + kWeightRows) * kTileRow; }
  static constexpr int64_t tile_copies(int64_t steps) { return steps * 2; }

  static __device__ dtype::Bf16* pixels(Stage& s) { return kSwapAB ? s.b : s.a; }
  static __device__ dtype::Bf16* weights(Stage& s) { return kSwapAB ? s.a : s.b; }
};

struct Tile {
  int parity, pixel, channel;  // the first ones
};

// A pixel of the results of a parity: its image, row and column.
struct Place {
  int n, i, j;
};

// Of the pixel with this number.
template <class T>
  requires(!T::kSlabs)
__device__ Place place_of(const Parity& p, int pixel) {
  const int line = pixel / p.columns;
  return {line / p.rows, line % p.rows, pixel % p.columns};
}

// Channels change fastest: the tiles that read the same pixels run at the same time, and find them in the cache.
template <class T>
__device__ Tile tile_of(const Conv& c, int work, unsigned rank) {
  const int pair = work / c.channel_tiles;
  int parity = 0;
  while (parity + 1 < c.count && pair >= c.parities[parity + 1].pairs_before) ++parity;
  const int tile = (pair - c.parities[parity].pairs_before) * kConvBlocks + static_cast<int>(rank);
  return {parity, tile * T::kPixels, work % c.channel_tiles * T::kChannels};
}

// Starts the copies of every tile of this block, as stages become empty.
template <class T>
  requires(!T::kSlabs)
__device__ void produce(typename T::Pipe& pipeline, const Conv& c, const PixelMaps& pixels, const TensorMap& weights) {
  const unsigned rank = cluster_rank();
  const int share = static_cast<int>(rank) * T::kWeightRows;
  PipelineState<T::kStages> state;
  for (int work = static_cast<int>(blockIdx.x) / kConvBlocks; work < c.work; work += static_cast<int>(gridDim.x) / kConvBlocks) {
    const Tile tile = tile_of<T>(c, work, rank);
    const Parity& p = c.parities[tile.parity];
    const Place first = place_of<T>(p, tile.pixel);
    const int i = first.i * c.stride + p.first_row, j = first.j * c.stride + p.first_column;
    for (int s = 0; s < p.taps_across; ++s)
      for (int slice = 0; slice < c.slices; ++slice)
        for (int r = 0; r < p.taps_down; ++r) {
          const int tap = p.weight_tap + r * p.weight_down + s * p.weight_across;
          Barrier* full = pipeline.producer_acquire(state.stage, state.phase ^ 1);
          auto& stage = pipeline.stages[state.stage];
          copy_pixels(T::pixels(stage), pixels.of[tile.parity], full, first.n, i, j, slice * kTileDepth, r, s);
          multicast_matrix_box(T::weights(stage) + share * kTileDepth, weights, full, pipeline.kEveryBlock, tile.channel + share,
                               (tap * c.slices + slice) * kTileDepth);
          state.advance();
        }
  }
}

// Ping-pong: the warpgroups consume the stages of their tiles one after the other. One waits for a stage only when the other
// has waited for all stages of the tile before; earlier it could take an older phase of the same parity for its own.
struct OrderedSequenceBarrier {
  Barrier done[2];  // of each warpgroup: a phase for each of its tiles

  __device__ void init() {
    if (threadIdx.x == 0)
      for (Barrier& d : done) barrier_init(&d, 1);
  }
  // Before the `count`-th tile of this warpgroup.
  __device__ void wait(int group, int count, uint64_t* const* report) {
    const auto turn = static_cast<unsigned>(group);
    if (group == 1) barrier_wait(&done[0], static_cast<unsigned>(count) & 1, Wait::order, turn, report);
    else if (count > 0) barrier_wait(&done[1], static_cast<unsigned>(count - 1) & 1, Wait::order, turn, report);
  }
  __device__ void arrive(int group, unsigned thread) {
    if (thread == 0) barrier_arrive(&done[group]);
  }
};

constexpr int kSums = 128;  // of a thread: 64 × 256 of a warpgroup

// Multiplies this warpgroup's part of every tile. begin(tile) is called before, and store(tile, sums) with its sums.
template <class T, class Begin, class Store>
  requires(!T::kSlabs)
__device__ void consume(typename T::Pipe& pipeline, OrderedSequenceBarrier& order, const Conv& c, Begin begin, Store store) {
  const int group = static_cast<int>(threadIdx.x) / kWarpgroup - 1;
  const unsigned thread = threadIdx.x % kWarpgroup, rank = cluster_rank();
  PipelineState<T::kStages> state;
  [[maybe_unused]] int tiles = 0;  // of this block so far
  for (int work = static_cast<int>(blockIdx.x) / kConvBlocks; work < c.work; work += static_cast<int>(gridDim.x) / kConvBlocks) {
    const Tile tile = tile_of<T>(c, work, rank);
    const Parity& p = c.parities[tile.parity];
    const int steps = p.taps_down * p.taps_across * c.slices;
    if constexpr (T::kPingPong) {
      const int mine = tiles / 2;
      if (tiles++ % 2 != group) {
        state.advance(steps);
        continue;
      }
      begin(tile);
      order.wait(group, mine, &pipeline.report);
    } else {
      begin(tile);
    }
    float sum[kSums];
    int before = 0;
    for (int step = 0; step < steps; ++step) {
      auto& stage = pipeline.stages[state.stage];
      const dtype::Bf16* a = stage.a + (T::kPingPong ? 0 : group * 64 * kTileDepth);
      pipeline.consumer_wait(state.stage, state.phase);
      warpgroup_fence();
#pragma unroll
      for (int k = 0; k < kTileDepth; k += 16) warpgroup_multiply(sum, operand(a, k), operand(stage.b, k), step > 0 || k > 0);
      warpgroup_commit();
      warpgroup_wait<1>();  // the products of the step before are done: its tiles may be overwritten
      if (step > 0) pipeline.consumer_release(before, thread);
      before = state.stage;
      state.advance();
    }
    if constexpr (T::kPingPong) order.arrive(group, thread);
    warpgroup_wait<0>();
    pipeline.consumer_release(before, thread);
    store(tile, sum);
  }
}

template <class T, class Staging>
struct ConvShared {
  typename T::Pipe pipeline;
  Staging staging[2];
  OrderedSequenceBarrier order;
};

// The main function of a block; hopper_slabs.h has its own produce and consume. begin(tile, staging, next) and
// store(tile, sums, staging, next) get the warpgroup's staging memory and `next`, a number that only they change.
template <class T, class Staging, class Begin, class Store>
__device__ void convolve_tiles(const Conv& c, const PixelMaps& pixels, const TensorMap& weights, Begin begin, Store store) {
  using Shared = ConvShared<T, Staging>;
  static_assert(sizeof(Shared) <= 227 << 10, "a block of sm_90 has 227 KiB of shared memory");
  Shared& shared = shared_memory<Shared>();
  shared.order.init();
  shared.pipeline.init(T::kPingPong ? 1 : 2, c.report);
  if (threadIdx.x < kWarpgroup) {
    registers_down<40>();
    if (threadIdx.x == 0) produce<T>(shared.pipeline, c, pixels, weights);
  } else {
    registers_up<232>();
    Staging& staging = shared.staging[threadIdx.x / kWarpgroup - 1];
    int next = 0;
    consume<T>(
        shared.pipeline, shared.order, c, [&](const Tile& tile) { begin(tile, staging, next); },
        [&](const Tile& tile, const float(&sum)[kSums]) { store(tile, sum, staging, next); });
    wait_for_stores<0>();
  }
  shared.pipeline.finish();
}

}  // namespace eqv::gpu
