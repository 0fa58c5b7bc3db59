// Gated branches: validate, then hand over to the backend.
#include "rows.h"

using namespace eqv;

namespace {

void gate_shapes(const Check& c, const Tensor& x, const char* name, const Tensor& gate) {
  c.that(x.rank >= 2, "x has no samples that could be gated", "pass {N,…,C}");
  c.shape(name, gate, {x.shape[0], channels_of(x)});
}

void halves(const Check& c, const char* xn, const Tensor& x, const char* yn, const Tensor& y) {
  has_rows(c, x);
  c.that(channels_of(x) % 2 == 0, "the last axis of x does not have two halves", "pass {…,2H}");
  shape_but_last(c, yn, y, xn, x, channels_of(x) / 2);
}

}  // namespace

extern "C" {

eqv_status eqv_gated_add_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* gate, const eqv_tensor* y,
                             const eqv_tensor* out) {
  return guard("gated_add", [&] {
    Check c("gated_add", s);
    const auto &X = c.activation("x", x, -1), &G = c.activation("gate", gate, 2), &Y = c.activation("y", y, -1),
               &O = c.activation("out", out, -1);
    gate_shapes(c, X, "gate", G);
    c.same_shape("y", Y, "x", X);
    c.same_shape("out", O, "x", X);
    backend::gated_add_fwd(*s, X, G, Y, O);
  });
}

eqv_status eqv_gated_add_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* gate, const eqv_tensor* y,
                             const eqv_tensor* dgate, const eqv_tensor* dy) {
  return guard("gated_add_bwd", [&] {
    Check c("gated_add_bwd", s);
    const auto &D = c.activation("dout", dout, -1), &G = c.activation("gate", gate, 2), &Y = c.activation("y", y, -1),
               &DG = c.activation("dgate", dgate, 2), &DY = c.activation("dy", dy, -1);
    gate_shapes(c, D, "gate", G);
    c.same_shape("dgate", DG, "gate", G);
    c.same_shape("y", Y, "dout", D);
    c.same_shape("dy", DY, "dout", D);
    backend::gated_add_bwd(*s, D, G, Y, DG, DY);
  });
}

eqv_status eqv_gated_unit_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y) {
  return guard("gated_unit", [&] {
    Check c("gated_unit", s);
    const auto &X = c.activation("x", x, -1), &Y = c.activation("y", y, -1);
    halves(c, "x", X, "y", Y);
    backend::gated_unit_fwd(*s, X, Y);
  });
}

eqv_status eqv_gated_unit_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* x, const eqv_tensor* dx) {
  return guard("gated_unit_bwd", [&] {
    Check c("gated_unit_bwd", s);
    const auto &DY = c.activation("dy", dy, -1), &X = c.activation("x", x, -1), &DX = c.activation("dx", dx, -1);
    halves(c, "x", X, "dy", DY);
    c.same_shape("dx", DX, "x", X);
    backend::gated_unit_bwd(*s, DY, X, DX);
  });
}

}  // extern "C"
