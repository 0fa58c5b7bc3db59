// Random numbers: the checks of arguments.
#include <cmath>

#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_random(eqv_stream s, const eqv_random_params* params, const eqv_tensor* counter, const eqv_tensor* out) {
  return checked("random", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.one_of("distribution", p.distribution, EQV_NORMAL, EQV_UNIFORM, "EQV_NORMAL");
    c.that(std::isfinite(p.a), "a", p.a, "pass a finite mean, or lower end");
    c.that(std::isfinite(p.b), "b", p.b, "pass a finite standard deviation, or upper end");
    const auto& O = c.tensor("out", out, kAnyRank);
    backend::random(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, O);
  });
}

}  // extern "C"
