// Linear layers: validate, then hand over to the backend.
#include "check.h"

using namespace eqv;

namespace {

// The rows and columns of a linear layer's x{…,I}, w{O,I}, y{…,O}.
void linear_shapes(const Check& c, const char* xn, const Tensor& x, const Tensor& w, const char* yn, const Tensor& y) {
  c.that(x.rank >= 1 && y.rank == x.rank, "input and output need the same rank of at least 1", "reshape one of them");
  const bool ok = x.shape[x.rank - 1] == w.shape[1] && y.shape[y.rank - 1] == w.shape[0] &&
                  elements(x) / w.shape[1] == elements(y) / w.shape[0];
  if (!ok)
    throw error(EQV_BAD_SHAPE, "linear: %s %s, weight %s and %s %s do not fit: need x{…,I}, weight{O,I}, y{…,O}", xn,
                shape_text(x).c_str(), shape_text(w).c_str(), yn, shape_text(y).c_str());
}

}  // namespace

extern "C" {

eqv_status eqv_linear_fwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* x, const eqv_tensor* w,
                          const eqv_tensor* bias, const eqv_tensor* before, const eqv_tensor* y) {
  return guard("linear", [&] {
    Check c("linear", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, -1), &W = c.tensor("weight", w, 2), &Y = c.activation("y", y, -1);
    const auto* B = c.optional("bias", bias, 1);
    const auto* Z = c.optional_activation("before", before, -1);
    linear_shapes(c, "x", X, W, "y", Y);
    if (B) c.shape("bias", *B, {W.shape[0]});
    c.that(p.kind >= EQV_IDENTITY && p.kind <= EQV_GELU, "unknown activation", "see EQV_IDENTITY in eqv.h");
    c.that((p.kind == EQV_IDENTITY) == (Z == nullptr), "before belongs to an activation, and an activation to before",
           "pass it unless the activation is EQV_IDENTITY");
    if (Z) c.same_shape("before", *Z, "y", Y);
    backend::linear_fwd(*s, p, X, W, B, Z, Y);
  });
}

eqv_status eqv_linear_bwd_input(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* w, const eqv_tensor* dx) {
  return guard("linear_bwd_input", [&] {
    Check c("linear_bwd_input", s);
    const auto &DY = c.activation("dy", dy, -1), &W = c.tensor("weight", w, 2), &DX = c.activation("dx", dx, -1);
    linear_shapes(c, "dx", DX, W, "dy", DY);
    backend::linear_bwd_input(*s, DY, W, DX);
  });
}

eqv_status eqv_linear_bwd_weight(eqv_stream s, const eqv_tensor* x, const eqv_tensor* dy, const eqv_tensor* dw,
                                 const eqv_tensor* dbias) {
  return guard("linear_bwd_weight", [&] {
    Check c("linear_bwd_weight", s);
    const auto &X = c.activation("x", x, -1), &DY = c.activation("dy", dy, -1), &DW = c.tensor("dweight", dw, 2);
    const auto* DB = c.optional("dbias", dbias, 1);
    linear_shapes(c, "x", X, DW, "dy", DY);
    if (DB) c.shape("dbias", *DB, {DW.shape[0]});
    backend::linear_bwd_weight(*s, X, DY, DW, DB);
  });
}

}  // extern "C"
