// Elementwise arithmetic. Inputs and outputs may be the same tensor.
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void axpby(Stream& stream, const eqv_axpby_params& p, const Tensor& a_tensor, const Tensor* b_tensor,
           const Tensor& out_tensor) {
  const Values a = values(a_tensor), b = values(b_tensor), out = values(out_tensor);
  const float alpha = p.alpha, beta = p.beta;
  for_each(stream, "axpby", elements(a_tensor), EQV_LAMBDA(int64_t i) {
    out.set(i, b ? alpha * a[i] + beta * b[i] : alpha * a[i]);
  });
}

void add_scaled(Stream& stream, const Tensor* a_tensor, const Tensor& b_tensor, const Tensor& s_tensor,
                const Tensor& out_tensor) {
  const Values a = values(a_tensor), b = values(b_tensor), out = values(out_tensor);
  const float* s = f32(s_tensor);
  for_each(stream, "add_scaled", elements(b_tensor), EQV_LAMBDA(int64_t i) {
    out.set(i, a ? a[i] + *s * b[i] : *s * b[i]);
  });
}

void channel_affine(Stream& stream, const Tensor& x_tensor, const Tensor& scale_tensor, const Tensor* shift_tensor,
                    const Tensor& y_tensor) {
  const float *x = f32(x_tensor), *scale = f32(scale_tensor), *shift = f32(shift_tensor);
  float* y = f32(y_tensor);
  const int64_t c = scale_tensor.shape[0];
  for_each(stream, "channel_affine", elements(x_tensor), EQV_LAMBDA(int64_t i) {
    y[i] = shift ? x[i] * scale[i % c] + shift[i % c] : x[i] * scale[i % c];
  });
}

void fill(Stream& stream, const eqv_fill_params& p, const Tensor& out_tensor) {
  const Values out = values(out_tensor);
  const float value = static_cast<float>(p.value);
  for_each(stream, "fill", elements(out_tensor), EQV_LAMBDA(int64_t i) { out.set(i, value); });
}

}  // namespace eqv::backend
