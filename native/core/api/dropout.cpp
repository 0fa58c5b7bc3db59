// Dropout: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_dropout(eqv_stream s, const eqv_dropout_params* params, const eqv_tensor* counter, const eqv_tensor* x,
                       const eqv_tensor* y) {
  return checked("dropout", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.that(p.rate >= 0 && p.rate < 1, "rate", p.rate, "use at least 0 and less than 1: 0.1 drops a tenth");
    const auto &X = c.activation("x", x, kAnyRank), &Y = c.activation("y", y, kAnyRank);
    c.same_shape("y", Y, "x", X);
    backend::dropout(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, X, Y);
  });
}

}  // extern "C"
