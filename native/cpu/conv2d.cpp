// Convolution through oneDNN, or by Winograd's algorithm where that is faster. Tensors are NHWC and weights OIHW; inside,
// each direction uses the layout that was measured to be fastest.
#include <algorithm>
#include <optional>

#include "activation.h"
#include "bf16.h"
#include "norm.h"
#include "onednn.h"
#include "simd.h"
#include "conv2d/pointwise.h"
#include "winograd.h"

namespace eqv::backend {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr auto kF32 = memory::data_type::f32;

struct Shapes {
  memory::dims x, w, y, strides, pad_before, pad_after;
};

Shapes shapes(const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor& y) {
  return {{x.shape[0], x.shape[3], x.shape[1], x.shape[2]},
          {w.shape[0], w.shape[1], w.shape[2], w.shape[3]},
          {y.shape[0], y.shape[3], y.shape[1], y.shape[2]},
          {p.stride, p.stride},
          {p.pad_top, p.pad_left},
          {p.pad_bottom, p.pad_right}};
}

enum Direction { kForward = 1, kBackwardInput = 2, kBackwardWeight = 3 };

// `after`: the epilogue of a forward plan, as two values.
cpu::PlanKey key(Direction direction, const Stream& s, const eqv_conv2d_params& p, const Shapes& d, bool bias,
                 std::array<int64_t, 2> after = {}) {
  return {direction * 2 + s.bf16, s.device->threads, d.x[0], d.x[1], d.x[2], d.x[3], d.w[0], d.w[2],
          d.w[3], p.stride, p.pad_top, p.pad_bottom, p.pad_left, p.pad_right, after[0] * 2 + bias, after[1]};
}

memory::desc image(const memory::dims& dims, memory::data_type type = kF32) { return {dims, type, Tag::nhwc}; }
memory::desc filter(const memory::dims& dims) { return {dims, kF32, Tag::oihw}; }
memory::desc vector(int64_t n) { return {{n}, kF32, Tag::a}; }
memory::desc any(const memory::dims& dims, memory::data_type type = kF32) { return {dims, type, Tag::any}; }

// What oneDNN multiplies: bf16, if the stream wants that and the processor can.
memory::data_type factor_type(const Stream& s) {
  return s.bf16 && cpu::multiplies_bf16() ? memory::data_type::bf16 : kF32;
}

// A factor of the products.
cpu::PlanArgument factor(const Stream& s, int name, const memory::desc& user, const memory::desc& inner) {
  return {name, user, inner, false, s.bf16 && !cpu::multiplies_bf16()};
}

dnnl::primitive_attr user_scratchpad(const dnnl::post_ops& after = {}) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(after);
  return attr;
}

void append_activation(dnnl::post_ops& after, const eqv_conv2d_params& p) {
  using dnnl::algorithm;
  if (p.activation == EQV_SILU) after.append_eltwise(algorithm::eltwise_swish, 1, 0);
  if (p.activation == EQV_RELU) after.append_eltwise(algorithm::eltwise_relu, 0, 0);
  if (p.activation == EQV_LEAKY_RELU) after.append_eltwise(algorithm::eltwise_relu, p.slope, 0);
}

dnnl::convolution_forward::primitive_desc forward_desc(const Shapes& d, bool bias, const memory::desc& x,
                                                       const memory::desc& w, const memory::desc& y,
                                                       const dnnl::post_ops& after = {}) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  if (bias)
    return {cpu::engine(), kind, algorithm, x, w, vector(d.w[0]), y, d.strides, d.pad_before, d.pad_after,
            user_scratchpad(after)};
  return {cpu::engine(), kind, algorithm, x, w, y, d.strides, d.pad_before, d.pad_after, user_scratchpad(after)};
}

// The convolution from `from` to `to`, if Winograd's algorithm is the faster one for it.
std::optional<cpu::WinogradConv> winograd_conv(const Stream& s, const eqv_conv2d_params& p, const Tensor& from,
                                               const Tensor& w, const Tensor& to, bool adjoint) {
  if (s.bf16) return std::nullopt;  // its factors are sums, whose rounding would be larger
  const int64_t top = adjoint ? 2 - p.pad_top : p.pad_top, left = adjoint ? 2 - p.pad_left : p.pad_left;
  const cpu::WinogradConv conv{.samples = from.shape[0],
                               .rows = from.shape[1],
                               .cols = from.shape[2],
                               .channels = from.shape[3],
                               .out_rows = to.shape[1],
                               .out_cols = to.shape[2],
                               .out_channels = to.shape[3],
                               .pad_top = top,
                               .pad_left = left,
                               .adjoint = adjoint};
  const bool possible = p.stride == 1 && w.shape[2] == 3 && w.shape[3] == 3;
  return possible && cpu::winograd_pays(conv) ? std::optional(conv) : std::nullopt;
}

