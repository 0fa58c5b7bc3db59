// Convolution as implicit matrix products on tensor cores (common/mma_gemm.h), of bf16 or of fp32 rounded to TF32. Weights
// are read packed (pack_weights.h), bf16 beside bf16; sums are fp32.
//   forward          pixels of y × channels of y,  over (tap, channel of x)
//   input gradient   pixels of x × channels of x,  over (tap, channel of y); with stride 2 a product per parity of the
//                    pixel, each with the taps that reach it: no product with a zero
//   weight gradient  channels of y × (tap, channel of x),  over the pixels of y, split
// Channels are read 8 (fp32: 4) at a time. If their number is no multiple of that, a copy padded with zeros is made first.
// That costs most at the thin ends of a network, which have kernels of their own in bf16 (conv2d_thin.h).
#include "conv2d/conv2d_mma.h"

#include "common/mma_gemm.h"
#include "common/pairs.h"
#include "conv2d/epilogue.h"
#include "conv2d/conv2d_hopper.h"
#include "conv2d/conv2d_thin.h"
#include "conv2d/pack_weights.h"
#include "conv2d/padded_pixels.h"
#include "conv2d/parity.h"

namespace eqv::gpu {
namespace {

struct Shape {
  int n, h, w, c;  // x
  int p, q, o;     // y
  int kh, kw, stride, top, left;
};

Shape shape_of(const eqv_conv2d_params& a, const Tensor& x, const Tensor& w, const Tensor& y) {
  const auto i = [](int64_t v) { return static_cast<int>(v); };
  return {.n = i(x.shape[0]),
          .h = i(x.shape[1]),
          .w = i(x.shape[2]),
          .c = i(x.shape[3]),
          .p = i(y.shape[1]),
          .q = i(y.shape[2]),
          .o = i(y.shape[3]),
          .kh = i(w.shape[2]),
          .kw = i(w.shape[3]),
          .stride = a.stride,
          .top = a.pad_top,
          .left = a.pad_left};
}

// The pixels that tap (r, s) of result pixel (u, v) reads: (u·step + i0 + r·direction, v·step + j0 + s·direction).
struct Window {
  int rows, columns;  // of the result
  int step, i0, j0, direction;
  int taps_across;
};

// A{result pixel, (tap, channel)}
template <class T>
struct Gathered {
  using Element = T;
  static constexpr bool kAlongDepth = true;
  Pixels<T> source;
  Window window;
  const T* data;

  struct Line {
    const T* image;
    int i, j;
  };
  struct Step {
    int i, j, c;
  };
  __device__ Line line(int, int pixel) const {
    const int v = pixel % window.columns, line = pixel / window.columns;
    const int u = line % window.rows, n = line / window.rows;
    return {source.data + int64_t{n} * source.h * source.w * source.c, u * window.step + window.i0,
            v * window.step + window.j0};
  }
  __device__ Step step(int k) const {
    const int tap = k / source.c, r = tap / window.taps_across;
    return {r * window.direction, (tap - r * window.taps_across) * window.direction, k - tap * source.c};
  }
  __device__ const T* at(const Line& l, const Step& s) const {
    const int i = l.i + s.i, j = l.j + s.j;
    if (i < 0 || i >= source.h || j < 0 || j >= source.w) return nullptr;
    return l.image + (int64_t{i} * source.w + j) * source.c + s.c;
  }
};

// The taps of a product: (first_row + r·step, first_column + s·step).
struct Taps {
  int down, across, first_row, first_column, step;
};

// B{(tap, channel), line}: as many channels as the source's pixels have, which may be fewer than the packed depth.
template <class T>
struct PackedWeights {
  using Element = T;
  static constexpr bool kAlongDepth = true;
  const T* data;
  int depth, taps_of_line, channels, kernel_width;
  Taps taps;

  PackedWeights(const PackedMatrix<T>& w, int channels, int kernel_width, const Taps& taps)
      : data(w.data), depth(w.depth), taps_of_line(w.taps), channels(channels), kernel_width(kernel_width), taps(taps) {}

