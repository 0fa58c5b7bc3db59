// Activations, element by element.
#include "activation/activation.h"
#include "common/map.h"

namespace eqv::backend {

using namespace gpu;

void activation_fwd(Stream& stream, const eqv_activation_params& p, const Tensor& x, const Tensor& y) {
  const int32_t kind = p.kind;
  const float slope = p.slope;
  map(stream, "activation_fwd", x, y, EQV_LAMBDA(float v) -> float {
    return activate(kind, slope, v);
  });
}

void activation_bwd(Stream& stream, const eqv_activation_params& p, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  const int32_t kind = p.kind;
  const float slope = p.slope;
  map(stream, "activation_bwd", x, dy, dx, EQV_LAMBDA(float v, float d) -> float {
    if (kind == EQV_SILU) return d * silu_slope(v);
    if (kind == EQV_RELU) return v <= 0.0f ? 0.0f : d;
    if (kind == EQV_GELU_TANH) return d * gelu_tanh_slope(v);
    if (kind == EQV_GELU) return d * gelu_slope(v);
    return v > 0.0f ? d : d * slope;
  });
}

}  // namespace eqv::backend
