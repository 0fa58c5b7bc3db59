// Layer norm and RMS norm with what follows them: validate, then hand over to the backend.
#include "rows.h"

using namespace eqv;

namespace {

void layer_norm_shapes(const Check& c, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight,
                       const Tensor* bias, const Tensor* modulation, const Tensor& stats) {
  has_rows(c, x);
  c.that(p.eps > 0, "eps must be positive", "PyTorch's default for LayerNorm is 1e-5, DiT uses 1e-6");
  c.that(p.rms == 0 || p.rms == 1, "rms must be 0 or 1", "use one of these");
  if (weight) c.shape("weight", *weight, {channels_of(x)});
  if (bias) c.shape("bias", *bias, {channels_of(x)});
  if (modulation) {
    c.that(x.rank >= 2, "x has no samples that could be modulated", "pass {N,…,C}");
    c.that(modulation->shape[1] == 1 || modulation->shape[1] == 2, "the modulation has neither one nor two parts",
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
  return guard("layer_norm", [&] {
    Check c("layer_norm", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, -1), &Y = c.activation("y", y, -1);
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
                              const eqv_tensor* modulation, const eqv_tensor* stats, const eqv_tensor* dx,
                              const eqv_tensor* dweight, const eqv_tensor* dbias, const eqv_tensor* dmodulation) {
  return guard("layer_norm_bwd", [&] {
    Check c("layer_norm_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, -1), &X = c.activation("x", x, -1), &DX = c.activation("dx", dx, -1);
    const auto *W = c.optional("weight", weight, 1), *B = c.optional("bias", bias, 1),
               *M = c.optional_activation("modulation", modulation, 3);
    const auto& S = c.tensor("stats", stats, 2);
    const auto *DW = c.optional("dweight", dweight, 1), *DB = c.optional("dbias", dbias, 1),
               *DM = c.optional_activation("dmodulation", dmodulation, 3);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    layer_norm_shapes(c, p, X, W, B, M, S);
    for (const auto* t : {DW, DB})
      if (t) c.shape("dweight, dbias", *t, {channels_of(X)});
    c.that(!DM || M, "dmodulation without modulation", "pass both or NULL");
    if (DM) c.same_shape("dmodulation", *DM, "modulation", *M);
    backend::layer_norm_bwd(*s, p, DY, X, W, B, M, S, DX, DW, DB, DM);
  });
}

}  // extern "C"
