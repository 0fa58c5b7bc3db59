// Resizing, quarter turns and flips: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// y may have any height and width: x is resized to them. Batch and channels must be those of x.
void resample_shapes(const Check& c, const eqv_resample_params& p, const Tensor& x, const char* yn, const Tensor& y) {
  c.one_of("interpolation", p.interpolation, EQV_BILINEAR, EQV_BICUBIC_ANTIALIAS, "EQV_BILINEAR");
  c.that(p.quarter_turns >= 0 && p.quarter_turns <= 3, "quarter_turns", p.quarter_turns, "use 0 to 3: k mod 4");
  c.shape(yn, y, {x.shape[0], y.shape[1], y.shape[2], x.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_resample_fwd(eqv_stream s, const eqv_resample_params* params, const eqv_tensor* x,
                            const eqv_tensor* y) {
  return checked("resample", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.tensor("x", x, 4), &Y = c.tensor("y", y, 4);
    resample_shapes(c, p, X, "y", Y);
    backend::resample_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_resample_bwd(eqv_stream s, const eqv_resample_params* params, const eqv_tensor* dy,
                            const eqv_tensor* dx) {
  return checked("resample_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, 4), &DX = c.tensor("dx", dx, 4);
    resample_shapes(c, p, DX, "dy", DY);
    backend::resample_bwd(*s, p, DY, DX);
  });
}

}  // extern "C"
