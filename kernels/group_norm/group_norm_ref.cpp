// The reference backend: the formulas are in group_norm_ref.h, which other files include, too.
#include "group_norm/group_norm_ref.h"
#include "common/ref_backend.h"

namespace eqv::backend {

void group_norm_fwd(Stream&, const eqv_group_norm_params& p, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& y, const Tensor& stats) {
  ref::group_norm_fwd(p, V(x), data(gamma), data(beta), V(y), V(stats));
}
void group_norm_bwd(Stream&, const eqv_group_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& stats, const Tensor* residual, const Tensor& dx,
                    const Tensor& dgamma, const Tensor& dbeta) {
  ref::group_norm_bwd(p, V(dy), V(x), data(gamma), data(beta), V(stats), data(residual), V(dx), data(dgamma), data(dbeta));
}

}  // namespace eqv::backend