cpu::WinogradEnd winograd_end(const eqv_conv2d_params& p, const Tensor* bias, const Tensor* residual) {
  return {bias ? cpu::f32(*bias) : nullptr, residual ? cpu::f32(*residual) : nullptr, p.activation, p.slope};
}

EQV_SIMD void add_to_rows(float* x, const float* bias, int64_t rows, int64_t channels) {
  for (int64_t r = 0; r < rows; ++r, x += channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) x[c] += bias[c];
  }
}

void add_bias(Stream& s, const Tensor& bias, const Tensor& x) {
  const int64_t channels = bias.shape[0], rows = elements(x) / channels;
  cpu::parallel_for(s, rows, cpu::grain(channels), [&](int64_t begin, int64_t end) {
    add_to_rows(cpu::f32(x) + begin * channels, cpu::f32(bias), end - begin, channels);
  });
}

EQV_SIMD void column_sums(const float* x, int64_t rows, int64_t channels, float* sums) {
  std::fill_n(sums, channels, 0.0f);
  for (int64_t r = 0; r < rows; ++r, x += channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) sums[c] += x[c];
  }
}

void run_winograd(Stream& s, const cpu::WinogradConv& conv, const Tensor& x, const Tensor& w, const cpu::WinogradEnd& end,
                  const Tensor& y) {
  begin_kernel(s, "winograd");
  cpu::winograd(s, conv, cpu::f32(x), cpu::f32(w), end, cpu::f32(y));
  end_kernel(s);
}

}  // namespace

void conv2d_fwd(Stream& s, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor*,
                const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  if (const auto conv = winograd_conv(s, p, x, w, y, false)) {
    run_winograd(s, *conv, x, w, winograd_end(p, bias, residual), y);
    if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), y, *stats);
    return;
  }
  const Shapes d = shapes(p, x, w, y);
  const auto make = [&] {
    dnnl::post_ops after;
    if (residual) after.append_binary(dnnl::algorithm::binary_add, image(d.y));
    append_activation(after, p);
    const auto type = factor_type(s);
    const auto pd = forward_desc(d, bias, image(d.x, type), any(d.w, type), image(d.y), after);
    std::vector<cpu::PlanArgument> arguments = {
        factor(s, DNNL_ARG_SRC, image(d.x), pd.src_desc()),
        factor(s, DNNL_ARG_WEIGHTS, filter(d.w), pd.weights_desc()),
        {DNNL_ARG_DST, image(d.y), pd.dst_desc(), true}};
    if (bias) arguments.push_back({DNNL_ARG_BIAS, vector(d.w[0]), pd.bias_desc(), false});
    if (residual)
      arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, image(d.y), image(d.y), false});
    return cpu::Plan(dnnl::convolution_forward(pd), pd.scratchpad_desc(), arguments);
  };
  auto& cache = cpu::PlanCache::instance();
  const int64_t slope = p.activation == EQV_LEAKY_RELU ? __builtin_bit_cast(int32_t, p.slope) : 0;
  const auto k = key(kForward, s, p, d, bias, {p.activation * 2 + (residual != nullptr), slope});
  cpu::PlanData data = {x.data, w.data, y.data};
  size_t n = 3;
  for (const Tensor* t : {bias, residual})
    if (t) data[n++] = t->data;
  cache.run(s, k, make, data);
  if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), y, *stats);
}

void conv2d_bwd_input(Stream& s, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor*,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  if (const auto conv = winograd_conv(s, p, dy, w, dx, true)) {
    run_winograd(s, *conv, dy, w, winograd_end(p, bias, residual), dx);
    if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), dx, *stats);
    return;
  }
  const Shapes d = shapes(p, dx, w, dy);
  cpu::PlanCache::instance().run(
      s, key(kBackwardInput, s, p, d, false),
      [&] {
        const auto type = factor_type(s);
        const auto w_desc = any(d.w, type), y_desc = image(d.y, type);
        const auto hint = forward_desc(d, false, image(d.x, type), w_desc, y_desc);
        const dnnl::convolution_backward_data::primitive_desc pd(
            cpu::engine(), dnnl::algorithm::convolution_direct, image(d.x), w_desc, y_desc, d.strides, d.pad_before,
            d.pad_after, hint, user_scratchpad());
        return cpu::Plan(dnnl::convolution_backward_data(pd), pd.scratchpad_desc(),
                         {factor(s, DNNL_ARG_DIFF_DST, image(d.y), pd.diff_dst_desc()),
                          factor(s, DNNL_ARG_WEIGHTS, filter(d.w), pd.weights_desc()),
                          {DNNL_ARG_DIFF_SRC, image(d.x), pd.diff_src_desc(), true}});
      },
      {dy.data, w.data, dx.data});
  if (bias) add_bias(s, *bias, dx);
  if (residual) {
    const eqv_axpby_params sum{sizeof sum, 1, 1};
    axpby(s, sum, dx, residual, dx);
  }
  if (p.activation != EQV_IDENTITY) {
    const eqv_activation_params activation{sizeof activation, p.activation, p.slope};
    activation_fwd(s, activation, dx, dx);
  }
  if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), dx, *stats);
}

