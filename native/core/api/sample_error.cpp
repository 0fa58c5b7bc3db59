// The squared error of each sample: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void error_shapes(const Check& c, const Tensor& a, const Tensor& b, const Tensor* weight, const char* out_name,
                  const Tensor& out) {
  c.that(a.rank >= 1, "a", a, "pass {N,…}");
  c.same_shape("b", b, "a", a);
  if (weight) c.shape("weight", *weight, {a.shape[0]});
  c.shape(out_name, out, {a.shape[0]});
}

}  // namespace

extern "C" {

eqv_status eqv_sample_error_fwd(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* weight,
                                const eqv_tensor* out) {
  return checked("sample_error", s, [&](Check& c) {
    const auto &A = c.tensor("a", a, kAnyRank), &B = c.tensor("b", b, kAnyRank), &O = c.tensor("out", out, 1);
    const auto* W = c.optional("weight", weight, 1);
    error_shapes(c, A, B, W, "out", O);
    backend::sample_error_fwd(*s, A, B, W, O);
  });
}

eqv_status eqv_sample_error_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* a, const eqv_tensor* b,
                                const eqv_tensor* weight, const eqv_tensor* da) {
  return checked("sample_error_bwd", s, [&](Check& c) {
    const auto &D = c.tensor("dout", dout, 1), &A = c.tensor("a", a, kAnyRank), &B = c.tensor("b", b, kAnyRank),
               &DA = c.tensor("da", da, kAnyRank);
    const auto* W = c.optional("weight", weight, 1);
    error_shapes(c, A, B, W, "dout", D);
    c.same_shape("da", DA, "a", A);
    backend::sample_error_bwd(*s, D, A, B, W, DA);
  });
}

}  // extern "C"
