// Padding of images: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void pad_shapes(const Check& c, const eqv_pad2d_params& p, const char* xn, const Tensor& x, const char* yn, const Tensor& y) {
  c.one_of("mode", p.mode, EQV_EDGE_ZEROS, EQV_EDGE_REPLICATE, "EQV_EDGE_ZEROS");
  c.at_least("top", p.top, 0);
  c.at_least("bottom", p.bottom, 0);
  c.at_least("left", p.left, 0);
  c.at_least("right", p.right, 0);
  const int64_t h = x.shape[1], w = x.shape[2];
  c.that(p.mode != EQV_EDGE_REFLECT || (p.top < h && p.bottom < h && p.left < w && p.right < w), xn, x,
         {"it is too small to be reflected by ", p.top, ", ", p.bottom, ", ", p.left, ", ", p.right,
          " (top, bottom, left, right): pad by less than its side, or replicate"});
  c.shape(yn, y, {x.shape[0], p.top + h + p.bottom, p.left + w + p.right, x.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_pad2d_fwd(eqv_stream s, const eqv_pad2d_params* params, const eqv_tensor* x, const eqv_tensor* y) {
  return checked("pad2d", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    pad_shapes(c, p, "x", X, "y", Y);
    backend::pad2d_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_pad2d_bwd(eqv_stream s, const eqv_pad2d_params* params, const eqv_tensor* dy, const eqv_tensor* dx) {
  return checked("pad2d_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    pad_shapes(c, p, "dx", DX, "dy", DY);
    backend::pad2d_bwd(*s, p, DY, DX);
  });
}

}  // extern "C"