  using Line = const T*;
  using Step = int;
  __device__ Line line(int, int line) const {
    return data + int64_t{line} * taps_of_line * depth;
  }
  __device__ Step step(int k) const {
    const int tap = k / channels, r = tap / taps.across, s = tap - r * taps.across;
    const int row = taps.first_row + r * taps.step, column = taps.first_column + s * taps.step;
    return (row * kernel_width + column) * depth + k - tap * channels;
  }
  __device__ const T* at(Line l, Step s) const { return l + s; }
};

// Where result pixel (u, v) is stored: pixel (u·step + i0, v·step + j0) of an h × w image.
template <class T>
struct Placed {
  using AfterTile = void;
  T* data;
  Epilogue<T> epilogue;
  Patches patches;
  int pixels, channels, rows, columns, h, w, step, i0, j0;  // pixels: of the product, in all samples

  __device__ void operator()(int, int, int pixel, int c, float& first, float& second) const {
    const int v = pixel % columns, line = pixel / columns, u = line % rows, n = line / rows;
    const int64_t at = ((int64_t{n} * h + u * step + i0) * w + v * step + j0) * channels + c;
    if (channels % 2 == 0) {
      epilogue.pair(first, second, at, c);
      store_pair(data + at, first, second);
    } else {
      first = epilogue(first, at, c);
      data[at] = dtype::narrow<T>(first);
      if (c + 1 < channels) {
        second = epilogue(second, at + 1, c + 1);
        data[at + 1] = dtype::narrow<T>(second);
      }
    }
  }

  template <int kDown, int kAcross, class Value>
  __device__ void after_tile(int row, int column, Value value) const {
    if (!patches.data) return;
    store_patches<kDown, kAcross>(patches, pixels, channels, row, column,
                                  [&](int i, int j, int h, int e) { return rounded_to<T>(value(i, j, h, e)); });
  }
};

// The pixels that each result pixel of a convolution reads first.
Window forward_window(const Shape& s) {
  return {.rows = s.p, .columns = s.q, .step = s.stride, .i0 = -s.top, .j0 = -s.left, .direction = 1, .taps_across = s.kw};
}

template <class T>
void product_fwd(Stream& stream, const eqv_conv2d_params& params, const Tensor& x, const Tensor& w, const Tensor* packed,
                 const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  const Shape s = shape_of(params, x, w, y);
  GroupStatistics statistics(params, y, stats, warp_rows(s.o));
  statistics.add_product(s.p * s.q);
  Workspace workspace(stream, pixels_bytes<T>(x) + packed_bytes<T>(w, PackedPart::kForward, packed) + statistics.bytes());
  statistics.take(workspace);
  const Pixels<T> source = pixels_of<T>(stream, workspace, x);
  const auto weights = packed_weights<T>(stream, workspace, w, PackedPart::kForward, packed);
  const Gathered<T> a{source, forward_window(s), source.data};
  const PackedWeights<T> b(weights, source.c, s.kw,
                           {.down = s.kh, .across = s.kw, .first_row = 0, .first_column = 0, .step = 1});
  const int pixels = s.n * s.p * s.q;
  const Placed<T> store{.data = static_cast<T*>(y.data),
                        .epilogue = epilogue<T>(params, bias, residual),
                        .patches = statistics.patches(0),
                        .pixels = pixels,
                        .channels = s.o,
                        .rows = s.p,
                        .columns = s.q,
                        .h = s.p,
                        .w = s.q,
                        .step = 1,
                        .i0 = 0,
                        .j0 = 0};
  mma_gemm(stream, "conv2d_fwd", {pixels, s.o, s.kh * s.kw * source.c, 1}, a, b, store);
  statistics.finish(stream);
}

template <class T>
void product_bwd_input(Stream& stream, const eqv_conv2d_params& params, const Tensor& dy, const Tensor& w,
                       const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  const Shape s = shape_of(params, dx, w, dy);
  GroupStatistics statistics(params, dx, stats, warp_rows(s.c));
  each_parity(params, w, dx, [&](const AxisParity& down, const AxisParity& across) {
    statistics.add_product(down.pixels * across.pixels);
  });
  Workspace workspace(stream, pixels_bytes<T>(dy) + packed_bytes<T>(w, PackedPart::kBackward, packed) + statistics.bytes());
  statistics.take(workspace);
  const Pixels<T> source = pixels_of<T>(stream, workspace, dy);
  const auto weights = packed_weights<T>(stream, workspace, w, PackedPart::kBackward, packed);
  int product = 0;
  each_parity(params, w, dx, [&](const AxisParity& down, const AxisParity& across) {
    const Taps taps{.down = down.taps,
                    .across = across.taps,
                    .first_row = down.first_tap,
                    .first_column = across.first_tap,
                    .step = s.stride};
    const Window window{.rows = down.pixels,
                        .columns = across.pixels,
                        .step = 1,
                        .i0 = down.offset,
                        .j0 = across.offset,
                        .direction = -1,
                        .taps_across = std::max(1, taps.across)};
    const Gathered<T> a{source, window, source.data};
    const PackedWeights<T> b(weights, source.c, s.kw, taps);
    const int pixels = s.n * down.pixels * across.pixels;
    const Placed<T> store{.data = static_cast<T*>(dx.data),
                          .epilogue = epilogue<T>(params, bias, residual),
                          .patches = statistics.patches(product++),
                          .pixels = pixels,
                          .channels = s.c,
                          .rows = down.pixels,
                          .columns = across.pixels,
                          .h = s.h,
                          .w = s.w,
                          .step = s.stride,
                          .i0 = down.parity,
                          .j0 = across.parity};
    mma_gemm(stream, "conv2d_bwd_input", {pixels, s.c, taps.down * taps.across * source.c, 1}, a, b, store);
  });
  statistics.finish(stream);
}

// A{channel of y, pixel of y}
template <class T>
struct GradientChannels {
  using Element = T;
  static constexpr bool kAlongDepth = false;
  const T* data;
  int channels;

