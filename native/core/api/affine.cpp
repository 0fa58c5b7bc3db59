// Sampling on an affine grid: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void affine_shapes(const Check& c, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const char* yn,
                   const Tensor& y) {
  c.one_of("padding", p.padding, EQV_PAD_ZEROS, EQV_PAD_BORDER, "EQV_PAD_ZEROS");
  c.shape("theta", theta, {x.shape[0], 2, 3});
  c.shape(yn, y, {x.shape[0], y.shape[1], y.shape[2], x.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_affine_fwd(eqv_stream s, const eqv_affine_params* params, const eqv_tensor* x, const eqv_tensor* theta,
                          const eqv_tensor* y) {
  return checked("affine", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.tensor("x", x, 4), &T = c.tensor("theta", theta, 3), &Y = c.tensor("y", y, 4);
    affine_shapes(c, p, X, T, "y", Y);
    backend::affine_fwd(*s, p, X, T, Y);
  });
}

eqv_status eqv_affine_bwd(eqv_stream s, const eqv_affine_params* params, const eqv_tensor* dy,
                          const eqv_tensor* theta, const eqv_tensor* dx) {
  return checked("affine_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.tensor("dy", dy, 4), &T = c.tensor("theta", theta, 3), &DX = c.tensor("dx", dx, 4);
    affine_shapes(c, p, DX, T, "dy", DY);
    backend::affine_bwd(*s, p, DY, T, DX);
  });
}

}  // extern "C"
