// The epilogue of a warpgroup's sums (hopper_tiles.h): the results, rounded, go to shared memory as boxes of
// 64 pixels × 64 channels, and from there to the result in whole lines. A residual comes the same way in the other direction,
// and statistics are made of what the box holds.
#pragma once

#include "common/pairs.h"
#include "common/tensor_core.h"
#include "conv2d/hopper_tiles.h"

namespace eqv::gpu {

constexpr int kBoxPixels = 64, kBoxChannels = 64, kBoxes = kSums / 32, kPatchRows = kBoxPixels;

// Two boxes a warpgroup: one is read while the next is written.
struct Staging {
  alignas(1024) dtype::Bf16 boxes[2][kBoxPixels * kBoxChannels];
};

// The units of 16 bytes of a box: a pixel's 128 by eight threads. copy(place in the image batch, place in the box) for those
// that are inside.
template <class T, class Copy>
__device__ void each_unit(const Conv& c, const Parity& p, dtype::Bf16* box, int pixel, int channel, int thread, Copy copy) {
  constexpr int kUnit = 8, kUnits = kBoxChannels / kUnit, kApart = kWarpgroup / kUnits;
  static_assert(kApart % 8 == 0, "the swizzle is the same for all rows of a thread");
  const int at = channel + thread % kUnits * kUnit, first = thread / kUnits;
  auto* unit = reinterpret_cast<unsigned char*>(box) +
               swizzled_128(static_cast<unsigned>(first) * kTileRow + static_cast<unsigned>(thread % kUnits) * 16);
  if (at >= c.channels) return;
  const auto in_batch = [&c](int n, int i, int j) { return (int64_t{n} * c.height + i) * c.width + j; };
  [[maybe_unused]] const Place box_at = T::kSlabs ? place_of<T>(p, pixel) : Place{};
#pragma unroll
  for (int k = 0; k < kBoxPixels / kApart; ++k) {
    const int in_box = first + k * kApart, result = pixel + in_box;
    if (result >= p.pixels) continue;
    int64_t place = result;
    if constexpr (T::kSlabs) {
      place = in_batch(box_at.n, box_at.i + in_box / T::kWidth, box_at.j + in_box % T::kWidth);
    } else if (c.step > 1) {
      const Place of_parity = place_of<T>(p, result);
      place = in_batch(of_parity.n, of_parity.i * c.step + p.i0, of_parity.j * c.step + p.j0);
    }
    copy(place * c.channels + at, unit + k * kApart * static_cast<int>(kTileRow));
  }
}

// A warp's patches of the rows first … beyond − 1 of a box, which are of one sample; kWhole: of all its rows. A warp has 16
// channels of the 64 pixels, a lane two of them and every eighth pixel. Where the box is whole its values are read together: one
// after the other, each would wait for shared memory. This code is there once for each box of a tile, so the other case is short.
template <bool kWhole>
__device__ void store_patches_of(const Patches& patches, PatchSums* to, const dtype::Bf16* box, int first, int beyond, int channel,
                                 int channels, int warp, int lane) {
  const auto pair = [box](int row, int column) {
    const unsigned offset = swizzled_128(static_cast<unsigned>(row) * kTileRow + static_cast<unsigned>(column) * 2);
    return *reinterpret_cast<const uint32_t*>(reinterpret_cast<const unsigned char*>(box) + offset);
  };
  const bool apart = patches.unit == 1;  // the two values of a pair are of two patches
  const int shift_of_unit = patches.unit < 4 ? patches.unit / 2 : patches.unit / 4 + 1;  // of 1, 2, 4, 8
#pragma unroll 1
  for (int j = 0; j < 16; j += 8) {
    const int column = warp * 16 + j + lane % 4 * 2;
    const uint32_t start = pair(kWhole ? 0 : first, apart ? column : column & -patches.unit);
    const float shift = lower(start), other_shift = apart ? upper(start) : shift;
    PatchSums sums{shift, 0, 0}, others{other_shift, 0, 0};
    const auto add = [&](uint32_t two) {
      const float d = lower(two) - shift, e = upper(two) - other_shift;
      sums.sum += d, sums.squares += d * d, others.sum += e, others.squares += e * e;
    };
    if constexpr (kWhole) {
      uint32_t two[kBoxPixels / 8];
#pragma unroll
      for (int k = 0; k < kBoxPixels / 8; ++k) two[k] = pair(lane / 4 + 8 * k, column);
#pragma unroll
      for (int k = 0; k < kBoxPixels / 8; ++k) add(two[k]);
    } else {
#pragma unroll 1
      for (int row = lane / 4; row < beyond; row += 8)
        if (row >= first) add(pair(row, column));
    }
    if (!apart) sums.sum += others.sum, sums.squares += others.squares;
#pragma unroll 1
    for (int e = 0; e < (apart ? 2 : 1); ++e) {
      const int at = channel + column + e;
      sums.sum = join_patch(sums.sum, patches.unit), sums.squares = join_patch(sums.squares, patches.unit);
      if (lane < 4 && at < channels && (at & (patches.unit - 1)) == 0) to[at >> shift_of_unit] = sums;
      sums = others;
    }
  }
}

// The patches of a box.
__device__ inline void store_box_patches(const Conv& c, const Parity& p, const dtype::Bf16* box, int pixel, int channel,
                                         int warp, int lane) {
  const Patches& patches = p.patches;
  const int end = smaller(pixel + kPatchRows, p.pixels);
#pragma unroll 1
  for (int sample = pixel / patches.rows_of_sample; sample * patches.rows_of_sample < end; ++sample) {
    const int first = larger(0, sample * patches.rows_of_sample - pixel);
    const int beyond = smaller(end, (sample + 1) * patches.rows_of_sample) - pixel;
    PatchSums* to = patches.data + (int64_t{pixel / kPatchRows} + sample) * patches.units;
    if (beyond - first == kPatchRows) store_patches_of<true>(patches, to, box, 0, kPatchRows, channel, c.channels, warp, lane);
    else store_patches_of<false>(patches, to, box, first, beyond, channel, c.channels, warp, lane);
  }
}

// The part of a tile that a warpgroup stores.
template <class T>
struct PartOfTile {
  int pixels, channels;  // the first ones