  using Line = int;
  using Step = const T*;
  __device__ Line line(int, int channel) const { return channel; }
  __device__ Step step(int pixel) const { return data + int64_t{pixel} * channels; }
  __device__ const T* at(Line l, Step s) const { return s + l; }
};

// B{pixel of y, (tap, channel of x)}
template <class T>
struct ShiftedPixels {
  using Element = T;
  static constexpr bool kAlongDepth = false;
  Pixels<T> source;
  Window window;
  const T* data;

  struct Line {
    int i, j, c;
  };
  struct Step {
    const T* image;
    int i, j;
  };
  __device__ Line line(int, int column) const {
    const int tap = column / source.c, r = tap / window.taps_across;
    return {r + window.i0, tap - r * window.taps_across + window.j0, column - tap * source.c};
  }
  __device__ Step step(int pixel) const {
    const int v = pixel % window.columns, line = pixel / window.columns;
    const int u = line % window.rows, n = line / window.rows;
    return {source.data + int64_t{n} * source.h * source.w * source.c, u * window.step, v * window.step};
  }
  __device__ const T* at(const Line& l, const Step& s) const {
    const int i = s.i + l.i, j = s.j + l.j;
    if (i < 0 || i >= source.h || j < 0 || j >= source.w) return nullptr;
    return s.image + (int64_t{i} * source.w + j) * source.c + l.c;
  }
};

struct Part {
  float* data;
  int rows, columns;

