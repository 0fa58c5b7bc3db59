// Convolution: the checks of arguments.
#include "conv2d/packed_weights.h"
#include "groups.h"

using namespace eqv;

namespace {

// Checks y = conv(x, w) and its parameters.
void conv_shapes(const Check& c, const eqv_conv2d_params& p, const char* xn, const Tensor& x, const char* wn, const Tensor& w,
                 const char* yn, const Tensor& y) {
  c.that(p.stride == 1 || p.stride == 2, "stride", p.stride, "use 1 or 2");
  c.at_least("pad_top", p.pad_top, 0);
  c.at_least("pad_bottom", p.pad_bottom, 0);
  c.at_least("pad_left", p.pad_left, 0);
  c.at_least("pad_right", p.pad_right, 0);
  const int64_t o = w.shape[0], i = w.shape[1], kh = w.shape[2], kw = w.shape[3];
  c.shape(xn, x, {x.shape[0], x.shape[1], x.shape[2], i});
  const int64_t padded_h = x.shape[1] + p.pad_top + p.pad_bottom, padded_w = x.shape[2] + p.pad_left + p.pad_right;
  c.that(padded_h >= kh && padded_w >= kw, xn, x,
         {"with its padding it is smaller than the kernel of ", wn, ", ", w, ": use a larger image or more padding"});
  c.shape(yn, y, {x.shape[0], (padded_h - kh) / p.stride + 1, (padded_w - kw) / p.stride + 1, o});
  c.products(elements(y), i, kh, kw);
}

// The epilogue of a convolution: bias, residual and statistics of y.
struct Epilogue {
  const Tensor *bias, *residual, *stats;
};

Epilogue epilogue(Check& c, const eqv_conv2d_params& p, const char* yn, const Tensor& y, const eqv_tensor* bias,
                  const eqv_tensor* residual, const eqv_tensor* stats) {
  const Epilogue e{.bias = c.optional("bias", bias, 1),
                   .residual = c.optional_activation("residual", residual, 4),
                   .stats = c.optional("stats", stats, 3)};
  c.one_of("activation", p.activation, EQV_IDENTITY, EQV_LEAKY_RELU, "EQV_IDENTITY");
  if (e.bias) c.shape("bias", *e.bias, {y.shape[3]});
  if (e.residual) c.same_shape("residual", *e.residual, yn, y);
  c.that((p.groups > 0) == (e.stats != nullptr), "stats", stats, {"groups is ", p.groups, ": pass both, or NULL and 0"});
  if (e.stats) group_statistics(c, p.groups, p.eps, y, *e.stats);
  return e;
}

// The packed copy of w. Tensor cores read it if the activations x are bf16.
const Tensor* packed_copy(const Check& c, const Stream& s, const eqv_tensor* packed, const Tensor& w, const char* xn,
                          const Tensor& x) {
  if (!packed) return nullptr;
  c.reads_packed(s);
  c.that(x.dtype == EQV_BF16, "packed", packed, {xn, " is ", dtype_name(x.dtype), ": pass NULL unless it is bf16"});
  const Tensor& p = c.typed("packed", packed, 1, EQV_BF16);
  c.shape("packed", p, {packed_elements(w.shape[0], w.shape[1], w.shape[2] * w.shape[3])});
  c.that(reinterpret_cast<uintptr_t>(p.data) % 16 == 0, "packed", "does not begin at a multiple of 16 bytes",
         "let every weight's copy begin at a multiple of 8 elements");
  return &p;
}

}  // namespace

extern "C" {

eqv_status eqv_conv2d_fwd(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* x, const eqv_tensor* w,
                          const eqv_tensor* packed, const eqv_tensor* bias, const eqv_tensor* residual,
                          const eqv_tensor* y, const eqv_tensor* stats) {
  return checked("conv2d", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &W = c.tensor("w", w, 4), &Y = c.activation("y", y, 4);
    conv_shapes(c, p, "x", X, "w", W, "y", Y);
    const Epilogue e = epilogue(c, p, "y", Y, bias, residual, stats);
    backend::conv2d_fwd(*s, p, X, W, packed_copy(c, *s, packed, W, "x", X), e.bias, e.residual, Y, e.stats);
  });
}

eqv_status eqv_conv2d_bwd_input(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* dy,
                                const eqv_tensor* w, const eqv_tensor* packed, const eqv_tensor* bias,
                                const eqv_tensor* residual, const eqv_tensor* dx, const eqv_tensor* stats) {
  return checked("conv2d_bwd_input", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &DY = c.activation("dy", dy, 4), &W = c.tensor("w", w, 4), &DX = c.activation("dx", dx, 4);
    conv_shapes(c, p, "dx", DX, "w", W, "dy", DY);
    const Epilogue e = epilogue(c, p, "dx", DX, bias, residual, stats);
    backend::conv2d_bwd_input(*s, p, DY, W, packed_copy(c, *s, packed, W, "dy", DY), e.bias, e.residual, DX, e.stats);
  });
}

eqv_status eqv_conv2d_bwd_weight(eqv_stream s, const eqv_conv2d_params* params, const eqv_tensor* x,
                                 const eqv_tensor* dy, const eqv_tensor* dw, const eqv_tensor* dbias) {
  return checked("conv2d_bwd_weight", s, [&](Check& c) {
    const auto& p = c.params(params);
    const auto &X = c.activation("x", x, 4), &DY = c.activation("dy", dy, 4), &DW = c.tensor("dw", dw, 4);
    const auto* DB = c.optional("dbias", dbias, 1);
    conv_shapes(c, p, "x", X, "dw", DW, "dy", DY);
    if (DB) c.shape("dbias", *DB, {DW.shape[0]});
    backend::conv2d_bwd_weight(*s, p, X, DY, DW, DB);
  });
}

}  // extern "C"
