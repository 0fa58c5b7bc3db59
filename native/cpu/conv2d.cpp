// Convolution through oneDNN, or by Winograd's algorithm where that is faster. Tensors are NHWC and weights OIHW; inside,
// each direction uses the layout that was measured to be fastest.
#include <algorithm>
#include <optional>

#include "activation.h"
#include "conv2d.h"
#include "norm.h"
#include "simd.h"
#include "conv2d/pointwise.h"
#include "winograd.h"

namespace eqv::backend {
namespace {

using namespace cpu;

constexpr int kPieces = 16;        // of a primitive: enough for as many threads
constexpr int kStridedPieces = 8;  // of an input gradient of stride 2, each of which needs some megabytes

void append_activation(dnnl::post_ops& after, const eqv_conv2d_params& p) {
  using dnnl::algorithm;
  if (p.activation == EQV_SILU) after.append_eltwise(algorithm::eltwise_swish, 1, 0);
  if (p.activation == EQV_RELU) after.append_eltwise(algorithm::eltwise_relu, 0, 0);
  if (p.activation == EQV_LEAKY_RELU) after.append_eltwise(algorithm::eltwise_relu, p.slope, 0);
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
  const cpu::ConvShapes d = cpu::conv_shapes(p, x, w, y);
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
  const auto k = conv_key(kForward, s, d, bias, {p.activation * 2 + (residual != nullptr), slope});
  cpu::PlanData data = {x.data, w.data, y.data};
  size_t n = 3;
  for (const Tensor* t : {bias, residual})
    if (t) data[n++] = t->data;
  cache.run(s, k, kPieces, make, data);
  if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), y, *stats);
}

void conv2d_bwd_input(Stream& s, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor*,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  if (const auto conv = winograd_conv(s, p, dy, w, dx, true)) {
    run_winograd(s, *conv, dy, w, winograd_end(p, bias, residual), dx);
    if (stats) cpu::group_statistics(s, p.groups, static_cast<double>(p.eps), dx, *stats);
    return;
  }
  const cpu::ConvShapes d = cpu::conv_shapes(p, dx, w, dy);
  cpu::PlanCache::instance().run(
      s, conv_key(kBackwardInput, s, d, false), p.stride > 1 ? kStridedPieces : kPieces,
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
