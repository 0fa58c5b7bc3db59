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
template <class Copy>
__device__ void each_unit(const Conv& c, const Parity& p, dtype::Bf16* box, int pixel, int channel, int thread, Copy copy) {
  constexpr int kUnit = 8, kUnits = kBoxChannels / kUnit;
  const int at = channel + thread % kUnits * kUnit;
#pragma unroll 1
  for (int row = thread / kUnits; row < kBoxPixels; row += kWarpgroup / kUnits) {
    const int result = pixel + row;
    if (result >= p.pixels || at >= c.channels) continue;
    const int v = result % p.columns, line = result / p.columns, u = line % p.rows, n = line / p.rows;
    const unsigned offset = swizzled_128(static_cast<unsigned>(row) * kTileRow + static_cast<unsigned>(thread % kUnits) * 16);
    copy(((int64_t{n} * c.height + u * c.step + p.i0) * c.width + v * c.step + p.j0) * c.channels + at,
         reinterpret_cast<unsigned char*>(box) + offset);
  }
}

// The patches of a box; a warp has 16 channels of its 64 pixels. The sums of the tile still fill most registers, so this reads
// the box value by value, and its loops are not unrolled.
__device__ inline void store_box_patches(const Conv& c, const Parity& p, const dtype::Bf16* box, int pixel, int channel,
                                         int warp, int lane) {
  const Patches& patches = p.patches;
  const auto pair = [box](int row, int column) {
    const unsigned offset = swizzled_128(static_cast<unsigned>(row) * kTileRow + static_cast<unsigned>(column) * 2);
    return *reinterpret_cast<const uint32_t*>(reinterpret_cast<const unsigned char*>(box) + offset);
  };
  const int end = smaller(pixel + kPatchRows, p.pixels);
#pragma unroll 1
  for (int sample = pixel / patches.rows_of_sample; sample * patches.rows_of_sample < end; ++sample) {
    const int first = larger(0, sample * patches.rows_of_sample - pixel);
    const int beyond = smaller(end, (sample + 1) * patches.rows_of_sample) - pixel;
    PatchSums* to = patches.data + (int64_t{pixel / kPatchRows} + sample) * patches.units;
#pragma unroll 1
    for (int j = 0; j < 16; j += 8) {
      const int column = warp * 16 + j + lane % 4 * 2;
      const bool apart = patches.unit == 1;  // the two values of a pair are of two patches
      const uint32_t start = pair(first, apart ? column : column / patches.unit * patches.unit);
      const float shift = lower(start), other_shift = apart ? upper(start) : shift;
      float sum = 0, squares = 0, other_sum = 0, other_squares = 0;
#pragma unroll 1
      for (int row = lane / 4; row < beyond; row += 8) {
        if (row < first) continue;
        const uint32_t two = pair(row, column);
        const float d = lower(two) - shift, e = upper(two) - other_shift;
        sum += d, squares += d * d, other_sum += e, other_squares += e * e;
      }
      if (!apart) sum += other_sum, squares += other_squares;
      const auto put = [&](float shift_of, float s, float q, int at) {
        s = join_patch(s, patches.unit), q = join_patch(q, patches.unit);
        if (lane < 4 && at < c.channels && at % patches.unit == 0) to[at / patches.unit] = {shift_of, s, q};
      };
      put(shift, sum, squares, channel + column);
      if (apart) put(other_shift, other_sum, other_squares, channel + column + 1);
    }
  }
}

// Rounds and stores the sums of this warpgroup's part of a tile. `map`: the result as a matrix {pixel, channel}, for results
// that lie side by side. `next` is the box to use next, the one used less recently; when this returns stores may still be
// reading both.
template <class T>
__device__ void store_tile(const Conv& c, const Tile& tile, const float (&sum)[kSums], Staging& staging, int& next,
                           const TensorMap& map) {
  const Parity& p = c.parities[tile.parity];
  const int group = T::kPingPong ? 0 : static_cast<int>(threadIdx.x) / kWarpgroup - 1;
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / 32, lane = thread % 32;
  const int pixels = tile.pixel + (T::kSwapAB ? 0 : group * 64), channels = tile.channel + (T::kSwapAB ? group * 64 : 0);
  // The 8×8 matrix, and its row, that this lane places: rows of a, 16 a warp, and columns.
  const int a_row = warp * 16 + lane / 8 % 2 * 8, b_row = lane / 16 * 8, row = lane % 8;
  const Epilogue<dtype::Bf16>& e = c.epilogue;
  float bias[2] = {};
  if (T::kSwapAB && e.bias)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int at = channels + warp * 16 + lane / 4 + h * 8;
      if (at < c.channels) bias[h] = e.bias[at];
    }
#pragma unroll
  for (int b = 0; b < kBoxes; ++b) {
    const int pixel = pixels + (T::kSwapAB ? b * kBoxPixels : 0), channel = channels + (T::kSwapAB ? 0 : b * kBoxChannels);
    if (pixel >= p.pixels || channel >= c.channels) break;
    dtype::Bf16* box = staging.boxes[next];
    next ^= 1;
    auto* bytes = reinterpret_cast<unsigned char*>(box);
    if (thread == 0) wait_for_stores<1>();
    warpgroup_barrier();  // no store reads this box any more
    if (e.residual) {
      each_unit(c, p, box, pixel, channel, thread, [&](int64_t at, void* unit) { copy_16(unit, e.residual + at); });
      warpgroup_barrier();
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {  // 16 columns of the products
      const int at_pixel = T::kSwapAB ? j * 16 + b_row + row : a_row + row, at_channel = T::kSwapAB ? a_row : j * 16 + b_row;
      void* place = bytes + swizzled_128(static_cast<unsigned>(at_pixel) * kTileRow + static_cast<unsigned>(at_channel) * 2);
      uint32_t four[4] = {};
      if (e.residual) load_matrices<T::kSwapAB>(four, place);
#pragma unroll
      for (int k = 0; k < 2; ++k) {  // 8 of them: two matrices, one below the other
        const int at = b * 32 + j * 8 + k * 4, of_pair = channel + j * 16 + k * 8 + lane % 4 * 2;
        if (!T::kSwapAB && e.bias && of_pair < c.channels) bias[0] = e.bias[of_pair], bias[1] = e.bias[of_pair + 1];
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          uint32_t& pair = four[k * 2 + h];
          const float first = sum[at + 2 * h] + bias[T::kSwapAB ? h : 0], second = sum[at + 2 * h + 1] + bias[T::kSwapAB ? h : 1];
          pair = pack(e.activate(first + lower(pair)), e.activate(second + upper(pair)));
        }
      }
      store_matrices<T::kSwapAB>(place, four);
    }
    if (c.step == 1) fence_async_proxy();
    warpgroup_barrier();
    if (c.step > 1) {
      each_unit(c, p, box, pixel, channel, thread, [&](int64_t at, const void* unit) { copy_16(c.result + at, unit); });
    } else if (thread == 0) {
      store_matrix_box(box, map, pixel, channel);
      commit_stores();
    }
    if (p.patches.data) store_box_patches(c, p, box, pixel, channel, warp, lane);
  }
}

}  // namespace eqv::gpu
