// A gated branch and its residual connection: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void gate_shapes(const Check& c, const char* xn, const Tensor& x, const Tensor& gate) {
  c.that(x.rank >= 2, xn, x, "pass {N,…,C}: each sample has a gate");
  c.shape("gate", gate, {x.shape[0], channels_of(x)});
}

}  // namespace

extern "C" {

eqv_status eqv_gated_add_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* gate, const eqv_tensor* y,
                             const eqv_tensor* out) {
  return checked("gated_add", s, [&](Check& c) {
    const auto &X = c.activation("x", x, kAnyRank), &G = c.activation("gate", gate, 2), &Y = c.activation("y", y, kAnyRank),
               &O = c.activation("out", out, kAnyRank);
    gate_shapes(c, "x", X, G);
    c.same_shape("y", Y, "x", X);
    c.same_shape("out", O, "x", X);
    backend::gated_add_fwd(*s, X, G, Y, O);
  });
}

eqv_status eqv_gated_add_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* gate, const eqv_tensor* y,
                             const eqv_tensor* dgate, const eqv_tensor* dy) {
  return checked("gated_add_bwd", s, [&](Check& c) {
    const auto &D = c.activation("dout", dout, kAnyRank), &G = c.activation("gate", gate, 2), &Y = c.activation("y", y, kAnyRank),
               &DG = c.activation("dgate", dgate, 2), &DY = c.activation("dy", dy, kAnyRank);
    gate_shapes(c, "dout", D, G);
    c.same_shape("dgate", DG, "gate", G);
    c.same_shape("y", Y, "dout", D);
    c.same_shape("dy", DY, "dout", D);
    backend::gated_add_bwd(*s, D, G, Y, DG, DY);
  });
}

}  // extern "C"
