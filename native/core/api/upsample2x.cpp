// Nearest-neighbour upsampling: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_upsample2x_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y) {
  return checked("upsample2x", s, [&](Check& c) {
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    c.shape("y", Y, {X.shape[0], 2 * X.shape[1], 2 * X.shape[2], X.shape[3]});
    backend::upsample2x_fwd(*s, X, Y);
  });
}

eqv_status eqv_upsample2x_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* dx) {
  return checked("upsample2x_bwd", s, [&](Check& c) {
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    c.shape("dy", DY, {DX.shape[0], 2 * DX.shape[1], 2 * DX.shape[2], DX.shape[3]});
    backend::upsample2x_bwd(*s, DY, DX);
  });
}

}  // extern "C"
