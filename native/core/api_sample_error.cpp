// Squared error per sample, and dropout: validate, then hand over to the backend.
#include "check.h"

using namespace eqv;

namespace {

void error_shapes(const Check& c, const Tensor& a, const Tensor& b, const Tensor* weight, const char* out_name,
                  const Tensor& out) {
  c.that(a.rank >= 1, "a is a scalar", "pass {N,…}");
  c.same_shape("b", b, "a", a);
  if (weight) c.shape("weight", *weight, {a.shape[0]});
  c.shape(out_name, out, {a.shape[0]});
}

}  // namespace

extern "C" {

eqv_status eqv_sample_error_fwd(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* weight,
                                const eqv_tensor* out) {
  return guard("sample_error", [&] {
    Check c("sample_error", s);
    const auto &A = c.tensor("a", a, -1), &B = c.tensor("b", b, -1), &O = c.tensor("out", out, 1);
    const auto* W = c.optional("weight", weight, 1);
    error_shapes(c, A, B, W, "out", O);
    backend::sample_error_fwd(*s, A, B, W, O);
  });
}

eqv_status eqv_sample_error_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* a, const eqv_tensor* b,
                                const eqv_tensor* weight, const eqv_tensor* da) {
  return guard("sample_error_bwd", [&] {
    Check c("sample_error_bwd", s);
    const auto &D = c.tensor("dout", dout, 1), &A = c.tensor("a", a, -1), &B = c.tensor("b", b, -1),
               &DA = c.tensor("da", da, -1);
    const auto* W = c.optional("weight", weight, 1);
    error_shapes(c, A, B, W, "dout", D);
    c.same_shape("da", DA, "a", A);
    backend::sample_error_bwd(*s, D, A, B, W, DA);
  });
}

eqv_status eqv_dropout(eqv_stream s, const eqv_dropout_params* params, const eqv_tensor* counter, const eqv_tensor* x,
                       const eqv_tensor* y) {
  return guard("dropout", [&] {
    Check c("dropout", s);
    const auto& p = c.params(params);
    c.that(p.rate >= 0 && p.rate < 1, "rate must be at least 0 and below 1", "0.1 drops a tenth");
    const auto &X = c.activation("x", x, -1), &Y = c.activation("y", y, -1);
    c.same_shape("y", Y, "x", X);
    backend::dropout(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, X, Y);
  });
}

}  // extern "C"
