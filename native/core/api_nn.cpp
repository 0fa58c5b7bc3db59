// Convolution, norms, activations, pooling, attention: validate, then hand over to the backend.
#include "check.h"
#include "conv2d/packed_weights.h"

using namespace eqv;

namespace {

// Checks y = conv(x, w) and its parameters.
void conv_shapes(const Check& c, const eqv_conv2d_params& p, const char* xn, const Tensor& x, const Tensor& w,
                 const char* yn, const Tensor& y) {
  c.that(p.stride == 1 || p.stride == 2, "stride must be 1 or 2", "use one of these");
  c.that(p.pad_top >= 0 && p.pad_bottom >= 0 && p.pad_left >= 0 && p.pad_right >= 0, "padding is negative",
         "use 0 or more");
  const int64_t o = w.shape[0], i = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  c.shape(xn, x, {x.shape[0], x.shape[1], x.shape[2], i});
  const int64_t h = x.shape[1] + p.pad_top + p.pad_bottom, wd = x.shape[2] + p.pad_left + p.pad_right;
  c.that(h >= kh && wd >= kw, "the padded image is smaller than the kernel", "use a larger image or more padding");
  c.shape(yn, y, {x.shape[0], (h - kh) / p.stride + 1, (wd - kw) / p.stride + 1, o});
}

void group_shapes(const Check& c, int32_t groups, float eps, const Tensor& x, const Tensor& stats) {
  c.that(groups >= 1 && x.shape[3] % groups == 0, "the channels are not divisible by the number of groups",
         "choose groups that divide C");
  c.that(eps > 0, "eps must be positive", "PyTorch's default for GroupNorm is 1e-5, the SD-VAE uses 1e-6");
  c.shape("stats", stats, {x.shape[0], groups, 2});
}

// What follows a convolution: y's bias of `channels`, its residual and statistics.
struct Epilogue {
  const Tensor *bias, *residual, *stats;
};

Epilogue epilogue(Check& c, const eqv_conv2d_params& p, const char* yn, const Tensor& y, const eqv_tensor* bias,
                  const eqv_tensor* residual, const eqv_tensor* stats) {
  const Epilogue e{c.optional("bias", bias, 1), c.optional_activation("residual", residual, 4),
                   c.optional("stats", stats, 3)};
  c.that(p.activation >= EQV_IDENTITY && p.activation <= EQV_LEAKY_RELU, "unknown activation",
         "see EQV_IDENTITY in eqv.h");
  if (e.bias) c.shape("bias", *e.bias, {y.shape[3]});
  if (e.residual) c.same_shape("residual", *e.residual, yn, y);
  c.that((p.groups > 0) == (e.stats != nullptr), "groups belong to stats, and stats to groups", "pass both or neither");
  if (e.stats) group_shapes(c, p.groups, p.eps, y, *e.stats);
  return e;
}

// The copy of w that tensor cores read beside bf16 activations x.
const Tensor* packed_copy(const Check& c, const Stream& s, const eqv_tensor* packed, const Tensor& w, const Tensor& x) {
  if (!packed) return nullptr;
  c.reads_packed(s);
  c.that(x.dtype == EQV_BF16, "packed belongs to bf16 activations", "pass NULL beside others");
  const Tensor& p = c.typed("packed", packed, 1, EQV_BF16);
  c.shape("packed", p, {packed_elements(w.shape[0], w.shape[1], w.shape[2] * w.shape[3])});
  c.that(reinterpret_cast<uintptr_t>(p.data) % 16 == 0, "packed does not begin at a multiple of 16 bytes",
         "let every weight's copy begin at a multiple of 8 elements");
  return &p;
}

// Checks y = pool(x), its parameters and the winners.
void pool_shapes(const Check& c, const eqv_pool2d_params& p, const Tensor& x, const char* yn, const Tensor& y,
                 const eqv_tensor* index) {
  const bool max = p.kind == EQV_POOL_MAX;
  c.that(max || p.kind == EQV_POOL_MEAN, "unknown kind of pooling", "see EQV_POOL_MAX in eqv.h");
  c.that(p.kernel_height >= 1 && p.kernel_width >= 1 && p.stride >= 1, "kernel and stride must be at least 1",
         "use 1 or more");
  c.that(p.padding >= 0 && p.padding <= p.kernel_height / 2 && p.padding <= p.kernel_width / 2,
         "padding must be between 0 and half the kernel", "a window beyond that may hold no pixel");
  c.that(!max || int64_t{p.kernel_height} * p.kernel_width <= 256, "the window has more than 256 pixels",
         "places are kept in a byte; pool twice");
  c.that(max == (index != nullptr), "index belongs to the maximum, and only to it", "pass it there, else NULL");
  const int64_t h = x.shape[1] + 2 * p.padding - p.kernel_height, w = x.shape[2] + 2 * p.padding - p.kernel_width;
  c.that(h >= 0 && w >= 0, "the padded image is smaller than the window", "use a larger image or a smaller window");
  c.shape(yn, y, {x.shape[0], h / p.stride + 1, w / p.stride + 1, x.shape[3]});
  if (max) c.same_shape("index", c.typed("index", index, 4, EQV_U8), yn, y);
}

}  // namespace

