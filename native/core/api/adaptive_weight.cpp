// The weight that balances two losses by their gradients: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_adaptive_weight(eqv_stream s, const eqv_adaptive_weight_params* params, const eqv_tensor* numerator,
                               const eqv_tensor* denominator, const eqv_tensor* out) {
  return checked("adaptive_weight", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &N = c.tensor("numerator", numerator, kAnyRank), &D = c.tensor("denominator", denominator, kAnyRank),
               &O = c.tensor("out", out, kAnyRank);
    c.one_value("numerator", N);
    c.one_value("denominator", D);
    c.one_value("out", O);
    backend::adaptive_weight(*s, p, N, D, O);
  });
}

}  // extern "C"
