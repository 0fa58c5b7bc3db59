// Reductions to one value, in double and in a fixed order.
#include "common/reduce.h"

namespace eqv::backend {

using namespace gpu;

void reduce(Stream& stream, const eqv_reduce_params& p, const Tensor& x_tensor, const Tensor& out_tensor) {
  const float* x = f32(x_tensor);
  float* out = f32(out_tensor);
  const double scale = p.scale;
  const int32_t kind = p.kind;
  const auto finish = EQV_LAMBDA(double value) { *out = static_cast<float>(scale * value); };
  if (kind == EQV_MAX_ABS) {
    reduce_all<MaximumOf>(
        stream, "reduce", elements(x_tensor), EQV_LAMBDA(int64_t i) -> double { return fabs(static_cast<double>(x[i])); },
        finish);
    return;
  }
  reduce_all(
      stream, "reduce", elements(x_tensor),
      EQV_LAMBDA(int64_t i) -> double {
        const double v = x[i];
        if (kind == EQV_SUM) return v;
        if (kind == EQV_SUM_SQUARES) return v * v;
        return v - v == 0 ? 0.0 : 1.0;  // not finite
      },
      finish);
}

}  // namespace eqv::backend