extern "C" {

eqv_status eqv_conv2d_fwd(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* x, const eqv_tensor* w,
                          const eqv_tensor* packed, const eqv_tensor* bias, const eqv_tensor* residual,
                          const eqv_tensor* y, const eqv_tensor* stats) {
  return guard("conv2d", [&] {
    Check c("conv2d", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &W = c.tensor("weight", w, 4), &Y = c.activation("y", y, 4);
    conv_shapes(c, p, "x", X, W, "y", Y);
    const Epilogue e = epilogue(c, p, "y", Y, bias, residual, stats);
    backend::conv2d_fwd(*s, p, X, W, packed_copy(c, *s, packed, W, X), e.bias, e.residual, Y, e.stats);
  });
}

eqv_status eqv_conv2d_bwd_input(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* dy,
                                const eqv_tensor* w, const eqv_tensor* packed, const eqv_tensor* bias,
                                const eqv_tensor* residual, const eqv_tensor* dx, const eqv_tensor* stats) {
  return guard("conv2d_bwd_input", [&] {
    Check c("conv2d_bwd_input", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &W = c.tensor("weight", w, 4), &DX = c.activation("dx", dx, 4);
    conv_shapes(c, p, "dx", DX, W, "dy", DY);
    const Epilogue e = epilogue(c, p, "dx", DX, bias, residual, stats);
    backend::conv2d_bwd_input(*s, p, DY, W, packed_copy(c, *s, packed, W, DY), e.bias, e.residual, DX, e.stats);
  });
}

eqv_status eqv_conv2d_bwd_weight(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* x,
                                 const eqv_tensor* dy, const eqv_tensor* dw, const eqv_tensor* dbias) {
  return guard("conv2d_bwd_weight", [&] {
    Check c("conv2d_bwd_weight", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &DY = c.activation("dy", dy, 4), &DW = c.tensor("dweight", dw, 4);
    const auto* DB = c.optional("dbias", dbias, 1);
    conv_shapes(c, p, "x", X, DW, "dy", DY);
    if (DB) c.shape("dbias", *DB, {DW.shape[0]});
    backend::conv2d_bwd_weight(*s, p, X, DY, DW, DB);
  });
}

eqv_status eqv_group_norm_fwd(eqv_stream s, const eqv_group_norm_params* params, const eqv_tensor* x,
                              const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* y,
                              const eqv_tensor* stats) {
  return guard("group_norm", [&] {
    Check c("group_norm", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1), &B = c.tensor("beta", beta, 1),
               &Y = c.activation("y", y, 4), &S = c.tensor("stats", stats, 3);
    c.same_shape("y", Y, "x", X);
    c.shape("gamma", G, {X.shape[3]});
    c.shape("beta", B, {X.shape[3]});
    group_shapes(c, p.groups, p.eps, X, S);
    backend::group_norm_fwd(*s, p, X, G, B, Y, S);
  });
}

eqv_status eqv_group_norm_bwd(eqv_stream s, const eqv_group_norm_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* beta,
                              const eqv_tensor* stats, const eqv_tensor* dx, const eqv_tensor* dgamma,
                              const eqv_tensor* dbeta) {
  return guard("group_norm_bwd", [&] {
    Check c("group_norm_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1),
               &B = c.tensor("beta", beta, 1), &S = c.tensor("stats", stats, 3), &DX = c.activation("dx", dx, 4),
               &DG = c.tensor("dgamma", dgamma, 1), &DB = c.tensor("dbeta", dbeta, 1);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    for (const auto* t : {&G, &B, &DG, &DB}) c.shape("gamma, beta, dgamma, dbeta", *t, {X.shape[3]});
    group_shapes(c, p.groups, p.eps, X, S);
    backend::group_norm_bwd(*s, p, DY, X, G, B, S, DX, DG, DB);
  });
}

eqv_status eqv_batch_norm_fwd(eqv_stream s, const eqv_batch_norm_params* params, const eqv_tensor* x,
                              const eqv_tensor* gamma, const eqv_tensor* beta, const eqv_tensor* running_mean,
                              const eqv_tensor* running_var, const eqv_tensor* y, const eqv_tensor* stats) {
  return guard("batch_norm", [&] {
    Check c("batch_norm", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1), &B = c.tensor("beta", beta, 1),
               &M = c.tensor("running_mean", running_mean, 1), &V = c.tensor("running_var", running_var, 1),
               &Y = c.activation("y", y, 4), &S = c.tensor("stats", stats, 2);
    c.same_shape("y", Y, "x", X);
    for (const auto* t : {&G, &B, &M, &V}) c.shape("gamma, beta, running_mean, running_var", *t, {X.shape[3]});
    c.shape("stats", S, {X.shape[3], 2});
    c.that(!p.training || elements(X) > X.shape[3], "training needs more than one value per channel",
           "use a larger batch or image, or evaluation mode");
    backend::batch_norm_fwd(*s, p, X, G, B, M, V, Y, S);
  });
}

eqv_status eqv_batch_norm_bwd(eqv_stream s, const eqv_batch_norm_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* gamma, const eqv_tensor* stats,
                              const eqv_tensor* dx, const eqv_tensor* dgamma, const eqv_tensor* dbeta) {
  return guard("batch_norm_bwd", [&] {
    Check c("batch_norm_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &X = c.activation("x", x, 4), &G = c.tensor("gamma", gamma, 1),
               &S = c.tensor("stats", stats, 2), &DX = c.activation("dx", dx, 4), &DG = c.tensor("dgamma", dgamma, 1),
               &DB = c.tensor("dbeta", dbeta, 1);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    for (const auto* t : {&G, &DG, &DB}) c.shape("gamma, dgamma, dbeta", *t, {X.shape[3]});
    c.shape("stats", S, {X.shape[3], 2});
    backend::batch_norm_bwd(*s, p, DY, X, G, S, DX, DG, DB);
  });
}

eqv_status eqv_activation_fwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* x,
                              const eqv_tensor* y) {
  return guard("activation", [&] {
    Check c("activation", s);
    const auto& p = c.params(params);
    c.that(p.kind >= EQV_SILU && p.kind <= EQV_GELU, "unknown activation kind", "see EQV_SILU in eqv.h");
    const auto &X = c.activation("x", x, -1), &Y = c.activation("y", y, -1);
    c.same_shape("y", Y, "x", X);
    backend::activation_fwd(*s, p, X, Y);
  });
}

eqv_status eqv_activation_bwd(eqv_stream s, const eqv_activation_params* params, const eqv_tensor* dy,
                              const eqv_tensor* x, const eqv_tensor* dx) {
  return guard("activation_bwd", [&] {
    Check c("activation_bwd", s);
    const auto& p = c.params(params);
    c.that(p.kind >= EQV_SILU && p.kind <= EQV_GELU, "unknown activation kind", "see EQV_SILU in eqv.h");
    const auto &DY = c.activation("dy", dy, -1), &X = c.activation("x", x, -1), &DX = c.activation("dx", dx, -1);
    c.same_shape("dy", DY, "x", X);
    c.same_shape("dx", DX, "x", X);
    backend::activation_bwd(*s, p, DY, X, DX);
  });
}

eqv_status eqv_upsample2x_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y) {
  return guard("upsample2x", [&] {
    Check c("upsample2x", s);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    c.shape("y", Y, {X.shape[0], 2 * X.shape[1], 2 * X.shape[2], X.shape[3]});
    backend::upsample2x_fwd(*s, X, Y);
  });
}

eqv_status eqv_upsample_weight_fwd(eqv_stream s, const eqv_tensor* w, const eqv_tensor* v) {
  return guard("upsample_weight", [&] {
    Check c("upsample_weight", s);
    const auto &W = c.tensor("weight", w, 4), &V = c.tensor("v", v, 4);
    c.shape("weight", W, {W.shape[0], W.shape[1], 3, 3});
    c.shape("v", V, {W.shape[1], W.shape[0], 4, 4});
    backend::upsample_weight_fwd(*s, W, V);
  });
}

eqv_status eqv_upsample_weight_bwd(eqv_stream s, const eqv_tensor* dv, const eqv_tensor* dw) {
  return guard("upsample_weight_bwd", [&] {
    Check c("upsample_weight_bwd", s);
    const auto &DV = c.tensor("dv", dv, 4), &DW = c.tensor("dw", dw, 4);
    c.shape("dw", DW, {DW.shape[0], DW.shape[1], 3, 3});
    c.shape("dv", DV, {DW.shape[1], DW.shape[0], 4, 4});
    backend::upsample_weight_bwd(*s, DV, DW);
  });
}

eqv_status eqv_bias_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* dbias) {
  return guard("bias_bwd", [&] {
    Check c("bias_bwd", s);
    const auto &DY = c.activation("dy", dy, -1), &DBIAS = c.tensor("dbias", dbias, 1);
    c.that(DY.rank >= 1, "dy is a scalar", "give it channels in the last axis");
    c.shape("dbias", DBIAS, {DY.shape[DY.rank - 1]});
    backend::bias_bwd(*s, DY, DBIAS);
  });
}

eqv_status eqv_upsample2x_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* dx) {
  return guard("upsample2x_bwd", [&] {
    Check c("upsample2x_bwd", s);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    c.shape("dy", DY, {DX.shape[0], 2 * DX.shape[1], 2 * DX.shape[2], DX.shape[3]});
    backend::upsample2x_bwd(*s, DY, DX);
  });
}

eqv_status eqv_max_pool2x2_fwd(eqv_stream s, const eqv_tensor* x, const eqv_tensor* y, const eqv_tensor* index) {
  return guard("max_pool2x2", [&] {
    Check c("max_pool2x2", s);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4), &I = c.typed("index", index, 4, EQV_U8);
    c.shape("y", Y, {X.shape[0], X.shape[1] / 2, X.shape[2] / 2, X.shape[3]});
    c.same_shape("index", I, "y", Y);
    backend::max_pool2x2_fwd(*s, X, Y, I);
  });
}

eqv_status eqv_max_pool2x2_bwd(eqv_stream s, const eqv_tensor* dy, const eqv_tensor* index, const eqv_tensor* dx) {
  return guard("max_pool2x2_bwd", [&] {
    Check c("max_pool2x2_bwd", s);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4), &I = c.typed("index", index, 4, EQV_U8);
    c.shape("dy", DY, {DX.shape[0], DX.shape[1] / 2, DX.shape[2] / 2, DX.shape[3]});
    c.same_shape("index", I, "dy", DY);
    backend::max_pool2x2_bwd(*s, DY, I, DX);
  });
}

