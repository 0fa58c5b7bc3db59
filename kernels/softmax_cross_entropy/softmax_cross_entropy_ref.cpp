// The reference backend: the formulas are in softmax_cross_entropy_ref.h, which other files include, too.
#include "softmax_cross_entropy/softmax_cross_entropy_ref.h"
#include "common/ref_backend.h"

namespace eqv::backend {

void softmax_cross_entropy_fwd(Stream&, const eqv_softmax_cross_entropy_params& p, const Tensor& x, const Tensor& label,
                               const Tensor* weight, const Tensor& out, const Tensor& lse) {
  ref::softmax_cross_entropy_fwd(p.smoothing, elements(label), channels_of(x), data(x), static_cast<int32_t*>(label.data),
                                 data(weight), data(out), data(lse));
}
void softmax_cross_entropy_bwd(Stream&, const eqv_softmax_cross_entropy_params& p, const Tensor& dout, const Tensor& x,
                               const Tensor& label, const Tensor* weight, const Tensor& lse, const Tensor& dx) {
  ref::softmax_cross_entropy_bwd(p.smoothing, elements(label), channels_of(x), data(dout), data(x),
                                 static_cast<int32_t*>(label.data), data(weight), data(lse), data(dx));
}

}  // namespace eqv::backend
