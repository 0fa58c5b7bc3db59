// Layer norm and RMS norm, with modulation: the checks of arguments.
#include "check.h"

using namespace eqv;

namespace {

void layer_norm_shapes(const Check& c, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight,
                       const Tensor* bias, const Tensor* modulation, const Tensor& stats) {
  c.has_channels("x", x);
  c.that(p.eps > 0, "eps", p.eps, "it must be positive: PyTorch's default for LayerNorm is 1e-5, DiT uses 1e-6");
  c.that(p.rms == 0 || p.rms == 1, "rms", p.rms, "use 0 or 1");
  if (weight) c.shape("weight", *weight, {channels_of(x)});
  if (bias) c.shape("bias", *bias, {channels_of(x)});
  if (modulation) {
    c.that(x.rank >= 2, "x", x, "pass {N,…,C}: each sample has its modulation");
    c.that(modulation->shape[1] == 1 || modulation->shape[1] == 2, "modulation", *modulation,
           "pass {N,2,C} = shift, scale or {N,1,C} = scale");
    c.shape("modulation", *modulation, {x.shape[0], modulation->shape[1], channels_of(x)});
  }
  c.shape("stats", stats, {rows_of(x), 2});
}

}  // namespace

extern "C" {

eqv_status eqv_layer_norm_fwd(eqv_stream s, const eqv_layer_norm_params* params, const eqv_tensor* x,
                              const eqv_tensor* weight, const eqv_tensor* bias, const eqv_tensor* modulation,
                              const eqv_tensor* y, const eqv_tensor* stats) {
  return checked("layer_norm", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, kAnyRank), &Y = c.activation("y", y, kAnyRank);
    const auto *W = c.optional("weight", weight, 1), *B = c.optional("bias", bias, 1),
               *M = c.optional_activation("modulation", modulation, 3);
    const auto& S = c.tensor("stats", stats, 2);
    c.same_shape("y", Y, "x", X);
    layer_norm_shapes(c, p, X, W, B, M, S);
    backend::layer_norm_fwd(*s, p, X, W, B, M, Y, S);
  });
}

eqv_status eqv_layer_norm_bwd(eqv_stream s, const eqv_layer_norm_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* weight, const eqv_tensor* bias,
                              const eqv_tensor* modulation, const eqv_tensor* stats, const eqv_tensor* residual,
                              const eqv_tensor* dx, const eqv_tensor* dweight, const eqv_tensor* dbias,
                              const eqv_tensor* dmodulation) {
  return checked("layer_norm_bwd", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, kAnyRank), &X = c.activation("x", x, kAnyRank), &DX = c.activation("dx", dx, kAnyRank);
    const auto *W = c.optional("weight", weight, 1), *B = c.optional("bias", bias, 1),
               *M = c.optional_activation("modulation", modulation, 3);
    const auto& S = c.tensor("stats", stats, 2);
    const auto *DW = c.optional("dw", dweight, 1), *DB = c.optional("dbias", dbias, 1),
               *DM = c.optional_activation("dmodulation", dmodulation, 3),
               *R = c.optional_activation("residual", residual, kAnyRank);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    if (R) c.same_shape("residual", *R, "x", X);
    layer_norm_shapes(c, p, X, W, B, M, S);
    if (DW) c.shape("dweight", *DW, {channels_of(X)});
    if (DB) c.shape("dbias", *DB, {channels_of(X)});
    c.that(!DM || M, "dmodulation", DM, "modulation is NULL: pass both or neither");
    if (DM) c.same_shape("dmodulation", *DM, "modulation", *M);
    backend::layer_norm_bwd(*s, p, DY, X, W, B, M, S, R, DX, DW, DB, DM);
  });
}

}  // extern "C"
