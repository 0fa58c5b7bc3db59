// The maximum of each 2 x 2 square: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_max_pool2x2_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y, const eqv_tensor* index) {
  return checked("max_pool2x2", s, [&](Check& c) {
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4), &I = c.typed("index", index, 4, EQV_U8);
    c.shape("y", Y, {X.shape[0], X.shape[1] / 2, X.shape[2] / 2, X.shape[3]});
    c.same_shape("index", I, "y", Y);
    backend::max_pool2x2_fwd(*s, X, Y, I);
  });
}

eqv_status eqv_max_pool2x2_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* index, const eqv_tensor* dx) {
  return checked("max_pool2x2_bwd", s, [&](Check& c) {
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4), &I = c.typed("index", index, 4, EQV_U8);
    c.shape("dy", DY, {DX.shape[0], DX.shape[1] / 2, DX.shape[2] / 2, DX.shape[3]});
    c.same_shape("index", I, "dy", DY);
    backend::max_pool2x2_bwd(*s, DY, I, DX);
  });
}

}  // extern "C"
