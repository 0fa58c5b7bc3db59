// A linear layer over rows of any number of leading dimensions: three matrix products; on tensor cores, those of a 1×1
// convolution, or with an activation kernels of its own (activated_linear.h).
#include "activation/activation.h"
#include "common/gemm.h"
#include "common/reduce.h"
#include "conv2d/conv2d_hopper.h"
#include "conv2d/conv2d_mma.h"
#include "conv2d/conv2d_thin.h"
#include "conv2d/pointwise.h"
#include "linear/activated_linear.h"

namespace eqv::backend {

using namespace gpu;

namespace {

// {…, C} as the image batch {rows, 1, 1, C}.
Tensor image(const Tensor& t) {
  const int64_t c = t.shape[t.rank - 1];
  return {t.data, {elements(t) / c, 1, 1, c}, {c, c, c, 1}, 4, t.dtype};
}

// {O, I} as the kernel {O, I, 1, 1}.
Tensor kernel(const Tensor& w) { return {w.data, {w.shape[0], w.shape[1], 1, 1}, {w.shape[1], 1, 1, 1}, 4, w.dtype}; }

void tensor_core_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x_tensor, const Tensor& w_tensor,
                     const Tensor* bias, const Tensor* before_tensor, const Tensor& y_tensor) {
  const Tensor x = image(x_tensor), w = kernel(w_tensor), y = image(y_tensor),
               before = image(before_tensor ? *before_tensor : y_tensor);
  const Tensor* kept = before_tensor ? &before : nullptr;
  // Layers with few inputs or outputs read and write little: they have their own kernels, and the activation runs after them.
  const bool thin = x.dtype == EQV_BF16 && thin_takes_fwd(x, w, y);
  if (thin || p.kind == EQV_IDENTITY) {
    conv2d_fwd(stream, kPointwise, x, w, nullptr, bias, nullptr, before, nullptr);
    if (p.kind != EQV_IDENTITY) activation_fwd(stream, p, before, y);
  } else if (x.dtype == EQV_BF16 && hopper_takes(stream, x, w, y, kept)) {
    linear_hopper_fwd(stream, p, x, w, bias, kept, y);
  } else {
    linear_mma_fwd(stream, p, x, w, bias, kept, y);
  }
}

}  // namespace

void linear_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x_tensor, const Tensor& w_tensor,
                const Tensor* bias_tensor, const Tensor* before_tensor, const Tensor& y_tensor) {
  if (on_tensor_cores(stream, x_tensor))
    return tensor_core_fwd(stream, p, x_tensor, w_tensor, bias_tensor, before_tensor, y_tensor);
  const int64_t in = w_tensor.shape[1], out = w_tensor.shape[0], rows = elements(x_tensor) / in;
  const float *x = f32(x_tensor), *w = f32(w_tensor), *bias = f32(bias_tensor);
  float *before = f32(before_tensor), *y = f32(y_tensor);
  const int32_t kind = p.kind;
  const float slope = p.slope;
  gemm(
      stream, "linear_fwd", {rows, out, in, 1},
      EQV_LAMBDA(int64_t, int64_t row, int64_t k)->float { return x[row * in + k]; },
      EQV_LAMBDA(int64_t, int64_t k, int64_t o)->float { return w[o * in + k]; },
      EQV_LAMBDA(int64_t, int64_t row, int64_t o, float sum) {
        const float z = bias ? sum + bias[o] : sum;
        if (before) before[row * out + o] = z;
        y[row * out + o] = activate(kind, slope, z);
      });
}

void linear_bwd_input(Stream& stream, const Tensor& dy_tensor, const Tensor& w_tensor, const Tensor* residual_tensor,
                      const Tensor& dx_tensor) {
  if (on_tensor_cores(stream, dy_tensor)) {
    const Tensor dx = image(dx_tensor), residual = residual_tensor ? image(*residual_tensor) : dx;
    return conv2d_bwd_input(stream, kPointwise, image(dy_tensor), kernel(w_tensor), nullptr, nullptr,
                            residual_tensor ? &residual : nullptr, dx, nullptr);
  }
  const int64_t in = w_tensor.shape[1], out = w_tensor.shape[0], rows = elements(dy_tensor) / out;
  const float *dy = f32(dy_tensor), *w = f32(w_tensor), *residual = f32(residual_tensor);
  float* dx = f32(dx_tensor);
  gemm(
      stream, "linear_bwd_input", {rows, in, out, 1},
      EQV_LAMBDA(int64_t, int64_t row, int64_t o)->float { return dy[row * out + o]; },
      EQV_LAMBDA(int64_t, int64_t o, int64_t i)->float { return w[o * in + i]; },
      EQV_LAMBDA(int64_t, int64_t row, int64_t i, float sum) {
        dx[row * in + i] = residual ? sum + residual[row * in + i] : sum;
      });
}

void linear_bwd_weight(Stream& stream, const Tensor& x_tensor, const Tensor& dy_tensor, const Tensor& dw_tensor,
                       const Tensor* dbias_tensor) {
  if (on_tensor_cores(stream, x_tensor))
    return conv2d_bwd_weight(stream, kPointwise, image(x_tensor), image(dy_tensor), kernel(dw_tensor), dbias_tensor);
  const int64_t in = dw_tensor.shape[1], out = dw_tensor.shape[0], rows = elements(x_tensor) / in;
  const float *x = f32(x_tensor), *dy = f32(dy_tensor);
  float *dw = f32(dw_tensor), *dbias = f32(dbias_tensor);
  gemm_split(
      stream, "linear_bwd_weight", {out, in, rows, 1},
      EQV_LAMBDA(int64_t, int64_t o, int64_t row)->float { return dy[row * out + o]; },
      EQV_LAMBDA(int64_t, int64_t row, int64_t i)->float { return x[row * in + i]; },
      EQV_LAMBDA(int64_t o, int64_t i, float sum) { dw[o * in + i] = sum; });
  if (!dbias) return;
  reduce_rows(
      stream, "linear_bwd_bias", out, rows,
      EQV_LAMBDA(int64_t o, int64_t row)->double { return static_cast<double>(dy[row * out + o]); },
      EQV_LAMBDA(int64_t o, double sum) { dbias[o] = static_cast<float>(sum); });
}

}  // namespace eqv::backend
