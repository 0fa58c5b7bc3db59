// Activations, element by element: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_activation_fwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* x,
                              const eqv_tensor* y) {
  return checked("activation", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.one_of("kind", p.kind, EQV_SILU, EQV_GELU, "EQV_SILU");
    const auto &X = c.activation("x", x, kAnyRank), &Y = c.activation("y", y, kAnyRank);
    c.same_shape("y", Y, "x", X);
    backend::activation_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_activation_bwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* dx) {
  return checked("activation_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.one_of("kind", p.kind, EQV_SILU, EQV_GELU, "EQV_SILU");
    const auto &DY = c.activation("dy", dy, kAnyRank), &X = c.activation("x", x, kAnyRank), &DX = c.activation("dx", dx, kAnyRank);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    backend::activation_bwd(*s, p, DY, X, DX);
  });
}

}  // extern "C"
