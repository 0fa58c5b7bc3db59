// What the kernels of a convolution for sm_90a are launched with (conv2d_hopper.cu, and linear layers with an activation).
#pragma once

#include "common/device.h"
#include "common/hopper.h"
#include "conv2d/hopper_slabs.h"
#include "conv2d/pack_weights.h"
#include "gpu_bounds.h"

namespace eqv::gpu {

static_assert(kPackedUnit == kTileDepth, "a tile of weights is of one tap");

inline int dimension(const Tensor& t, int i) { return static_cast<int>(t.shape[i]); }

// The forward pass: one product, whose results are all pixels of y.
inline Conv forward_conv(const eqv_conv2d_params& p, const Tensor& w, const Tensor& y) {
  Conv c{};
  c.count = 1, c.step = 1, c.stride = p.stride;
  c.parities[0] = {.rows = dimension(y, 1),
                   .columns = dimension(y, 2),
                   .pixels = dimension(y, 0) * dimension(y, 1) * dimension(y, 2),
                   .i0 = 0,
                   .j0 = 0,
                   .first_row = -p.pad_top,
                   .first_column = -p.pad_left,
                   .taps_down = dimension(w, 2),
                   .taps_across = dimension(w, 3),
                   .weight_tap = 0,
                   .weight_down = dimension(w, 3),
                   .weight_across = 1,
                   .pairs_before = 0,
                   .patches = {}};
  return c;
}

// Fills in what follows from the tensors.
inline void complete(Conv& c, const PackedMatrix<dtype::Bf16>& w, const Tensor& result) {
  c.channels = w.lines;
  c.height = dimension(result, 1), c.width = dimension(result, 2);
  c.slices = w.depth / kTileDepth;
  c.result = static_cast<dtype::Bf16*>(result.data);
  c.report = wait_report();
}

// Tiles with 256 channels read the fewest bytes. If the channels would be mostly padding there, they are the side of 128.
inline bool swaps_ab(int channels) { return ceil_div(channels, 128) * 128 < ceil_div(channels, 256) * 256; }

// Whether the result divides into whole slab tiles; then slabs give the same bits as other tiles.
template <class T>
bool takes_slabs(const Conv& c) {
  const Parity& p = c.parities[0];
  return slabs_wanted() && c.count == 1 && c.step == 1 && c.stride == 1 && p.taps_down == T::kTaps && p.rows % T::kRows == 0 &&
         p.columns % T::kWidth == 0;
}

// Divides the work into tiles of T, and makes the maps of what they read.
template <class T>
struct TiledConv {
  PixelMaps pixels{};
  TensorMap weights;
  dim3 grid;

  TiledConv(Stream& stream, Conv& c, const Tensor& source, const PackedMatrix<dtype::Bf16>& w) {
    const int images = dimension(source, 0), h = dimension(source, 1), across = dimension(source, 2);
    int pairs = 0;
    int64_t bytes = 0, copies = 0;
    for (int i = 0; i < c.count; ++i) {
      Parity& p = c.parities[i];
      if constexpr (T::kSlabs) {
        pixels.of[i] = image_map(source.data, images, h, across, dimension(source, 3), T::kSlabRows, T::kWidth);
      } else {
        const PixelRange range{.first_row = p.first_row,
                               .first_column = p.first_column,
                               .beyond_rows = p.first_row + (p.rows - 1) * c.stride - (h - 1),
                               .beyond_columns = p.first_column + (p.columns - 1) * c.stride - (across - 1)};
        pixels.of[i] = pixels_map(source.data, images, h, across, dimension(source, 3), range, c.stride, T::kPixels);
      }
      p.pairs_before = pairs;
      const auto mine = static_cast<int>(ceil_div(p.pixels, kConvBlocks * T::kPixels));
      pairs += mine;
      const int64_t steps = int64_t{p.taps_down} * p.taps_across * c.slices;
      bytes += mine * kConvBlocks * T::tile_bytes(steps), copies += mine * kConvBlocks * T::tile_copies(steps);
    }
    c.channel_tiles = static_cast<int>(ceil_div(c.channels, T::kChannels));
    reads_tiles(stream, bytes * c.channel_tiles, copies * c.channel_tiles);
    c.work = pairs * c.channel_tiles;
    weights = matrix_map(w.data, w.lines, int64_t{w.taps} * w.depth, T::kWeightRows);
    const int clusters = std::min(c.work, std::max(1, stream.device->threads / kConvBlocks));
    grid = dim3(static_cast<unsigned>(clusters * kConvBlocks));
  }
};

// The result as rows of pixels, which boxes are stored to.
inline TensorMap result_map(const Tensor& result, int box_pixels) {
  return matrix_map(result.data, elements(result) / result.shape[3], dimension(result, 3), box_pixels);
}

// The result as images, which boxes of 8 × 8 pixels are stored to.
inline TensorMap slab_result_map(const Tensor& result) {
  return image_map(result.data, dimension(result, 0), dimension(result, 1), dimension(result, 2), dimension(result, 3), 8, 8);
}

}  // namespace eqv::gpu
