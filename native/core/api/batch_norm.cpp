// Batch normalisation: the checks of arguments.
#include "check.h"

using namespace eqv;

extern "C" {

eqv_status eqv_batch_norm_fwd(eqv_stream s, const eqv_batch_norm_params* params, const eqv_tensor* x,
                              const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* running_mean,
                              const eqv_tensor* running_var, const eqv_tensor* y, const eqv_tensor* stats) {
  return checked("batch_norm", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1), &B = c.tensor("beta", beta, 1),
               &M = c.tensor("running_mean", running_mean, 1), &V = c.tensor("running_var", running_var, 1),
               &Y = c.activation("y", y, 4), &S = c.tensor("stats", stats, 2);
    c.same_shape("y", Y, "x", X);
    const int64_t channels = X.shape[3];
    c.shape("gamma", G, {channels});
    c.shape("beta", B, {channels});
    c.shape("running_mean", M, {channels});
    c.shape("running_var", V, {channels});
    c.shape("stats", S, {channels, 2});
    c.that(!p.training || elements(X) > channels, "x", X,
           "training needs more than one value per channel: use a larger batch or image, or evaluation mode");
    backend::batch_norm_fwd(*s, p, X, G, B, M, V, Y, S);
  });
}

eqv_status eqv_batch_norm_bwd(eqv_stream s, const eqv_batch_norm_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* stats,
                              const eqv_tensor* dx, const eqv_tensor* dgamma, const eqv_tensor* dbeta) {
  return checked("batch_norm_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1),
               &S = c.tensor("stats", stats, 2), &DX = c.activation("dx", dx, 4), &DG = c.tensor("dgamma", dgamma, 1),
               &DB = c.tensor("dbeta", dbeta, 1);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    const int64_t channels = X.shape[3];
    c.shape("gamma", G, {channels});
    c.shape("dgamma", DG, {channels});
    c.shape("dbeta", DB, {channels});
    c.shape("stats", S, {channels, 2});
    backend::batch_norm_bwd(*s, p, DY, X, G, S, DX, DG, DB);
  });
}

}  // extern "C"
