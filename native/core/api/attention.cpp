// Attention with its scores in memory: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void attention_shapes(const Check& c, const eqv_attention_params& p, const Tensor& q, const Tensor& k, const Tensor& v,
                      const Tensor& o, const Tensor& lse) {
  c.that(p.heads >= 1 && q.shape[2] % p.heads == 0, "heads", p.heads, {"choose a divisor of the ", q.shape[2], " channels"});
  c.shape("k", k, {q.shape[0], k.shape[1], q.shape[2]});
  c.same_shape("v", v, "k", k);
  c.same_shape("o", o, "q", q);
  c.shape("lse", lse, {q.shape[0], p.heads, q.shape[1]});
}

}  // namespace

extern "C" {

eqv_status eqv_attention_fwd(eqv_stream s, const eqv_attention_params* params, const eqv_tensor* q,
                             const eqv_tensor* k, const eqv_tensor* v, const eqv_tensor* o, const eqv_tensor* lse) {
  return checked("attention", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &Q = c.activation("q", q, 3), &K = c.activation("k", k, 3), &V = c.activation("v", v, 3), &O = c.activation("o", o, 3),
               &L = c.tensor("lse", lse, 3);
    attention_shapes(c, p, Q, K, V, O, L);
    c.products(2, elements(Q), K.shape[1]);  // scores, and the sums of v
    backend::attention_fwd(*s, p, Q, K, V, O, L);
  });
}

eqv_status eqv_attention_bwd(eqv_stream s, const eqv_attention_params* params, const eqv_tensor* d_o,
                             const eqv_tensor* q, const eqv_tensor* k, const eqv_tensor* v, const eqv_tensor* o,
                             const eqv_tensor* lse, const eqv_tensor* dq, const eqv_tensor* dk, const eqv_tensor* dv) {
  return checked("attention_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DO = c.activation("d_o", d_o, 3), &Q = c.activation("q", q, 3), &K = c.activation("k", k, 3),
               &V = c.activation("v", v, 3), &O = c.activation("o", o, 3), &L = c.tensor("lse", lse, 3),
               &DQ = c.activation("dq", dq, 3), &DK = c.activation("dk", dk, 3), &DV = c.activation("dv", dv, 3);
    attention_shapes(c, p, Q, K, V, O, L);
    c.products(5, elements(Q), K.shape[1]);  // scores again, and the gradients of v, scores, q and k
    c.same_shape("d_o", DO, "o", O);
    c.same_shape("dq", DQ, "q", Q);
    c.same_shape("dk", DK, "k", K);
    c.same_shape("dv", DV, "v", V);
    backend::attention_bwd(*s, p, DO, Q, K, V, O, L, DQ, DK, DV);
  });
}

}  // extern "C"
