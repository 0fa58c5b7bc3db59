// Samples of the posterior: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void moments_shape(const Check& c, const Tensor& moments, const Tensor& z) {
  c.shape("moments", moments, {z.shape[0], z.shape[1], z.shape[2], 2 * z.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_gaussian_sample_fwd(eqv_stream s, const eqv_tensor* moments, const eqv_tensor* noise,
                                   const eqv_tensor* z) {
  return checked("gaussian_sample", s, [&](Check& c) {
    const auto &M = c.tensor("moments", moments, 4), &E = c.tensor("noise", noise, 4), &Z = c.tensor("z", z, 4);
    moments_shape(c, M, Z);
    c.same_shape("noise", E, "z", Z);
    backend::gaussian_sample_fwd(*s, M, E, Z);
  });
}

eqv_status eqv_gaussian_sample_bwd(eqv_stream s, const eqv_tensor* dz, const eqv_tensor* moments,
                                   const eqv_tensor* noise, const eqv_tensor* dmoments) {
  return checked("gaussian_sample_bwd", s, [&](Check& c) {
    const auto &DZ = c.tensor("dz", dz, 4), &M = c.tensor("moments", moments, 4), &E = c.tensor("noise", noise, 4),
               &DM = c.tensor("dmoments", dmoments, 4);
    moments_shape(c, M, DZ);
    c.same_shape("noise", E, "dz", DZ);
    c.same_shape("dmoments", DM, "moments", M);
    backend::gaussian_sample_bwd(*s, DZ, M, E, DM);
  });
}

}  // extern "C"
