// The gated product of SwiGLU: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void halves(const Check& c, const Tensor& x, const char* yn, const Tensor& y) {
  c.has_channels("x", x);
  c.that(channels_of(x) % 2 == 0, "x", x, "its last axis needs two halves: pass {…,2H}");
  c.same_but_last(yn, y, "x", x, channels_of(x) / 2);
}

}  // namespace

extern "C" {

eqv_status eqv_gated_unit_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y) {
  return checked("gated_unit", s, [&](Check& c) {
    const auto &X = c.activation("x", x, kAnyRank), &Y = c.activation("y", y, kAnyRank);
    halves(c, X, "y", Y);
    backend::gated_unit_fwd(*s, X, Y);
  });
}

eqv_status eqv_gated_unit_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* x, const eqv_tensor* dx) {
  return checked("gated_unit_bwd", s, [&](Check& c) {
    const auto &DY = c.activation("dy", dy, kAnyRank), &X = c.activation("x", x, kAnyRank), &DX = c.activation("dx", dx, kAnyRank);
    halves(c, X, "dy", DY);
    c.same_shape("dx", DX, "x", X);
    backend::gated_unit_bwd(*s, DY, X, DX);
  });
}

}  // extern "C"
