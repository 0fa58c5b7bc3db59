// The posterior's KL divergence: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// Mean and log variance, as many channels of each.
void halves(const Check& c, const Tensor& moments) {
  c.that(moments.shape[3] % 2 == 0, "moments", moments, "its last axis needs two halves: mean and log variance");
}

}  // namespace

extern "C" {

eqv_status eqv_gaussian_kl_fwd(eqv_stream s, const eqv_tensor* moments, const eqv_tensor* out) {
  return checked("gaussian_kl", s, [&](Check& c) {
    const auto &M = c.tensor("moments", moments, 4), &O = c.tensor("out", out, kAnyRank);
    halves(c, M);
    c.one_value("out", O);
    backend::gaussian_kl_fwd(*s, M, O);
  });
}

eqv_status eqv_gaussian_kl_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* moments,
                               const eqv_tensor* dmoments) {
  return checked("gaussian_kl_bwd", s, [&](Check& c) {
    const auto &D = c.tensor("dout", dout, kAnyRank), &M = c.tensor("moments", moments, 4),
               &DM = c.tensor("dmoments", dmoments, 4);
    halves(c, M);
    c.one_value("dout", D);
    c.same_shape("dmoments", DM, "moments", M);
    backend::gaussian_kl_bwd(*s, D, M, DM);
  });
}

}  // extern "C"
