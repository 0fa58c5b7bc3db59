// Adam and AdamW: the checks of arguments.
#include <cmath>

#include "packing.h"

using namespace eqv;

extern "C" {

eqv_status eqv_adam(eqv_stream s, const eqv_adam_params* params, const eqv_tensor* schedule, const eqv_tensor* squares,
                    const eqv_tensor* skip, const eqv_tensor* w, const eqv_tensor* g, const eqv_tensor* m,
                    const eqv_tensor* v, const eqv_tensor* average, const eqv_tensor* layout, const eqv_tensor* packed) {
  return checked("adam", s, [&](Check& c) {
    const auto& p = c.params(params);
    c.that(p.grad_scale > 0, "grad_scale", p.grad_scale, "it must be positive");
    c.that(p.clip > 0, "clip", p.clip, "it must be positive; pass infinity to clip nothing");
    c.that(squares || std::isinf(p.clip), "squares", squares, {"clipping to ", p.clip, " needs it"});
    c.that(p.beta1 >= 0 && p.beta1 < 1, "beta1", p.beta1, "use at least 0 and less than 1; PyTorch's default is 0.9");
    c.that(p.beta2 >= 0 && p.beta2 < 1, "beta2", p.beta2, "use at least 0 and less than 1; PyTorch's default is 0.999");
    c.that(p.eps > 0, "eps", p.eps, "it must be positive; PyTorch's default is 1e-8");
    const auto &W = c.tensor("w", w, kAnyRank), &G = c.tensor("g", g, kAnyRank), &M = c.tensor("m", m, kAnyRank),
               &V = c.tensor("v", v, kAnyRank);
    c.same_shape("g", G, "w", W);
    c.same_shape("m", M, "w", W);
    c.same_shape("v", V, "w", W);
    const auto *A = c.optional("average", average, kAnyRank), *Q = c.optional("squares", squares, 0),
               *K = c.optional("skip", skip, 0);
    if (A) c.same_shape("average", *A, "w", W);
    const auto& S = c.typed("schedule", schedule, 1, EQV_F64);
    c.shape("schedule", S, {4});
    c.that((layout != nullptr) == (packed != nullptr), "layout", layout, {"packed is ", packed, ": pass both or neither"});
    if (packed) packing(c, *s, layout, "w", W, packed);
    for (const Tensor* t : {&W, &M, &V, A})
      if (t) c.updated(*t);
    backend::adam(*s, p, S, Q, K, W, G, M, V, A);
    if (packed) backend::pack_weights(*s, *layout, W, K, *packed);
  });
}

}  // extern "C"
