// Products, quotients and logarithms element by element, and what lies beyond an image's edges: validate, then hand over to
// the backend.
#include "check.h"

using namespace eqv;

namespace {

void operands(const Check& c, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b) {
  c.that(p.kind >= EQV_PRODUCT && p.kind <= EQV_LOGARITHM, "unknown kind of arithmetic", "see EQV_PRODUCT in eqv.h");
  const bool pair = p.kind != EQV_LOGARITHM;
  c.that(pair == (b != nullptr), pair ? "this takes two tensors but b is null" : "a logarithm takes one tensor",
         pair ? "pass b" : "pass NULL for b");
  if (b) c.same_shape("b", *b, "a", a);
}

void pad_shapes(const Check& c, const eqv_pad2d_params& p, const Tensor& x, const char* yn, const Tensor& y) {
  c.that(p.mode >= EQV_EDGE_ZEROS && p.mode <= EQV_EDGE_REPLICATE, "unknown mode of padding", "see EQV_EDGE_ZEROS in eqv.h");
  c.that(p.top >= 0 && p.bottom >= 0 && p.left >= 0 && p.right >= 0, "padding must not be negative", "use 0 or more");
  const int64_t h = x.shape[1], w = x.shape[2];
  c.that(p.mode != EQV_EDGE_REFLECT || (p.top < h && p.bottom < h && p.left < w && p.right < w),
         (std::string("an image ") + shape_text(x) + " is too small for that much reflection").c_str(),
         "pad by less than its side, or replicate");
  c.shape(yn, y, {x.shape[0], p.top + h + p.bottom, p.left + w + p.right, x.shape[3]});
}

}  // namespace

extern "C" {

eqv_status eqv_arithmetic_fwd(eqv_stream s, const eqv_arithmetic_params* params, const eqv_tensor* a,
                              const eqv_tensor* b, const eqv_tensor* out) {
  return guard("arithmetic", [&] {
    Check c("arithmetic", s);
    const auto& p = c.params(params);
    const auto &A = c.tensor("a", a, -1), &O = c.tensor("out", out, -1);
    const auto* B = c.optional("b", b, -1);
    operands(c, p, A, B);
    c.same_shape("out", O, "a", A);
    backend::arithmetic_fwd(*s, p, A, B, O);
  });
}

eqv_status eqv_arithmetic_bwd(eqv_stream s, const eqv_arithmetic_params* params, const eqv_tensor* dout,
                              const eqv_tensor* a, const eqv_tensor* b, const eqv_tensor* da, const eqv_tensor* db) {
  return guard("arithmetic_bwd", [&] {
    Check c("arithmetic_bwd", s);
    const auto& p = c.params(params);
    const auto &D = c.tensor("dout", dout, -1), &A = c.tensor("a", a, -1);
    const auto *B = c.optional("b", b, -1), *DA = c.optional("da", da, -1), *DB = c.optional("db", db, -1);
    operands(c, p, A, B);
    c.same_shape("dout", D, "a", A);
    if (DA) c.same_shape("da", *DA, "a", A);
    if (DB) c.same_shape("db", *DB, "a", A);
    c.that(B || !DB, "a logarithm has no second gradient", "pass NULL for db");
    backend::arithmetic_bwd(*s, p, D, A, B, DA, DB);
  });
}

eqv_status eqv_pad2d_fwd(eqv_stream s, const eqv_pad2d_params* params, const eqv_tensor* x, const eqv_tensor* y) {
  return guard("pad2d", [&] {
    Check c("pad2d", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    pad_shapes(c, p, X, "y", Y);
    backend::pad2d_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_pad2d_bwd(eqv_stream s, const eqv_pad2d_params* params, const eqv_tensor* dy, const eqv_tensor* dx) {
  return guard("pad2d_bwd", [&] {
    Check c("pad2d_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    pad_shapes(c, p, DX, "dy", DY);
    backend::pad2d_bwd(*s, p, DY, DX);
  });
}

}  // extern "C"