  __device__ explicit PartOfTile(const Tile& tile) {
    const int group = T::kPingPong ? 0 : static_cast<int>(threadIdx.x) / kWarpgroup - 1;
    pixels = tile.pixel + (T::kSwapAB ? 0 : group * 64), channels = tile.channel + (T::kSwapAB ? group * 64 : 0);
  }
  __device__ int pixel(int box) const { return pixels + (T::kSwapAB ? box * kBoxPixels : 0); }
  __device__ int channel(int box) const { return channels + (T::kSwapAB ? 0 : box * kBoxChannels); }
  __device__ bool has(const Conv& c, const Parity& p, int box) const {
    return box < kBoxes && pixel(box) < p.pixels && channel(box) < c.channels;
  }
};

// Starts to copy the residual of a box to where its results will be. A copy may take as long as a hundred instructions: it is
// started a box earlier, the first one of a tile before its products.
template <class T>
__device__ void fetch_residual(const Conv& c, const Parity& p, const PartOfTile<T>& part, int box, dtype::Bf16* to) {
  const dtype::Bf16* residual = c.epilogue.residual;
  each_unit<T>(c, p, to, part.pixel(box), part.channel(box), static_cast<int>(threadIdx.x) % kWarpgroup,
            [residual](int64_t at, void* unit) { copy_async(unit, residual + at, residual); });
  commit_copies();
}

// Before the products of a tile: `next` is the box that its results will begin with.
template <class T>
__device__ void begin_tile(const Conv& c, const Tile& tile, Staging& staging, int next) {
  const Parity& p = c.parities[tile.parity];
  const PartOfTile<T> part(tile);
  if (!c.epilogue.residual || !part.has(c, p, 0)) return;
  if (threadIdx.x % kWarpgroup == 0) wait_for_stores<1>();
  warpgroup_barrier();  // no store reads this box any more
  fetch_residual(c, p, part, 0, staging.boxes[next]);
}

// The biases of the channels of a lane's sums: of two rows of a, or of eight pairs of columns of a box. Read together, before they
// are used.
template <class T>
struct LaneBiases {
  float of[T::kSwapAB ? 1 : 8][2] = {};

  // `channel`: the first one of this warpgroup's part of a tile.
  __device__ void read_for_tile(const float* bias, int channel, int channels, int warp, int lane) {
    if constexpr (T::kSwapAB) {
      if (!bias) return;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int at = channel + warp * 16 + lane / 4 + h * 8;
        if (at < channels) of[0][h] = bias[at];
      }
    }
  }
  // `channel`: the first one of the box.
  __device__ void read_for_box(const float* bias, int channel, int channels, int lane) {
    if constexpr (!T::kSwapAB) {
      if (!bias) return;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int at = channel + i * 8 + lane % 4 * 2;
        if (at < channels) of[i][0] = bias[at], of[i][1] = bias[at + 1];
      }
    }
  }
};

