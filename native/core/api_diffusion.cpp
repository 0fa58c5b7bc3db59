// What diffusion is trained with: mixtures of data and noise, the variational bound. Validate, then hand over to the backend.
#include "check.h"
#include "gaussian_vlb/gaussian_vlb.h"

using namespace eqv;

namespace {

void vlb_shapes(const Check& c, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                const Tensor& steps, const char* out_name, const Tensor& out) {
  c.that(said.rank >= 1, "said is a scalar", "pass {N,…}");
  if (variance) c.same_shape("variance", *variance, "said", said);
  c.same_shape("start", start, "said", said);
  c.same_shape("noisy", noisy, "said", said);
  c.shape("steps", steps, {said.shape[0], kVlbColumns});
  c.shape(out_name, out, {said.shape[0]});
}

// {N,…} with two factors for each sample.
void mix_shapes(const Check& c, const Tensor& t, const Tensor& factors) {
  c.that(t.rank >= 1, "there are no samples", "pass {N,…}");
  c.shape("factors", factors, {t.shape[0], 2});
}

}  // namespace

extern "C" {

eqv_status eqv_sample_mix_fwd(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* factors,
                              const eqv_tensor* out) {
  return guard("sample_mix", [&] {
    Check c("sample_mix", s);
    const auto &A = c.tensor("a", a, -1), &B = c.tensor("b", b, -1), &F = c.tensor("factors", factors, 2),
               &O = c.tensor("out", out, -1);
    mix_shapes(c, A, F);
    c.same_shape("b", B, "a", A);
    c.same_shape("out", O, "a", A);
    backend::sample_mix_fwd(*s, A, B, F, O);
  });
}

eqv_status eqv_sample_mix_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* factors, const eqv_tensor* da,
                              const eqv_tensor* db) {
  return guard("sample_mix_bwd", [&] {
    Check c("sample_mix_bwd", s);
    const auto &D = c.tensor("dout", dout, -1), &F = c.tensor("factors", factors, 2);
    const auto *DA = c.optional("da", da, -1), *DB = c.optional("db", db, -1);
    mix_shapes(c, D, F);
    if (DA) c.same_shape("da", *DA, "dout", D);
    if (DB) c.same_shape("db", *DB, "dout", D);
    backend::sample_mix_bwd(*s, D, F, DA, DB);
  });
}

eqv_status eqv_gaussian_vlb_fwd(eqv_stream s, const eqv_tensor* said, const eqv_tensor* variance, const eqv_tensor* start,
                                const eqv_tensor* noisy, const eqv_tensor* steps, const eqv_tensor* out) {
  return guard("gaussian_vlb", [&] {
    Check c("gaussian_vlb", s);
    const auto &S = c.tensor("said", said, -1), &X = c.tensor("start", start, -1), &T = c.tensor("noisy", noisy, -1),
               &R = c.tensor("steps", steps, 2), &O = c.tensor("out", out, 1);
    const auto* V = c.optional("variance", variance, -1);
    vlb_shapes(c, S, V, X, T, R, "out", O);
    backend::gaussian_vlb_fwd(*s, S, V, X, T, R, O);
  });
}

eqv_status eqv_gaussian_vlb_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* said, const eqv_tensor* variance,
                                const eqv_tensor* start, const eqv_tensor* noisy, const eqv_tensor* steps,
                                const eqv_tensor* dsaid, const eqv_tensor* dvariance) {
  return guard("gaussian_vlb_bwd", [&] {
    Check c("gaussian_vlb_bwd", s);
    const auto &D = c.tensor("dout", dout, 1), &S = c.tensor("said", said, -1), &X = c.tensor("start", start, -1),
               &T = c.tensor("noisy", noisy, -1), &R = c.tensor("steps", steps, 2);
    const auto *V = c.optional("variance", variance, -1), *DS = c.optional("dsaid", dsaid, -1),
               *DV = c.optional("dvariance", dvariance, -1);
    vlb_shapes(c, S, V, X, T, R, "dout", D);
    if (DS) c.same_shape("dsaid", *DS, "said", S);
    if (DV) c.same_shape("dvariance", *DV, "said", S);
    c.that(!DV || V, "dvariance is given, but no variance", "leave both out, or neither");
    backend::gaussian_vlb_bwd(*s, D, S, V, X, T, R, DS, DV);
  });
}

}  // extern "C"
