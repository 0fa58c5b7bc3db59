// Group normalisation: the checks of arguments.
#include "groups.h"

using namespace eqv;

extern "C" {

eqv_status eqv_group_norm_fwd(eqv_stream s, const eqv_group_norm_params* params, const eqv_tensor* x,
                              const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* y,
                              const eqv_tensor* stats) {
  return checked("group_norm", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1), &B = c.tensor("beta", beta, 1),
               &Y = c.activation("y", y, 4), &S = c.tensor("stats", stats, 3);
    c.same_shape("y", Y, "x", X);
    c.shape("gamma", G, {X.shape[3]});
    c.shape("beta", B, {X.shape[3]});
    group_statistics(c, p.groups, p.eps, X, S);
    backend::group_norm_fwd(*s, p, X, G, B, Y, S);
  });
}

eqv_status eqv_group_norm_bwd(eqv_stream s, const eqv_group_norm_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* beta,
                              const eqv_tensor* stats, const eqv_tensor* residual, const eqv_tensor* dx,
                              const eqv_tensor* dgamma, const eqv_tensor* dbeta) {
  return checked("group_norm_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1),
               &B = c.tensor("beta", beta, 1), &S = c.tensor("stats", stats, 3), &DX = c.activation("dx", dx, 4),
               &DG = c.tensor("dgamma", dgamma, 1), &DB = c.tensor("dbeta", dbeta, 1);
    const auto* R = c.optional_activation("residual", residual, 4);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    if (R) c.same_shape("residual", *R, "x", X);
    c.shape("gamma", G, {X.shape[3]});
    c.shape("beta", B, {X.shape[3]});
    c.shape("dgamma", DG, {X.shape[3]});
    c.shape("dbeta", DB, {X.shape[3]});
    group_statistics(c, p.groups, p.eps, X, S);
    backend::group_norm_bwd(*s, p, DY, X, G, B, S, R, DX, DG, DB);
  });
}

}  // extern "C"
