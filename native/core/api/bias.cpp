// The gradient of a bias: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_bias_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* dbias) {
  return checked("bias_bwd", s, [&](Check& c) {
    const auto &DY = c.activation("dy", dy, kAnyRank), &DBIAS = c.tensor("dbias", dbias, 1);
    c.has_channels("dy", DY);
    c.shape("dbias", DBIAS, {channels_of(DY)});
    backend::bias_bwd(*s, DY, DBIAS);
  });
}

}  // extern "C"
