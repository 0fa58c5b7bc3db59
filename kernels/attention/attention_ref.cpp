// The reference backend: the formulas are in attention_ref.h, which other files include, too.
#include "attention/attention_ref.h"
#include "common/ref_backend.h"

namespace eqv::backend {

void attention_fwd(Stream&, const eqv_attention_params& p, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& o, const Tensor& lse) {
  ref::attention_fwd(p, V(q), V(k), V(v), V(o), V(lse));
}
void attention_bwd(Stream&, const eqv_attention_params& p, const Tensor& d_o, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                   const Tensor& dv) {
  ref::attention_bwd(p, V(d_o), V(q), V(k), V(v), V(o), V(lse), V(dq), V(dk), V(dv));
}

}  // namespace eqv::backend
