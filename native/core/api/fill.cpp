// One value everywhere: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_fill(eqv_stream s, const eqv_fill_params* params, const eqv_tensor* out) {
  return checked("fill", s, [&](Check& c) {
    const auto& p = c.params(params);
    backend::fill(*s, p, c.activation("out", out, kAnyRank));
  });
}

}  // extern "C"
