// Convolution; on tensor cores in bf16 and TF32 (conv2d_mma.h), here in fp32 as implicit matrix products (common/gemm.h):
//   forward          pixels of y × channels of y,  over (r, s, channel of x)
//   input gradient   pixels of x × channels of x,  over (r, s, channel of y), for each parity of a stride apart
//   weight gradient  channels of y × (channel of x, r, s),  over the pixels of y, split
#include "common/columns.h"
#include "common/gemm.h"
#include "conv2d/conv2d_mma.h"
#include "conv2d/epilogue.h"
#include "conv2d/parity.h"
#include "group_norm/group_norm.h"

namespace eqv::backend {

using namespace gpu;

namespace {

struct Geometry {
  int64_t n, h, w, c;  // x
  int64_t p, q, o;     // y
  int64_t kh, kw;
  int64_t stride, top, left;
};

Geometry geometry(const eqv_conv2d_params& a, const Tensor& x, const Tensor& w, const Tensor& y) {
  return {.n = x.shape[0],
          .h = x.shape[1],
          .w = x.shape[2],
          .c = x.shape[3],
          .p = y.shape[1],
          .q = y.shape[2],
          .o = y.shape[3],
          .kh = w.shape[2],
          .kw = w.shape[3],
          .stride = a.stride,
          .top = a.pad_top,
          .left = a.pad_left};
}

void weight_gradient(Stream& stream, const Geometry& g, const float* x, const float* dy, float* dw) {
  const int64_t columns = g.c * g.kh * g.kw, pixels = g.n * g.p * g.q;
  gemm_split(
      stream, "conv2d_bwd_weight", {g.o, columns, pixels, 1},
      EQV_LAMBDA(int64_t, int64_t o, int64_t pixel) -> float { return dy[pixel * g.o + o]; },
      EQV_LAMBDA(int64_t, int64_t pixel, int64_t column) -> float {
        const int64_t tap = column % (g.kh * g.kw), i = pixel / g.q % g.p * g.stride + tap / g.kw - g.top;
        const int64_t j = pixel % g.q * g.stride + tap % g.kw - g.left;
        if (i < 0 || i >= g.h || j < 0 || j >= g.w) return 0.0f;
        return x[((pixel / (g.p * g.q) * g.h + i) * g.w + j) * g.c + column / (g.kh * g.kw)];
      },
      EQV_LAMBDA(int64_t o, int64_t column, float sum) { dw[o * columns + column] = sum; });
}

}  // namespace

void conv2d_fwd(Stream& stream, const eqv_conv2d_params& params, const Tensor& x_tensor, const Tensor& w_tensor,
                const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& y_tensor, const Tensor* stats) {
  if (on_tensor_cores(stream, x_tensor))
    return conv2d_mma_fwd(stream, params, x_tensor, w_tensor, packed, bias, residual, y_tensor, stats);
  const Geometry g = geometry(params, x_tensor, w_tensor, y_tensor);
  const float *x = f32(x_tensor), *w = f32(w_tensor);
  float* y = f32(y_tensor);
  const auto result = epilogue<float>(params, bias, residual);
  gemm(
      stream, "conv2d_fwd", {g.n * g.p * g.q, g.o, g.kh * g.kw * g.c, 1},
      EQV_LAMBDA(int64_t, int64_t pixel, int64_t k) -> float {
        const int64_t tap = k / g.c, i = pixel / g.q % g.p * g.stride + tap / g.kw - g.top;
        const int64_t j = pixel % g.q * g.stride + tap % g.kw - g.left;
        if (i < 0 || i >= g.h || j < 0 || j >= g.w) return 0.0f;
        return x[((pixel / (g.p * g.q) * g.h + i) * g.w + j) * g.c + k % g.c];
      },
      EQV_LAMBDA(int64_t, int64_t k, int64_t o) -> float {
        return w[(o * g.c + k % g.c) * g.kh * g.kw + k / g.c];
      },
      EQV_LAMBDA(int64_t, int64_t pixel, int64_t o, float sum) {
        const int64_t at = pixel * g.o + o;
        y[at] = result(sum, at, o);
      });
  if (stats) group_statistics(stream, params.groups, static_cast<double>(params.eps), y_tensor, *stats);
}

void conv2d_bwd_input(Stream& stream, const eqv_conv2d_params& params, const Tensor& dy_tensor, const Tensor& w_tensor,
                      const Tensor* packed, const Tensor* bias, const Tensor* residual, const Tensor& dx_tensor, const Tensor* stats) {
  if (on_tensor_cores(stream, dy_tensor))
    return conv2d_mma_bwd_input(stream, params, dy_tensor, w_tensor, packed, bias, residual, dx_tensor, stats);
  const Geometry g = geometry(params, dx_tensor, w_tensor, dy_tensor);
  const float *dy = f32(dy_tensor), *w = f32(w_tensor);
  float* dx = f32(dx_tensor);
  const auto result = epilogue<float>(params, bias, residual);
  each_parity(params, w_tensor, dx_tensor, [&](const AxisParity& down, const AxisParity& across) {
    const int64_t pixels = int64_t{down.pixels} * across.pixels;
    gemm(
        stream, "conv2d_bwd_input", {g.n * pixels, g.c, int64_t{down.taps} * across.taps * g.o, 1},
        EQV_LAMBDA(int64_t, int64_t pixel, int64_t k) -> float {
          const int64_t tap = k / g.o;
          const int64_t p = down.source(pixel % pixels / across.pixels, tap / across.taps);
          const int64_t q = across.source(pixel % across.pixels, tap % across.taps);
          if (p < 0 || p >= g.p || q < 0 || q >= g.q) return 0.0f;
          return dy[((pixel / pixels * g.p + p) * g.q + q) * g.o + k % g.o];
        },
        EQV_LAMBDA(int64_t, int64_t k, int64_t c) -> float {
          const int64_t tap = k / g.o, r = down.tap(tap / across.taps), s = across.tap(tap % across.taps);
          return w[((k % g.o * g.c + c) * g.kh + r) * g.kw + s];
        },
        EQV_LAMBDA(int64_t, int64_t pixel, int64_t c, float sum) {
          const int64_t i = down.pixel(pixel % pixels / across.pixels), j = across.pixel(pixel % across.pixels);
          const int64_t at = ((pixel / pixels * g.h + i) * g.w + j) * g.c + c;
          dx[at] = result(sum, at, c);
        });
  });
  if (stats) group_statistics(stream, params.groups, static_cast<double>(params.eps), dx_tensor, *stats);
}

void conv2d_bwd_weight(Stream& stream, const eqv_conv2d_params& params, const Tensor& x_tensor,
                       const Tensor& dy_tensor, const Tensor& dw_tensor, const Tensor* dbias_tensor) {
  if (on_tensor_cores(stream, x_tensor)) conv2d_mma_bwd_weight(stream, params, x_tensor, dy_tensor, dw_tensor);
  else weight_gradient(stream, geometry(params, x_tensor, dw_tensor, dy_tensor), f32(x_tensor), f32(dy_tensor), f32(dw_tensor));
  if (dbias_tensor) bias_bwd(stream, dy_tensor, *dbias_tensor);
}

void bias_bwd(Stream& stream, const Tensor& dy, const Tensor& dbias_tensor) {
  const int64_t channels = dbias_tensor.shape[0];
  const ColumnShape shape{1, elements(dy) / channels, channels};
  Workspace workspace(stream, Workspace::bytes<double>(shape.parts()));
  double* parts = workspace.take<double>(shape.parts());
  float* dbias = f32(dbias_tensor);
  column_sums<1>(stream, "bias_bwd", shape, in_vectors(channels, {&dy}), Plain{values(dy)}, parts);
  join_chunks<1>(stream, "bias_bwd", shape, parts, EQV_LAMBDA(int, int c, double sum) { dbias[c] = static_cast<float>(sum); });
}

}  // namespace eqv::backend
