// Mixtures of data and noise: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

// {N,…} with two factors for each sample.
void mix_shapes(const Check& c, const char* name, const Tensor& t, const Tensor& factors) {
  c.that(t.rank >= 1, name, t, "pass {N,…}");
  c.shape("factors", factors, {t.shape[0], 2});
}

}  // namespace

extern "C" {

eqv_status eqv_sample_mix_fwd(eqv_stream s, const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* factors,
                              const eqv_tensor* out) {
  return checked("sample_mix", s, [&](Check& c) {
    const auto &A = c.tensor("a", a, kAnyRank), &B = c.tensor("b", b, kAnyRank), &F = c.tensor("factors", factors, 2),
               &O = c.tensor("out", out, kAnyRank);
    mix_shapes(c, "a", A, F);
    c.same_shape("b", B, "a", A);
    c.same_shape("out", O, "a", A);
    backend::sample_mix_fwd(*s, A, B, F, O);
  });
}

eqv_status eqv_sample_mix_bwd(eqv_stream s, const eqv_tensor* dout, const eqv_tensor* factors, const eqv_tensor* da,
                              const eqv_tensor* db) {
  return checked("sample_mix_bwd", s, [&](Check& c) {
    const auto &D = c.tensor("dout", dout, kAnyRank), &F = c.tensor("factors", factors, 2);
    const auto *DA = c.optional("da", da, kAnyRank), *DB = c.optional("db", db, kAnyRank);
    mix_shapes(c, "dout", D, F);
    if (DA) c.same_shape("da", *DA, "dout", D);
    if (DB) c.same_shape("db", *DB, "dout", D);
    backend::sample_mix_bwd(*s, D, F, DA, DB);
  });
}

}  // extern "C"
