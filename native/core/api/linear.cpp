// Linear layers: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// x{…,I}, w{O,I}, y{…,O}, as many rows of x as of y.
void linear_shapes(const Check& c, const char* xn, const Tensor& x, const char* wn, const Tensor& w, const char* yn,
                   const Tensor& y) {
  c.has_channels(xn, x);
  c.that(channels_of(x) == w.shape[1], xn, x, {"its last axis must be the inputs of ", wn, "{O,I}, ", w});
  c.that(y.rank == x.rank, yn, y, {"it needs as many axes as ", xn, ", ", x});
  c.that(channels_of(y) == w.shape[0], yn, y, {"its last axis must be the outputs of ", wn, "{O,I}, ", w});
  c.that(rows_of(y) == rows_of(x), yn, y, {"it needs as many rows as ", xn, ", ", x});
  c.products(elements(y), w.shape[1]);
}

}  // namespace

extern "C" {

eqv_status eqv_linear_fwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* x, const eqv_tensor* w,
                          const eqv_tensor* bias, const eqv_tensor* before, const eqv_tensor* y) {
  return checked("linear", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, kAnyRank), &W = c.tensor("w", w, 2), &Y = c.activation("y", y, kAnyRank);
    const auto* B = c.optional("bias", bias, 1);
    const auto* Z = c.optional_activation("before", before, kAnyRank);
    linear_shapes(c, "x", X, "w", W, "y", Y);
    if (B) c.shape("bias", *B, {W.shape[0]});
    c.one_of("kind", p.kind, EQV_IDENTITY, EQV_GELU, "EQV_IDENTITY");
    c.that(p.kind != EQV_IDENTITY || !Z, "before", before, {"kind is EQV_IDENTITY, which needs none: pass NULL"});
    if (Z) c.same_shape("before", *Z, "y", Y);
    backend::linear_fwd(*s, p, X, W, B, Z, Y);
  });
}

eqv_status eqv_linear_bwd_input(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* w, const eqv_tensor* residual,
                                const eqv_tensor* dx) {
  return checked("linear_bwd_input", s, [&](Check& c) {
    const auto &DY = c.activation("dy", dy, kAnyRank), &W = c.tensor("w", w, 2), &DX = c.activation("dx", dx, kAnyRank);
    const auto* R = c.optional_activation("residual", residual, kAnyRank);
    linear_shapes(c, "dx", DX, "w", W, "dy", DY);
    if (R) c.same_shape("residual", *R, "dx", DX);
    backend::linear_bwd_input(*s, DY, W, R, DX);
  });
}

eqv_status eqv_linear_bwd_weight(eqv_stream s, const eqv_tensor* x, const eqv_tensor* dy, const eqv_tensor* dw,
                                 const eqv_tensor* dbias) {
  return checked("linear_bwd_weight", s, [&](Check& c) {
    const auto &X = c.activation("x", x, kAnyRank), &DY = c.activation("dy", dy, kAnyRank), &DW = c.tensor("dw", dw, 2);
    const auto* DB = c.optional("dbias", dbias, 1);
    linear_shapes(c, "x", X, "dw", DW, "dy", DY);
    if (DB) c.shape("dbias", *DB, {DW.shape[0]});
    backend::linear_bwd_weight(*s, X, DY, DW, DB);
  });
}

}  // extern "C"
