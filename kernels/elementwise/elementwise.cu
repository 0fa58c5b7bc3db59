// Elementwise arithmetic. Inputs and outputs may be the same tensor.
#include "common/map.h"

namespace eqv::backend {

using namespace gpu;

void axpby(Stream& stream, const eqv_axpby_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  const float alpha = p.alpha, beta = p.beta;
  if (b) map(stream, "axpby", a, *b, out, EQV_LAMBDA(float v, float w) -> float { return alpha * v + beta * w; });
  else map(stream, "axpby", a, out, EQV_LAMBDA(float v) -> float { return alpha * v; });
}

void add_scaled(Stream& stream, const Tensor* a, const Tensor& b, const Tensor& s_tensor, const Tensor& out) {
  const float* s = f32(s_tensor);
  if (a) map(stream, "add_scaled", *a, b, out, EQV_LAMBDA(float v, float w) -> float { return v + *s * w; });
  else map(stream, "add_scaled", b, out, EQV_LAMBDA(float w) -> float { return *s * w; });
}

void channel_affine(Stream& stream, const Tensor& x_tensor, const Tensor* scale_tensor, const Tensor* shift_tensor,
                    const Tensor& y_tensor) {
  const float *x = f32(x_tensor), *scale = f32(scale_tensor), *shift = f32(shift_tensor);
  float* y = f32(y_tensor);
  const int64_t c = x_tensor.shape[x_tensor.rank - 1];
  for_each(stream, "channel_affine", elements(x_tensor), EQV_LAMBDA(int64_t i) {
    const float scaled = scale ? x[i] * scale[i % c] : x[i];
    y[i] = shift ? scaled + shift[i % c] : scaled;
  });
}

void arithmetic_fwd(Stream& stream, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  if (!b) map(stream, "arithmetic_fwd", a, out, EQV_LAMBDA(float v) -> float { return logf(v); });
  else if (p.kind == EQV_PRODUCT)
    map(stream, "arithmetic_fwd", a, *b, out, EQV_LAMBDA(float v, float w) -> float { return v * w; });
  else map(stream, "arithmetic_fwd", a, *b, out, EQV_LAMBDA(float v, float w) -> float { return v / w; });
}

void arithmetic_bwd(Stream& stream, const eqv_arithmetic_params& p, const Tensor& dout_tensor, const Tensor& a_tensor,
                    const Tensor* b_tensor, const Tensor* da_tensor, const Tensor* db_tensor) {
  const float *dout = f32(dout_tensor), *a = f32(a_tensor), *b = f32(b_tensor);
  float *da = f32(da_tensor), *db = f32(db_tensor);
  const int64_t n = elements(a_tensor);
  if (p.kind == EQV_PRODUCT) {
    for_each(stream, "arithmetic_bwd", n, EQV_LAMBDA(int64_t i) {
      const float d = dout[i];
      if (da) da[i] = d * b[i];
      if (db) db[i] = d * a[i];
    });
    return;
  }
  // A launch for each gradient: three divisions in one kernel spill registers.
  const float* below = b ? b : a;  // of a quotient, or of the logarithm's gradient
  if (da) for_each(stream, "arithmetic_bwd", n, EQV_LAMBDA(int64_t i) { da[i] = dout[i] / below[i]; });
  if (db)
    for_each(stream, "arithmetic_bwd", n,
             EQV_LAMBDA(int64_t i) { db[i] = -(dout[i] * (a[i] / below[i])) / below[i]; });
}

void fill(Stream& stream, const eqv_fill_params& p, const Tensor& out) {
  const float value = static_cast<float>(p.value);
  map(stream, "fill", out, EQV_LAMBDA() -> float { return value; });
}

}  // namespace eqv::backend