  __device__ void operator()(int, int split, int row, int column, float first, float second) const {
    float* at = data + (int64_t{split} * rows + row) * columns + column;
    at[0] = first;  // columns is a multiple of 4: the second is inside
    at[1] = second;
  }
};

// The depth of a split, chosen by the size alone, so that some hundreds of tiles are computed at once.
int depth_of_split(int pixels, int64_t tiles) {
  constexpr int64_t kTilesAtOnce = 256, kSmallest = 1024, kUnit = Factors<Bf16>::kDepth;  // the longest
  const int64_t splits = std::max<int64_t>(1, kTilesAtOnce / tiles);
  const int64_t depth = std::max(kSmallest, ceil_div(pixels, splits));
  return static_cast<int>(ceil_div(depth, kUnit) * kUnit);
}

template <class T>
void product_bwd_weight(Stream& stream, const eqv_conv2d_params& params, const Tensor& x, const Tensor& dy,
                        const Tensor& dw) {
  const Shape s = shape_of(params, x, dw, dy);
  const int taps = s.kh * s.kw, inputs = s.c, wide = padded<T>(s.c), rows = padded<T>(s.o), columns = taps * wide;
  const int pixels = s.n * s.p * s.q;
  const int depth = depth_of_split(pixels, ceil_div(rows, WideTile::kRows) * ceil_div(columns, WideTile::kColumns));
  const int64_t splits = ceil_div(pixels, depth), results = int64_t{rows} * columns;
  Workspace workspace(stream, pixels_bytes<T>(x) + pixels_bytes<T>(dy) + Workspace::bytes<float>(splits * results));
  const Pixels<T> source = pixels_of<T>(stream, workspace, x), gradient = pixels_of<T>(stream, workspace, dy);
  float* parts = workspace.take<float>(splits * results);
  const GradientChannels<T> a{gradient.data, gradient.c};
  const ShiftedPixels<T> b{source, forward_window(s), source.data};
  mma_gemm(stream, "conv2d_bwd_weight", {rows, columns, pixels, 1}, depth, a, b, Part{parts, rows, columns});
  float* to = f32(dw);
  for_each(stream, "conv2d_bwd_weight", int64_t{s.o} * inputs * taps, EQV_LAMBDA(int64_t at) {
    const int64_t tap = at % taps, c = at / taps % inputs, o = at / taps / inputs;
    float sum = 0;
    for (int64_t split = 0; split < splits; ++split) sum += parts[split * results + o * columns + tap * wide + c];
    to[at] = sum;
  });
}

}  // namespace

void conv2d_mma_fwd(Stream& stream, const eqv_conv2d_params& params, const Tensor& x, const Tensor& w,
                    const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  if (x.dtype == EQV_F32) return product_fwd<float>(stream, params, x, w, nullptr, bias, residual, y, stats);
  if (thin_takes_fwd(x, w, y)) return conv2d_thin_fwd(stream, params, x, w, bias, residual, y, stats);
  if (hopper_takes(stream, x, w, y, residual))
    return conv2d_hopper_fwd(stream, params, x, w, packed, bias, residual, y, stats);
  product_fwd<Bf16>(stream, params, x, w, packed, bias, residual, y, stats);
}

void conv2d_mma_bwd_input(Stream& stream, const eqv_conv2d_params& params, const Tensor& dy, const Tensor& w,
                          const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  if (dy.dtype == EQV_F32) return product_bwd_input<float>(stream, params, dy, w, nullptr, bias, residual, dx, stats);
  if (thin_takes_bwd_input(params, dy, w, dx))
    return conv2d_thin_bwd_input(stream, params, dy, w, bias, residual, dx, stats);
  const bool every_parity_has_taps = w.shape[2] >= params.stride && w.shape[3] >= params.stride;
  if (every_parity_has_taps && hopper_takes(stream, dy, w, dx, residual))
    return conv2d_hopper_bwd_input(stream, params, dy, w, packed, bias, residual, dx, stats);
  product_bwd_input<Bf16>(stream, params, dy, w, packed, bias, residual, dx, stats);
}

void conv2d_mma_bwd_weight(Stream& stream, const eqv_conv2d_params& params, const Tensor& x, const Tensor& dy,
                           const Tensor& dw) {
  if (x.dtype == EQV_F32) return product_bwd_weight<float>(stream, params, x, dy, dw);
  if (thin_takes_bwd_weight(params, x, dw, dy)) return conv2d_thin_bwd_weight(stream, params, x, dy, dw);
  if (hopper_takes(stream, x, dw, dy)) return conv2d_hopper_bwd_weight(stream, params, x, dy, dw);
  product_bwd_weight<Bf16>(stream, params, x, dy, dw);
}

}  // namespace eqv::gpu
