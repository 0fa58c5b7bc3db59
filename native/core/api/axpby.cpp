// A sum of two tensors with factors: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_axpby(eqv_stream s, const eqv_axpby_params* params, const eqv_tensor* a, const eqv_tensor* b,
                     const eqv_tensor* out) {
  return checked("axpby", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &A = c.activation("a", a, kAnyRank), &O = c.activation("out", out, kAnyRank);
    const auto* B = c.optional_activation("b", b, kAnyRank);
    if (B) c.same_shape("b", *B, "a", A);
    c.same_shape("out", O, "a", A);
    backend::axpby(*s, p, A, B, O);
  });
}

}  // extern "C"
