// What the kernels of conv2d_thin*.cu share.
#pragma once

#include "common/values.h"
#include "conv2d/epilogue.h"

namespace eqv::gpu {

// Tap (r, s) of result pixel (u, v) reads pixel (u·step + i0 + r·direction, v·step + j0 + s·direction) / div where both are
// whole, and nothing where they are not. Forward, direction is 1 and step the stride; for input gradients direction is −1 and
// div the stride.
struct ThinWindow {
  int down, across;  // taps
  int step, div, i0, j0, direction;
};

// Weights {O, I, kernel} as wide and few: whichever of O and I that is.
struct ThinWeights {
  const float* data;
  int wide, few, taps;
  int64_t wide_stride, few_stride;

  __host__ __device__ int columns() const { return few * taps; }
  __device__ float at(int w, int f, int tap) const { return data[w * wide_stride + f * few_stride + tap]; }
};

inline int extent(const Tensor& t, int i) { return static_cast<int>(t.shape[i]); }

inline ThinWindow forward_window(const eqv_conv2d_params& p, const Tensor& w) {
  return {.down = extent(w, 2),
          .across = extent(w, 3),
          .step = p.stride,
          .div = 1,
          .i0 = -p.pad_top,
          .j0 = -p.pad_left,
          .direction = 1};
}

inline ThinWindow gradient_window(const eqv_conv2d_params& p, const Tensor& w) {
  return {.down = extent(w, 2),
          .across = extent(w, 3),
          .step = 1,
          .div = p.stride,
          .i0 = p.pad_top,
          .j0 = p.pad_left,
          .direction = -1};
}

inline ThinWeights few_inputs(const Tensor& w) {
  const int taps = extent(w, 2) * extent(w, 3);
  return {.data = static_cast<const float*>(w.data),
          .wide = extent(w, 0),
          .few = extent(w, 1),
          .taps = taps,
          .wide_stride = int64_t{extent(w, 1)} * taps,
          .few_stride = taps};
}

inline ThinWeights few_outputs(const Tensor& w) {
  const int taps = extent(w, 2) * extent(w, 3);
  return {.data = static_cast<const float*>(w.data),
          .wide = extent(w, 1),
          .few = extent(w, 0),
          .taps = taps,
          .wide_stride = taps,
          .few_stride = int64_t{extent(w, 1)} * taps};
}

// A column of a thin operand, (tap, channel), as an offset in the image.
struct ThinColumn {
  int offset, di, dj;  // from the window's first pixel

  ThinColumn() = default;
  __device__ ThinColumn(int column, int few, int width, const ThinWindow& window) {
    const int tap = column / few, r = tap / window.across;
    const bool inside = r < window.down;
    di = inside ? r * window.direction : 1 << 28;  // outside every image
    dj = (tap - r * window.across) * window.direction;
    offset = inside ? (di * width + dj) * few + column - tap * few : 0;
  }
};

struct ThinImages {
  const dtype::Bf16* data;
  int h, w, few;
};

inline ThinImages thin_images(const Tensor& t) {
  return {.data = static_cast<const dtype::Bf16*>(t.data), .h = extent(t, 1), .w = extent(t, 2), .few = extent(t, 3)};
}

// The window of a result pixel in its thin image; an empty one reads zeros.
struct ThinPlace {
  int64_t first;
  int i, j;

  __device__ ThinPlace(const ThinImages& images, const ThinWindow& window, int pixel, int pixels, int rows, int columns) {
    const int line = pixel / columns, n = line / rows;
    i = pixel < pixels ? (line - n * rows) * window.step + window.i0 : 1 << 29;  // outside every image, for all columns
    j = (pixel - line * columns) * window.step + window.j0;
    first = ((int64_t{n} * images.h + i) * images.w + j) * images.few;
  }
  __device__ uint32_t bits(const ThinImages& images, const ThinColumn& c) const {
    const bool inside = static_cast<unsigned>(i + c.di) < static_cast<unsigned>(images.h) &&
                        static_cast<unsigned>(j + c.dj) < static_cast<unsigned>(images.w);
    return inside ? images.data[first + c.offset].bits : 0;
  }
};

constexpr int kMostFew = 8;

inline bool is_few(const Tensor& t) { return t.shape[3] < kMostFew; }
// Channels are read and written 8 at a time.
inline bool is_wide(const Tensor& t) { return t.shape[3] >= 2 * kVector && in_vectors(t.shape[3], {&t}); }

// The three kernels; each is used forward and backward.
using ThinEpilogue = Epilogue<dtype::Bf16>;
void from_few(Stream&, const char* name, const Tensor& source, const ThinWindow&, const ThinWeights&, const ThinEpilogue&,
              const Tensor& result);
void to_few(Stream&, const char* name, const Tensor& source, const ThinWindow&, const ThinWeights&, const ThinEpilogue&,
            const Tensor& result);
void thin_weight(Stream&, const Tensor& wide, const Tensor& few, const ThinWindow&, const ThinWeights& dw);

bool from_few_takes(int taps, const Tensor& source, const Tensor& result);
bool to_few_takes(const Tensor& w, const Tensor& source, const Tensor& result);
bool thin_weight_takes(int taps, const Tensor& wide, const Tensor& few);

}  // namespace eqv::gpu