eqv_status eqv_pool2d_fwd(eqv_stream s, const eqv_pool2d_params* params, const eqv_tensor* x, const eqv_tensor* y,
                          const eqv_tensor* index) {
  return guard("pool2d", [&] {
    Check c("pool2d", s);
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &Y = c.activation("y", y, 4);
    pool_shapes(c, p, X, "y", Y, index);
    backend::pool2d_fwd(*s, p, X, Y, index);
  });
}

eqv_status eqv_pool2d_bwd(eqv_stream s, const eqv_pool2d_params* params, const eqv_tensor* dy,
                          const eqv_tensor* index, const eqv_tensor* dx) {
  return guard("pool2d_bwd", [&] {
    Check c("pool2d_bwd", s);
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &DX = c.activation("dx", dx, 4);
    pool_shapes(c, p, DX, "dy", DY, index);
    backend::pool2d_bwd(*s, p, DY, index, DX);
  });
}

eqv_status eqv_attention_fwd(eqv_stream s, const eqv_attention_params* params, const eqv_tensor* q,
                             const eqv_tensor* k, const eqv_tensor* v, const eqv_tensor* o, const eqv_tensor* lse) {
  return guard("attention", [&] {
    Check c("attention", s);
    const auto& p = c.params(params);
    const auto &Q = c.activation("q", q, 3), &K = c.activation("k", k, 3), &V = c.activation("v", v, 3), &O = c.activation("o", o, 3),
               &L = c.tensor("lse", lse, 3);
    c.that(p.heads >= 1 && Q.shape[2] % p.heads == 0, "the channels are not divisible by the number of heads",
           "choose heads that divide C");
    c.shape("k", K, {Q.shape[0], K.shape[1], Q.shape[2]});
    c.same_shape("v", V, "k", K);
    c.same_shape("o", O, "q", Q);
    c.shape("lse", L, {Q.shape[0], p.heads, Q.shape[1]});
    backend::attention_fwd(*s, p, Q, K, V, O, L);
  });
}

