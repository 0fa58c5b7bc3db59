// Rotary position embedding: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_rope(eqv_stream s, const eqv_rope_params* params, const eqv_tensor* x, const eqv_tensor* cos,
                    const eqv_tensor* sin, const eqv_tensor* y) {
  return checked("rope", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &C = c.tensor("cos", cos, 2), &S = c.tensor("sin", sin, 2),
               &Y = c.activation("y", y, 4);
    c.that(X.shape[3] % 2 == 0, "x", X, "neighbours of its last axis are rotated in pairs: use an even head size");
    c.that(p.rotated >= 0 && p.rotated <= X.shape[2], "rotated", p.rotated, {"use 0 to ", X.shape[2], ", the number of heads"});
    c.that(p.transposed == 0 || p.transposed == 1, "transposed", p.transposed, "use 0 or 1");
    c.shape("cos", C, {X.shape[1], X.shape[3]});
    c.shape("sin", S, {X.shape[1], X.shape[3]});
    c.same_shape("y", Y, "x", X);
    backend::rope(*s, p, X, C, S, Y);
  });
}

}  // extern "C"
