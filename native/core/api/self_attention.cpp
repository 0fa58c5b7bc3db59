// Attention without scores in memory: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

constexpr int64_t kLargestHead = 128;

void self_attention_shapes(const Check& c, const eqv_self_attention_params& p, const Tensor& qkv, const Tensor& o,
                           const Tensor& lse) {
  c.that(p.rate >= 0 && p.rate < 1, "rate", p.rate, "use at least 0 and less than 1: 0.1 drops a tenth");
  c.that(p.heads >= 1 && qkv.shape[2] % (3 * int64_t{p.heads}) == 0, "heads", p.heads,
         {"three times as many must divide the ", qkv.shape[2], " channels of qkv{N,T,3C}"});
  c.that(qkv.shape[2] / 3 / p.heads <= kLargestHead, "heads", p.heads,
         {"a head of qkv ", qkv, " has more than ", kLargestHead,
          " channels: use more heads, or eqv_attention_fwd, which keeps scores in memory"});
  c.shape("o", o, {qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3});
  c.shape("lse", lse, {qkv.shape[0], p.heads, qkv.shape[1]});
}

}  // namespace

extern "C" {

eqv_status eqv_self_attention_fwd(eqv_stream s, const eqv_self_attention_params* params, const eqv_tensor* counter,
                                  const eqv_tensor* qkv, const eqv_tensor* o, const eqv_tensor* lse) {
  return checked("self_attention", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("qkv", qkv, 3), &O = c.activation("o", o, 3), &L = c.tensor("lse", lse, 3);
    self_attention_shapes(c, p, X, O, L);
    c.products(2, elements(O), O.shape[1]);  // scores, and the sums of v
    backend::self_attention_fwd(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, X, O, L);
  });
}

eqv_status eqv_self_attention_bwd(eqv_stream s, const eqv_self_attention_params* params, const eqv_tensor* counter,
                                  const eqv_tensor* d_o, const eqv_tensor* qkv, const eqv_tensor* o,
                                  const eqv_tensor* lse, const eqv_tensor* dqkv) {
  return checked("self_attention_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DO = c.activation("d_o", d_o, 3), &X = c.activation("qkv", qkv, 3), &O = c.activation("o", o, 3),
               &L = c.tensor("lse", lse, 3), &DX = c.activation("dqkv", dqkv, 3);
    self_attention_shapes(c, p, X, O, L);
    c.products(5, elements(O), O.shape[1]);  // scores again, and the gradients of v, scores, q and k
    c.same_shape("d_o", DO, "o", O);
    c.same_shape("dqkv", DX, "qkv", X);
    backend::self_attention_bwd(*s, p, counter ? &c.typed("counter", counter, 0, EQV_F64) : nullptr, DO, X, O, L, DX);
  });
}

}  // extern "C"