void conv2d_bwd_weight(Stream& s, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias) {
  if (dbias && s.bf16) {
    bias_bwd(s, dy, *dbias);  // terms of a sum are no factors: they are not rounded
    dbias = nullptr;
  }
  const Shapes d = shapes(p, x, dw, dy);
  const auto make = [&] {
    // Without AVX-512, oneDNN's NHWC weight gradient is up to 1.4× slower than its own layout with the reorders; with
    // AVX-512 it is as fast and the reorders are saved.
    static const bool nhwc = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
    const auto type = factor_type(s);
    const auto xs = nhwc ? image(d.x, type) : any(d.x, type), ys = nhwc ? image(d.y, type) : any(d.y, type);
    const auto hint = forward_desc(d, dbias, xs, any(d.w, type), ys);
    const auto pd = dbias ? dnnl::convolution_backward_weights::primitive_desc(
                                cpu::engine(), dnnl::algorithm::convolution_direct, xs, any(d.w), vector(d.w[0]), ys,
                                d.strides, d.pad_before, d.pad_after, hint, user_scratchpad())
                          : dnnl::convolution_backward_weights::primitive_desc(
                                cpu::engine(), dnnl::algorithm::convolution_direct, xs, any(d.w), ys, d.strides,
                                d.pad_before, d.pad_after, hint, user_scratchpad());
    std::vector<cpu::PlanArgument> arguments = {
        factor(s, DNNL_ARG_SRC, image(d.x), pd.src_desc()),
        factor(s, DNNL_ARG_DIFF_DST, image(d.y), pd.diff_dst_desc()),
        {DNNL_ARG_DIFF_WEIGHTS, filter(d.w), pd.diff_weights_desc(), true}};
    if (dbias) arguments.push_back({DNNL_ARG_DIFF_BIAS, vector(d.w[0]), pd.diff_bias_desc(), true});
    return cpu::Plan(dnnl::convolution_backward_weights(pd), pd.scratchpad_desc(), arguments);
  };
  auto& cache = cpu::PlanCache::instance();
  const auto k = key(kBackwardWeight, s, p, d, dbias);
  if (dbias)
    cache.run(s, k, make, {x.data, dy.data, dw.data, dbias->data});
  else
    cache.run(s, k, make, {x.data, dy.data, dw.data});
}

void bias_bwd(Stream& s, const Tensor& dy, const Tensor& dbias) {
  const int64_t channels = dbias.shape[0], rows = elements(dy) / channels;
  constexpr int64_t kRows = 256;  // of a chunk, summed in fp32; chunks are added in double, in order
  const int64_t chunks = ceil_div(rows, kRows);
  cpu::Workspace workspace(s, cpu::Workspace::bytes<float>(chunks * channels));
  float* parts = workspace.take<float>(chunks * channels);
  cpu::parallel_for(s, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      column_sums(cpu::f32(dy) + i * kRows * channels, std::min(kRows, rows - i * kRows), channels, parts + i * channels);
  });
  float* out = cpu::f32(dbias);
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t i = 0; i < chunks; ++i) sum += static_cast<double>(parts[i * channels + c]);
    out[c] = static_cast<float>(sum);
  }
}

// A linear layer is a 1×1 convolution over an image one pixel high. With an activation, one thread multiplies
// a block of rows and applies the activation while the block is in the cache.
namespace {

Tensor as_image(const Tensor& t, int64_t channels) {
  int64_t n = 1;
  for (int i = 0; i < t.rank; ++i) n *= t.shape[i];
  Tensor r = t;
  r.rank = 4;
  r.shape[0] = 1, r.shape[1] = 1, r.shape[2] = n / channels, r.shape[3] = channels;
  return r;
}

Tensor as_filter(const Tensor& w) {
  Tensor r = w;
  r.rank = 4;
  r.shape[2] = r.shape[3] = 1;
  return r;
}

}  // namespace

void linear_fwd(Stream& s, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Tensor* before, const Tensor& y) {
  if (p.kind != EQV_IDENTITY) return cpu::activated_linear(s, p, x, w, bias, before ? *before : y, y);
  conv2d_fwd(s, kPointwise, as_image(x, w.shape[1]), as_filter(w), nullptr, bias, nullptr,
             as_image(y, w.shape[0]), nullptr);
}

void linear_bwd_input(Stream& s, const Tensor& dy, const Tensor& w, const Tensor* residual, const Tensor& dx) {
  conv2d_bwd_input(s, kPointwise, as_image(dy, w.shape[0]), as_filter(w), nullptr, nullptr, residual,
                   as_image(dx, w.shape[1]), nullptr);
}

}  // namespace eqv::backend
