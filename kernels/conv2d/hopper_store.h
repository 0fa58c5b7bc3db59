// What becomes of a warpgroup's sums (hopper_tiles.h): rounded, they go to shared memory as boxes of 64 pixels × 64
// channels, and from there to the result in whole lines.
#pragma once

#include "common/tensor_core.h"
#include "conv2d/hopper_tiles.h"

namespace eqv::gpu {

constexpr int kBoxPixels = 64, kBoxChannels = 64, kBoxes = kSums / 32;

// Two boxes a warpgroup: one is read while the next is written.
struct Staging {
  alignas(1024) dtype::Bf16 boxes[2][kBoxPixels * kBoxChannels];
};

// Copies a box to results that lie a step apart: a pixel's 128 bytes by eight threads.
__device__ inline void copy_out(const Conv& c, const Parity& p, const dtype::Bf16* box, int pixel, int channel, int thread) {
  constexpr int kUnit = 8, kUnits = kBoxChannels / kUnit;
  const int at = channel + thread % kUnits * kUnit;
#pragma unroll 1
  for (int row = thread / kUnits; row < kBoxPixels; row += kWarpgroup / kUnits) {
    const int result = pixel + row;
    if (result >= p.pixels || at >= c.channels) continue;
    const int v = result % p.columns, line = result / p.columns, u = line % p.rows, n = line / p.rows;
    dtype::Bf16* to =
        c.result + ((int64_t{n} * c.height + u * c.step + p.i0) * c.width + v * c.step + p.j0) * c.channels + at;
    const unsigned offset = swizzled_128(static_cast<unsigned>(row) * kTileRow + static_cast<unsigned>(thread % kUnits) * 16);
    copy_16(to, reinterpret_cast<const unsigned char*>(box) + offset);
  }
}

// Rounds and stores the sums of this warpgroup's part of a tile. `map`: the result as a matrix {pixel, channel}, for results
// that lie side by side. `next` is the box to use next, the one that has been left alone longer; stores may still be reading
// both afterwards.
template <class T>
__device__ void store_tile(const Conv& c, const Tile& tile, const float (&sum)[kSums], Staging& staging, int& next,
                           const TensorMap& map) {
  const Parity& p = c.parities[tile.parity];
  const int group = T::kPingPong ? 0 : static_cast<int>(threadIdx.x) / kWarpgroup - 1;
  const int thread = static_cast<int>(threadIdx.x) % kWarpgroup, warp = thread / 32, lane = thread % 32;
  const int pixels = tile.pixel + (T::kTurned ? 0 : group * 64), channels = tile.channel + (T::kTurned ? group * 64 : 0);
  // The 8×8 matrix, and its row, that this lane places: rows of a, 16 a warp, and columns.
  const int a_row = warp * 16 + lane / 8 % 2 * 8, b_row = lane / 16 * 8, row = lane % 8;
  float bias[2] = {};
  if (T::kTurned && c.bias)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int at = channels + warp * 16 + lane / 4 + h * 8;
      if (at < c.channels) bias[h] = c.bias[at];
    }
#pragma unroll
  for (int b = 0; b < kBoxes; ++b) {
    const int pixel = pixels + (T::kTurned ? b * kBoxPixels : 0), channel = channels + (T::kTurned ? 0 : b * kBoxChannels);
    if (pixel >= p.pixels || channel >= c.channels) break;
    dtype::Bf16* box = staging.boxes[next];
    next ^= 1;
    auto* bytes = reinterpret_cast<unsigned char*>(box);
    if (thread == 0) wait_for_stores<1>();
    warpgroup_barrier();  // nobody reads this box any more
#pragma unroll
    for (int j = 0; j < 4; ++j) {  // 16 columns of the products
      uint32_t four[4];
#pragma unroll
      for (int k = 0; k < 2; ++k) {  // 8 of them: two matrices, one below the other
        const int at = b * 32 + j * 8 + k * 4, of_pair = channel + j * 16 + k * 8 + lane % 4 * 2;
        if (!T::kTurned && c.bias && of_pair < c.channels) bias[0] = c.bias[of_pair], bias[1] = c.bias[of_pair + 1];
#pragma unroll
        for (int h = 0; h < 2; ++h)
          four[k * 2 + h] = pack(sum[at + 2 * h] + bias[T::kTurned ? h : 0], sum[at + 2 * h + 1] + bias[T::kTurned ? h : 1]);
      }
      const int at_pixel = T::kTurned ? j * 16 + b_row + row : a_row + row, at_channel = T::kTurned ? a_row : j * 16 + b_row;
      store_matrices<T::kTurned>(
          bytes + swizzled_128(static_cast<unsigned>(at_pixel) * kTileRow + static_cast<unsigned>(at_channel) * 2), four);
    }
    if (c.step == 1) fence_async_proxy();
    warpgroup_barrier();
    if (c.step > 1) {
      copy_out(c, p, box, pixel, channel, thread);
    } else if (thread == 0) {
      store_matrix_box(box, map, pixel, channel);
      commit_stores();
    }
  }
}

}  // namespace eqv::gpu
