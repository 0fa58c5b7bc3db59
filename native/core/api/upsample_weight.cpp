// Weights of an upsampling convolution: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_upsample_weight_fwd(eqv_stream s, const eqv_tensor* w, const eqv_tensor* v) {
  return checked("upsample_weight", s, [&](Check& c) {
    const auto &W = c.tensor("w", w, 4), &V = c.tensor("v", v, 4);
    c.shape("w", W, {W.shape[0], W.shape[1], 3, 3});
    c.shape("v", V, {W.shape[1], W.shape[0], 4, 4});
    backend::upsample_weight_fwd(*s, W, V);
  });
}

eqv_status eqv_upsample_weight_bwd(eqv_stream s, const eqv_tensor* dv, const eqv_tensor* dw) {
  return checked("upsample_weight_bwd", s, [&](Check& c) {
    const auto &DV = c.tensor("dv", dv, 4), &DW = c.tensor("dw", dw, 4);
    c.shape("dw", DW, {DW.shape[0], DW.shape[1], 3, 3});
    c.shape("dv", DV, {DW.shape[1], DW.shape[0], 4, 4});
    backend::upsample_weight_bwd(*s, DV, DW);
  });
}

}  // extern "C"
