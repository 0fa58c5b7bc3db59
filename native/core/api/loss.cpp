// Losses of pixels and logits: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void loss_arguments(const Check& c, const eqv_loss_params& p, const Tensor& a, const Tensor* b) {
  c.one_of("kind", p.kind, EQV_L1, EQV_CHARBONNIER, "EQV_L1");
  const bool pair = p.kind == EQV_L1 || p.kind == EQV_L2 || p.kind == EQV_CHARBONNIER;
  c.that(p.kind != EQV_CHARBONNIER || p.epsilon >= 1e-12, "epsilon", p.epsilon, "use at least 1e-12; 1e-3 is usual");
  c.that(pair == (b != nullptr), "b", b,
         pair ? "this kind compares two tensors: pass the target" : "this kind takes one tensor: pass NULL");
  if (b) c.same_shape("b", *b, "a", a);
}

}  // namespace

extern "C" {

eqv_status eqv_loss_fwd(eqv_stream s, const eqv_loss_params* params, const eqv_tensor* a, const eqv_tensor* b,
                        const eqv_tensor* out) {
  return checked("loss", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &A = c.tensor("a", a, kAnyRank), &O = c.tensor("out", out, kAnyRank);
    const auto* B = c.optional("b", b, kAnyRank);
    loss_arguments(c, p, A, B);
    c.one_value("out", O);
    backend::loss_fwd(*s, p, A, B, O);
  });
}

eqv_status eqv_loss_bwd(eqv_stream s, const eqv_loss_params* params, const eqv_tensor* dout, const eqv_tensor* a,
                        const eqv_tensor* b, const eqv_tensor* da) {
  return checked("loss_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &D = c.tensor("dout", dout, kAnyRank), &A = c.tensor("a", a, kAnyRank), &DA = c.tensor("da", da, kAnyRank);
    const auto* B = c.optional("b", b, kAnyRank);
    loss_arguments(c, p, A, B);
    c.one_value("dout", D);
    c.same_shape("da", DA, "a", A);
    backend::loss_bwd(*s, p, D, A, B, DA);
  });
}

}  // extern "C"
