// What the convolutions of oneDNN have in common: shapes in its order, layouts, what is rounded.
#pragma once

#include "bf16.h"
#include "onednn.h"

namespace eqv::cpu {

struct ConvShapes {
  dnnl::memory::dims x, w, y, strides, pad_before, pad_after;
};

inline ConvShapes conv_shapes(const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor& y) {
  return {{x.shape[0], x.shape[3], x.shape[1], x.shape[2]},
          {w.shape[0], w.shape[1], w.shape[2], w.shape[3]},
          {y.shape[0], y.shape[3], y.shape[1], y.shape[2]},
          {p.stride, p.stride},
          {p.pad_top, p.pad_left},
          {p.pad_bottom, p.pad_right}};
}

enum ConvDirection { kForward = 1, kBackwardInput = 2, kBackwardWeight = 3 };

// `after`: the epilogue of a forward plan, as two values.
inline PlanKey conv_key(ConvDirection direction, const Stream& s, const ConvShapes& d, bool bias,
                        std::array<int64_t, 2> after = {}) {
  return {direction * 2 + s.bf16, d.x[0], d.x[1], d.x[2], d.x[3], d.w[0], d.w[2], d.w[3], d.strides[0],
          d.pad_before[0], d.pad_after[0], d.pad_before[1], d.pad_after[1], after[0] * 2 + bias, after[1]};
}

constexpr auto kF32 = dnnl::memory::data_type::f32;
using ConvTag = dnnl::memory::format_tag;

inline dnnl::memory::desc image(const dnnl::memory::dims& dims, dnnl::memory::data_type type = kF32) {
  return {dims, type, ConvTag::nhwc};
}
inline dnnl::memory::desc filter(const dnnl::memory::dims& dims) { return {dims, kF32, ConvTag::oihw}; }
inline dnnl::memory::desc vector(int64_t n) { return {{n}, kF32, ConvTag::a}; }
inline dnnl::memory::desc any(const dnnl::memory::dims& dims, dnnl::memory::data_type type = kF32) {
  return {dims, type, ConvTag::any};
}

// What oneDNN multiplies: bf16, if the stream wants that and the processor can.
inline dnnl::memory::data_type factor_type(const Stream& s) {
  return s.bf16 && multiplies_bf16() ? dnnl::memory::data_type::bf16 : kF32;
}

// A factor of the products.
inline PlanArgument factor(const Stream& s, int name, const dnnl::memory::desc& user, const dnnl::memory::desc& inner) {
  return {name, user, inner, false, s.bf16 && !multiplies_bf16()};
}

inline dnnl::primitive_attr user_scratchpad(const dnnl::post_ops& after = {}) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(after);
  return attr;
}

inline dnnl::convolution_forward::primitive_desc forward_desc(const ConvShapes& d, bool bias, const dnnl::memory::desc& x,
                                                              const dnnl::memory::desc& w, const dnnl::memory::desc& y,
                                                              const dnnl::post_ops& after = {}) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  if (bias)
    return {engine(), kind, algorithm, x, w, vector(d.w[0]), y, d.strides, d.pad_before, d.pad_after,
            user_scratchpad(after)};
  return {engine(), kind, algorithm, x, w, y, d.strides, d.pad_before, d.pad_after, user_scratchpad(after)};
}

}  // namespace eqv::cpu
