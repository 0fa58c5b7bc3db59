// A diffusion's variational bound: the checks of arguments.
#include "check.h"
#include "gaussian_vlb/gaussian_vlb.h"

using namespace eqv;

namespace {

void vlb_shapes(const Check& c, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                const Tensor& steps, const char* out_name, const Tensor& out) {
  c.that(said.rank >= 1, "said", said, "pass {N,…}");
  if (variance) c.same_shape("variance", *variance, "said", said);
  c.same_shape("start", start, "said", said);
  c.same_shape("noisy", noisy, "said", said);
  c.shape("steps", steps, {said.shape[0], kVlbColumns});
  c.shape(out_name, out, {said.shape[0]});
}

}  // namespace

extern "C" {

eqv_status eqv_gaussian_vlb_fwd(eqv_stream s, const eqv_tensor* said, const eqv_tensor* variance, const eqv_tensor* start,
                                const eqv_tensor* noisy, const eqv_tensor* steps, const eqv_tensor* out) {
  return checked("gaussian_vlb", s, [&](Check& c) {
    const auto &S = c.tensor("said", said, kAnyRank), &X = c.tensor("start", start, kAnyRank), &T = c.tensor("noisy", noisy, kAnyRank),
               &R = c.tensor("steps", steps, 2), &O = c.tensor("out", out, 1);
    const auto* V = c.optional("variance", variance, kAnyRank);
    vlb_shapes(c, S, V, X, T, R, "out", O);
    backend::gaussian_vlb_fwd(*s, S, V, X, T, R, O);
  });
}

eqv_status eqv_gaussian_vlb_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* said, const eqv_tensor* variance,
                                const eqv_tensor* start, const eqv_tensor* noisy, const eqv_tensor* steps,
                                const eqv_tensor* dsaid, const eqv_tensor* dvariance) {
  return checked("gaussian_vlb_bwd", s, [&](Check& c) {
    const auto &D = c.tensor("dout", dout, 1), &S = c.tensor("said", said, kAnyRank), &X = c.tensor("start", start, kAnyRank),
               &T = c.tensor("noisy", noisy, kAnyRank), &R = c.tensor("steps", steps, 2);
    const auto *V = c.optional("variance", variance, kAnyRank), *DS = c.optional("dsaid", dsaid, kAnyRank),
               *DV = c.optional("dvariance", dvariance, kAnyRank);
    vlb_shapes(c, S, V, X, T, R, "dout", D);
    if (DS) c.same_shape("dsaid", *DS, "said", S);
    if (DV) c.same_shape("dvariance", *DV, "said", S);
    c.that(!DV || V, "dvariance", DV, "variance is NULL: pass both or neither");
    backend::gaussian_vlb_bwd(*s, D, S, V, X, T, R, DS, DV);
  });
}

}  // extern "C"
