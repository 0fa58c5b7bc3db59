// Products, quotients and logarithms, element by element: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void operands(const Check& c, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b) {
  c.one_of("kind", p.kind, EQV_PRODUCT, EQV_LOGARITHM, "EQV_PRODUCT");
  const bool pair = p.kind != EQV_LOGARITHM;
  c.that(pair == (b != nullptr), "b", b, pair ? "this kind takes two tensors" : "a logarithm takes one tensor: pass NULL");
  if (b) c.same_shape("b", *b, "a", a);
}

}  // namespace

extern "C" {

eqv_status eqv_arithmetic_fwd(eqv_stream s, const eqv_arithmetic_params* params, const eqv_tensor* a,
                              const eqv_tensor* b, const eqv_tensor* out) {
  return checked("arithmetic", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &A = c.tensor("a", a, kAnyRank), &O = c.tensor("out", out, kAnyRank);
    const auto* B = c.optional("b", b, kAnyRank);
    operands(c, p, A, B);
    c.same_shape("out", O, "a", A);
    backend::arithmetic_fwd(*s, p, A, B, O);
  });
}

eqv_status eqv_arithmetic_bwd(eqv_stream s, const eqv_arithmetic_params* params, const eqv_tensor* dout,
                              const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* da, const eqv_tensor* db) {
  return checked("arithmetic_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &D = c.tensor("dout", dout, kAnyRank), &A = c.tensor("a", a, kAnyRank);
    const auto *B = c.optional("b", b, kAnyRank), *DA = c.optional("da", da, kAnyRank), *DB = c.optional("db", db, kAnyRank);
    operands(c, p, A, B);
    c.same_shape("dout", D, "a", A);
    if (DA) c.same_shape("da", *DA, "a", A);
    if (DB) c.same_shape("db", *DB, "a", A);
    c.that(B || !DB, "db", DB, "a logarithm has no second gradient: pass NULL");
    backend::arithmetic_bwd(*s, p, D, A, B, DA, DB);
  });
}

}  // extern "C"
