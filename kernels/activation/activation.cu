// Activations, element by element.
#include "activation/activation.h"
#include "common/values.h"

namespace eqv::backend {

using namespace gpu;

void activation_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x_tensor, const Tensor& y_tensor) {
  const Values x = values(x_tensor), y = values(y_tensor);
  const int32_t kind = p.kind;
  const float slope = p.slope;
  for_each(stream, "activation_fwd", elements(x_tensor), EQV_LAMBDA(int64_t i) {
    const float v = x[i];
    if (kind == EQV_SILU) y.set(i, silu(v));
    else if (kind == EQV_RELU) y.set(i, v <= 0.0f ? 0.0f : v);
    else y.set(i, v > 0.0f ? v : v * slope);
  });
}

void activation_bwd(Stream& stream, const eqv_activation_params& p, const Tensor& dy_tensor, const Tensor& x_tensor,
                    const Tensor& dx_tensor) {
  const Values x = values(x_tensor), dy = values(dy_tensor), dx = values(dx_tensor);
  const int32_t kind = p.kind;
  const float slope = p.slope;
  for_each(stream, "activation_bwd", elements(x_tensor), EQV_LAMBDA(int64_t i) {
    const float v = x[i], d = dy[i];
    if (kind == EQV_SILU) dx.set(i, d * silu_slope(v));
    else if (kind == EQV_RELU) dx.set(i, v <= 0.0f ? 0.0f : d);
    else dx.set(i, v > 0.0f ? d : d * slope);
  });
}

}  // namespace eqv::backend
