// Cross-entropy of a softmax: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void entropy_shapes(const Check& c, const eqv_softmax_cross_entropy_params& p, const Tensor& x, const Tensor& label,
                    const Tensor* weight, const char* out_name, const Tensor& out, const Tensor& lse) {
  c.that(p.smoothing >= 0 && p.smoothing <= 1, "smoothing", p.smoothing, "use 0 to 1; 0.1 is usual");
  c.has_channels("logits", x);
  c.same_without_last("label", label, "logits", x);
  if (weight) c.same_shape("weight", *weight, "label", label);
  c.same_shape(out_name, out, "label", label);
  c.same_shape("lse", lse, "label", label);
  c.that(elements(label) <= INT32_MAX, "label", label, "use at most 2^31 - 1 rows in a call");
  c.that(channels_of(x) <= INT32_MAX, "logits", x, "labels are i32: use at most 2^31 - 1 classes");
}

}  // namespace

extern "C" {

eqv_status eqv_softmax_cross_entropy_fwd(eqv_stream s, const eqv_softmax_cross_entropy_params* params,
                                         const eqv_tensor* logits, const eqv_tensor* label, const eqv_tensor* weight,
                                         const eqv_tensor* out, const eqv_tensor* lse) {
  return checked("softmax_cross_entropy", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.tensor("logits", logits, kAnyRank), &O = c.tensor("out", out, kAnyRank),
               &E = c.tensor("lse", lse, kAnyRank);
    const auto& L = c.typed("label", label, kAnyRank, EQV_I32);
    const auto* W = c.optional("weight", weight, kAnyRank);
    entropy_shapes(c, p, X, L, W, "out", O, E);
    backend::softmax_cross_entropy_fwd(*s, p, X, L, W, O, E);
  });
}

eqv_status eqv_softmax_cross_entropy_bwd(eqv_stream s, const eqv_softmax_cross_entropy_params* params,
                                         const eqv_tensor* dout, const eqv_tensor* logits, const eqv_tensor* label,
                                         const eqv_tensor* weight, const eqv_tensor* lse, const eqv_tensor* dlogits) {
  return checked("softmax_cross_entropy_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &D = c.tensor("dout", dout, kAnyRank), &X = c.tensor("logits", logits, kAnyRank),
               &E = c.tensor("lse", lse, kAnyRank), &DX = c.tensor("dlogits", dlogits, kAnyRank);
    const auto& L = c.typed("label", label, kAnyRank, EQV_I32);
    const auto* W = c.optional("weight", weight, kAnyRank);
    entropy_shapes(c, p, X, L, W, "dout", D, E);
    c.same_shape("dlogits", DX, "logits", X);
    backend::softmax_cross_entropy_bwd(*s, p, D, X, L, W, E, DX);
  });
}

}  // extern "C"
