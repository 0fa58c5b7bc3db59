// Reductions to one value: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_reduce(eqv_stream s, const eqv_reduce_params* params, const eqv_tensor* x, const eqv_tensor* out) {
  return checked("reduce", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.one_of("kind", p.kind, EQV_SUM, EQV_MAX_ABS, "EQV_SUM");
    const auto &X = c.tensor("x", x, kAnyRank), &O = c.tensor("out", out, kAnyRank);
    c.one_value("out", O);
    backend::reduce(*s, p, X, O);
  });
}

}  // extern "C"
