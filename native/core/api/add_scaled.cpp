// A sum with a factor that lies on the device: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_add_scaled(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* scale,
                          const eqv_tensor* out) {
  return checked("add_scaled", s, [&](Check& c) {
    const auto &B = c.activation("b", b, kAnyRank), &S = c.tensor("s", scale, kAnyRank), &O = c.activation("out", out, kAnyRank);
    const auto* A = c.optional_activation("a", a, kAnyRank);
    if (A) c.same_shape("a", *A, "b", B);
    c.same_shape("out", O, "b", B);
    c.one_value("s", S);
    backend::add_scaled(*s, A, B, S, O);
  });
}

}  // extern "C"