eqv_status eqv_attention_bwd(eqv_stream s, const eqv_attention_params* params, const eqv_tensor* d_o,
                             const eqv_tensor* q, const eqv_tensor* k, const eqv_tensor* v, const eqv_tensor* o,
                             const eqv_tensor* lse, const eqv_tensor* dq, const eqv_tensor* dk, const eqv_tensor* dv) {
  return guard("attention_bwd", [&] {
    Check c("attention_bwd", s);
    const auto& p = c.params(params);
    const auto &DO = c.activation("do", d_o, 3), &Q = c.activation("q", q, 3), &K = c.activation("k", k, 3),
               &V = c.activation("v", v, 3), &O = c.activation("o", o, 3), &L = c.tensor("lse", lse, 3),
               &DQ = c.activation("dq", dq, 3), &DK = c.activation("dk", dk, 3), &DV = c.activation("dv", dv, 3);
    c.that(p.heads >= 1 && Q.shape[2] % p.heads == 0, "the channels are not divisible by the number of heads",
           "choose heads that divide C");
    c.shape("k", K, {Q.shape[0], K.shape[1], Q.shape[2]});
    c.same_shape("v", V, "k", K);
    for (const auto* t : {&DO, &O, &DQ}) c.same_shape("do, o, dq", *t, "q", Q);
    for (const auto* t : {&DK, &DV}) c.same_shape("dk, dv", *t, "k", K);
    c.shape("lse", L, {Q.shape[0], p.heads, Q.shape[1]});
    backend::attention_bwd(*s, p, DO, Q, K, V, O, L, DQ, DK, DV);
  });
}

}  // extern "C"