// Places the results of box b of a tile in shared memory, rounded: activate(sum + bias), or where the box holds a residual
// activate(sum + bias + residual).
template <class T, class Activate>
__device__ void place_results(const float (&sum)[kSums], int b, const LaneBiases<T>& bias, dtype::Bf16* box, bool residual,
                              int warp, int lane, Activate activate) {
  // The 8×8 matrix, and its row, that this lane places: rows of a, 16 a warp, and columns.
  const int a_row = warp * 16 + lane / 8 % 2 * 8, b_row = lane / 16 * 8, row = lane % 8;
  auto* bytes = reinterpret_cast<unsigned char*>(box);
#pragma unroll
  for (int j = 0; j < 4; ++j) {  // 16 columns of the products
    const int at_pixel = T::kSwapAB ? j * 16 + b_row + row : a_row + row, at_channel = T::kSwapAB ? a_row : j * 16 + b_row;
    void* place = bytes + swizzled_128(static_cast<unsigned>(at_pixel) * kTileRow + static_cast<unsigned>(at_channel) * 2);
    uint32_t four[4] = {};
    if (residual) load_matrices<T::kSwapAB>(four, place);
#pragma unroll
    for (int k = 0; k < 2; ++k) {  // 8 of them: two matrices, one below the other
      const int at = b * 32 + j * 8 + k * 4;
      const float* of_pair = bias.of[T::kSwapAB ? 0 : 2 * j + k];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        uint32_t& pair = four[k * 2 + h];
        const float first = sum[at + 2 * h] + of_pair[T::kSwapAB ? h : 0];
        const float second = sum[at + 2 * h + 1] + of_pair[T::kSwapAB ? h : 1];
        pair = pack(activate(first + lower(pair)), activate(second + upper(pair)));
      }
    }
    store_matrices<T::kSwapAB>(place, four);
  }
}

// Stores a box of results that lie side by side. `map`: the result as a matrix {pixel, channel}, or of slabs as an image batch.
template <class T>
__device__ void store_box(const Parity& p, const dtype::Bf16* box, const TensorMap& map, int pixel, int channel) {
  if constexpr (T::kSlabs) {
    const Place at = place_of<T>(p, pixel);
    store_image_box(box, map, at.n, at.i, at.j, channel);
  } else {
    store_matrix_box(box, map, pixel, channel);
  }
  commit_stores();
}

// Rounds and stores the sums of this warpgroup's part of a tile. `map`: for store_box. `next` is the box to use next, the one used less recently; when this returns stores may still be
// reading both.
template <class T>
__device__ void store_tile(const Conv& c, const Tile& tile, const float (&sum)[kSums], Staging& staging, int& next,
                           const TensorMap& map) {
  const Parity& p = c.parities[tile.parity];
  const PartOfTile<T> part(tile);
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / 32, lane = thread % 32;
  const Epilogue<dtype::Bf16>& e = c.epilogue;
  LaneBiases<T> bias;
  bias.read_for_tile(e.bias, part.channels, c.channels, warp, lane);
#pragma unroll
  for (int b = 0; b < kBoxes; ++b) {
    if (!part.has(c, p, b)) break;
    const int pixel = part.pixel(b), channel = part.channel(b);
    dtype::Bf16* box = staging.boxes[next];
    next ^= 1;
    bias.read_for_box(e.bias, channel, c.channels, lane);
    if (e.residual) {
      if (thread == 0) wait_for_stores<0>();
      wait_for_copies<0>();
      warpgroup_barrier();  // the residual is here, and no store reads the other box any more
      if (part.has(c, p, b + 1)) fetch_residual(c, p, part, b + 1, staging.boxes[next]);
    } else {
      if (thread == 0) wait_for_stores<1>();
      warpgroup_barrier();  // no store reads this box any more
    }
    const auto place = [&](auto activate) {
      place_results(sum, b, bias, box, e.residual != nullptr, warp, lane, activate);
    };
    // One branch a box, not one a value.
    if (e.activation == EQV_SILU) place([](float v) { return quick_silu(v); });
    else place([&e](float v) { return v <= 0.0f ? (e.activation == EQV_RELU ? 0.0f : v * e.slope) : v; });
    const bool apart = !T::kSlabs && c.step > 1;
    if (!apart) fence_async_proxy();
    warpgroup_barrier();
    if (apart) each_unit<T>(c, p, box, pixel, channel, thread, [&](int64_t at, const void* unit) { copy_16(c.result + at, unit); });
    else if (thread == 0) store_box<T>(p, box, map, pixel, channel);
    if (p.patches.data) store_box_patches(c, p, box, pixel, channel, warp, lane);
  }
}

}  // namespace eqv::gpu
