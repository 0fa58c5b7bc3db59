// The reference backend: every op in double precision by the obvious loops of kernels/<op>/<op>_ref.h. The oracle of the
// tests; never shipped.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "activation/activation_ref.h"
#include "affine/affine_ref.h"
#include "attention/attention_ref.h"
#include "backend.h"
#include "batch_norm/batch_norm_ref.h"
#include "check.h"
#include "conv2d/conv2d_ref.h"
#include "dropout/dropout_ref.h"
#include "elementwise/elementwise_ref.h"
#include "embedding/embedding_ref.h"
#include "gated_add/gated_add_ref.h"
#include "gated_unit/gated_unit_ref.h"
#include "gaussian/gaussian_ref.h"
#include "gaussian_vlb/gaussian_vlb_ref.h"
#include "group_norm/group_norm_ref.h"
#include "host_only.h"
#include "layer_norm/layer_norm_ref.h"
#include "linear/linear_ref.h"
#include "loss/loss_ref.h"
#include "lpips/lpips_ref.h"
#include "max_pool/max_pool_ref.h"
#include "optimizer/optimizer_ref.h"
#include "pad2d/pad2d_ref.h"
#include "pool2d/pool2d_ref.h"
#include "random/random_ref.h"
#include "reduce/reduce_ref.h"
#include "resample/resample_ref.h"
#include "rope/rope_ref.h"
#include "sample_error/sample_error_ref.h"
#include "sample_mix/sample_mix_ref.h"
#include "self_attention/self_attention_ref.h"
#include "status.h"
#include "softmax_cross_entropy/softmax_cross_entropy_ref.h"
#include "timestep_embedding/timestep_embedding_ref.h"
#include "upsample/upsample_ref.h"
#include "upsample/upsample_weight_ref.h"
#include "vector_quantize/vector_quantize_ref.h"

namespace eqv::backend {
namespace {

using V = ref::View<double>;
using U8 = ref::View<uint8_t>;
using I32 = ref::View<int32_t>;

double* data(const Tensor& t) { return static_cast<double*>(t.data); }
double* data(const Tensor* t) { return t ? data(*t) : nullptr; }

void conv2d_epilogue(const eqv_conv2d_params& p, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  ref::conv2d_epilogue(p, data(residual), V(y));
  if (stats) ref::group_statistics(p.groups, p.eps, V(y), V(*stats));
}

}  // namespace

int32_t compute_dtype() { return EQV_F64; }
bool computes_in(int32_t dtype) { return dtype == EQV_F64; }
bool has_tf32() { return false; }

void open(Device& device) { device.threads = 1; }

void describe(const Device&, eqv_device_info& info) {
  info.threads = 1;
  std::snprintf(info.name, sizeof info.name, "reference (double precision)");
  std::snprintf(info.detail, sizeof info.detail, "plain loops, one thread");
}

void* raw_allocate(Device&, int64_t bytes) {
  return std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64));
}
void raw_release(Device&, void* memory, int64_t) { std::free(memory); }
void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}
void copy_in(Stream&, void* device_data, const void* host, int64_t bytes) {
  std::memcpy(device_data, host, static_cast<size_t>(bytes));
}
void copy_out(Stream&, void* host, const void* device_data, int64_t bytes) {
  std::memcpy(host, device_data, static_cast<size_t>(bytes));
}

void conv2d_fwd(Stream&, const eqv_conv2d_params& p, const Tensor& x, const Tensor& w, const Tensor*,
                const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats) {
  ref::conv2d_fwd(p, V(x), V(w), data(bias), V(y));
  conv2d_epilogue(p, residual, y, stats);
}
void conv2d_bwd_input(Stream&, const eqv_conv2d_params& p, const Tensor& dy, const Tensor& w, const Tensor*,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats) {
  ref::conv2d_bwd_input(p, V(dy), V(w), data(bias), V(dx));
  conv2d_epilogue(p, residual, dx, stats);
}
void conv2d_bwd_weight(Stream&, const eqv_conv2d_params& p, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias) {
  ref::conv2d_bwd_weight(p, V(x), V(dy), V(dw), data(dbias));
}

// A linear layer's operands of any rank become rows: only the size of the last dimension matters.
namespace {
Tensor rows(const Tensor& t, int64_t width) {
  Tensor r = t;
  r.rank = 2;
  r.shape[0] = elements(t) / width;
  r.shape[1] = width;
  return r;
}
}  // namespace

void linear_fwd(Stream&, const eqv_activation_params& p, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Tensor* before, const Tensor& y) {
  const Tensor& sums = before ? *before : y;
  ref::linear_fwd(V(rows(x, w.shape[1])), V(w), data(bias), V(rows(sums, w.shape[0])));
  if (before) ref::activation_fwd(p, V(rows(sums, 1)), V(rows(y, 1)));
}
void linear_bwd_input(Stream&, const Tensor& dy, const Tensor& w, const Tensor& dx) {
  ref::linear_bwd_input(V(rows(dy, w.shape[0])), V(w), V(rows(dx, w.shape[1])));
}
void linear_bwd_weight(Stream&, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias) {
  ref::linear_bwd_weight(V(rows(x, dw.shape[1])), V(rows(dy, dw.shape[0])), V(dw), data(dbias));
}

void group_norm_fwd(Stream&, const eqv_group_norm_params& p, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& y, const Tensor& stats) {
  ref::group_norm_fwd(p, V(x), data(gamma), data(beta), V(y), V(stats));
}
void group_norm_bwd(Stream&, const eqv_group_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& stats, const Tensor& dx, const Tensor& dgamma,
                    const Tensor& dbeta) {
  ref::group_norm_bwd(p, V(dy), V(x), data(gamma), data(beta), V(stats), V(dx), data(dgamma), data(dbeta));
}
void batch_norm_fwd(Stream&, const eqv_batch_norm_params& p, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& running_mean, const Tensor& running_var, const Tensor& y, const Tensor& stats) {
  ref::batch_norm_fwd(p, V(x), data(gamma), data(beta), data(running_mean), data(running_var), V(y), V(stats));
}
void batch_norm_bwd(Stream&, const eqv_batch_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& stats, const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta) {
  ref::batch_norm_bwd(p, V(dy), V(x), data(gamma), V(stats), V(dx), data(dgamma), data(dbeta));
}
void activation_fwd(Stream&, const eqv_activation_params& p, const Tensor& x, const Tensor& y) {
  ref::activation_fwd(p, V(rows(x, 1)), V(rows(y, 1)));
}
void activation_bwd(Stream&, const eqv_activation_params& p, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  ref::activation_bwd(p, V(rows(dy, 1)), V(rows(x, 1)), V(rows(dx, 1)));
}
void upsample2x_fwd(Stream&, const Tensor& x, const Tensor& y) { ref::upsample2x_fwd(V(x), V(y)); }
void upsample2x_bwd(Stream&, const Tensor& dy, const Tensor& dx) { ref::upsample2x_bwd(V(dy), V(dx)); }
void upsample_weight_fwd(Stream&, const Tensor& w, const Tensor& v) { ref::upsample_weight_fwd(V(w), V(v)); }
void upsample_weight_bwd(Stream&, const Tensor& dv, const Tensor& dw) { ref::upsample_weight_bwd(V(dv), V(dw)); }
void bias_bwd(Stream&, const Tensor& dy, const Tensor& dbias) {
  ref::bias_bwd(V(dy), elements(dy), dbias.shape[0], V(dbias));
}
void max_pool2x2_fwd(Stream&, const Tensor& x, const Tensor& y, const Tensor& index) {
  ref::max_pool2x2_fwd(V(x), V(y), U8(index));
}
void max_pool2x2_bwd(Stream&, const Tensor& dy, const Tensor& index, const Tensor& dx) {
  ref::max_pool2x2_bwd(V(dy), U8(index), V(dx));
}
void pool2d_fwd(Stream&, const eqv_pool2d_params& p, const Tensor& x, const Tensor& y, const Tensor* index) {
  if (p.kind == EQV_POOL_MAX)
    ref::max_pool2d_fwd(p, V(x), V(y), U8(*index));
  else
    ref::mean_pool2d_fwd(p, V(x), V(y));
}
void pool2d_bwd(Stream&, const eqv_pool2d_params& p, const Tensor& dy, const Tensor* index, const Tensor& dx) {
  if (p.kind == EQV_POOL_MAX)
    ref::max_pool2d_bwd(p, V(dy), U8(*index), V(dx));
  else
    ref::mean_pool2d_bwd(p, V(dy), V(dx));
}
void axpby(Stream&, const eqv_axpby_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::axpby(p, V(rows(a, 1)), data(b), V(rows(out, 1)));
}
void arithmetic_fwd(Stream&, const eqv_arithmetic_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::arithmetic_fwd(p.kind, elements(a), data(a), data(b), data(out));
}
void arithmetic_bwd(Stream&, const eqv_arithmetic_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
                    const Tensor* da, const Tensor* db) {
  ref::arithmetic_bwd(p.kind, elements(a), data(dout), data(a), data(b), data(da), data(db));
}
void pad2d_fwd(Stream&, const eqv_pad2d_params& p, const Tensor& x, const Tensor& y) { ref::pad2d_fwd(p, V(x), V(y)); }
void pad2d_bwd(Stream&, const eqv_pad2d_params& p, const Tensor& dy, const Tensor& dx) { ref::pad2d_bwd(p, V(dy), V(dx)); }
void add_scaled(Stream&, const Tensor* a, const Tensor& b, const Tensor& s, const Tensor& out) {
  ref::add_scaled(data(a), V(rows(b, 1)), *data(s), V(rows(out, 1)));
}
void channel_affine(Stream&, const Tensor& x, const Tensor* scale, const Tensor* shift, const Tensor& y) {
  const int64_t c = x.shape[x.rank - 1];
  ref::channel_affine(V(rows(x, c)), data(scale), data(shift), V(rows(y, c)));
}
void attention_fwd(Stream&, const eqv_attention_params& p, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& o, const Tensor& lse) {
  ref::attention_fwd(p, V(q), V(k), V(v), V(o), V(lse));
}
void attention_bwd(Stream&, const eqv_attention_params& p, const Tensor& d_o, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                   const Tensor& dv) {
  ref::attention_bwd(p, V(d_o), V(q), V(k), V(v), V(o), V(lse), V(dq), V(dk), V(dv));
}
void self_attention_fwd(Stream&, const eqv_attention_params& p, const Tensor& qkv, const Tensor& o, const Tensor& lse) {
  ref::self_attention_fwd(p, V(qkv), V(o), V(lse));
}
void self_attention_bwd(Stream&, const eqv_attention_params& p, const Tensor& d_o, const Tensor& qkv, const Tensor& o,
                        const Tensor& lse, const Tensor& dqkv) {
  ref::self_attention_bwd(p, V(d_o), V(qkv), V(o), V(lse), V(dqkv));
}

namespace {
int64_t width(const Tensor& t) { return t.shape[t.rank - 1]; }
ref::LayerNorm<double> layer_norm(const Tensor& x, const Tensor* weight, const Tensor* bias, const Tensor* modulation) {
  return {.samples = x.shape[0],
          .rows = elements(x) / width(x) / x.shape[0],
          .channels = width(x),
          .parts = modulation ? modulation->shape[1] : 1,
          .weight = data(weight),
          .bias = data(bias),
          .modulation = data(modulation)};
}
}  // namespace

void layer_norm_fwd(Stream&, const eqv_layer_norm_params& p, const Tensor& x, const Tensor* weight, const Tensor* bias,
                    const Tensor* modulation, const Tensor& y, const Tensor& stats) {
  // A vector is one row, not samples of one value.
  const Tensor r = x.rank == 1 ? rows(x, x.shape[0]) : x;
  ref::layer_norm_fwd(p, layer_norm(r, weight, bias, modulation), data(x), data(y), data(stats));
}
void layer_norm_bwd(Stream&, const eqv_layer_norm_params& p, const Tensor& dy, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& stats, const Tensor& dx,
                    const Tensor* dweight, const Tensor* dbias, const Tensor* dmodulation) {
  const Tensor r = x.rank == 1 ? rows(x, x.shape[0]) : x;
  ref::layer_norm_bwd(p, layer_norm(r, weight, bias, modulation), data(dy), data(x), data(stats), data(dx), data(dweight),
                      data(dbias), data(dmodulation));
}
void gated_add_fwd(Stream&, const Tensor& x, const Tensor& gate, const Tensor& y, const Tensor& out) {
  const int64_t n = x.shape[0], c = width(x);
  ref::gated_add_fwd(n, elements(x) / n / c, c, data(x), data(gate), data(y), data(out));
}
void gated_add_bwd(Stream&, const Tensor& dout, const Tensor& gate, const Tensor& y, const Tensor& dgate,
                   const Tensor& dy) {
  const int64_t n = y.shape[0], c = width(y);
  ref::gated_add_bwd(n, elements(y) / n / c, c, data(dout), data(gate), data(y), data(dgate), data(dy));
}
void gated_unit_fwd(Stream&, const Tensor& x, const Tensor& y) {
  ref::gated_unit_fwd(elements(y) / width(y), width(y), data(x), data(y));
}
void gated_unit_bwd(Stream&, const Tensor& dy, const Tensor& x, const Tensor& dx) {
  ref::gated_unit_bwd(elements(dy) / width(dy), width(dy), data(dy), data(x), data(dx));
}
void rope(Stream&, const eqv_rope_params& p, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& y) {
  ref::rope(p, x.shape[0], x.shape[1], x.shape[2], x.shape[3], data(x), data(cos), data(sin), data(y));
}
void embedding_fwd(Stream&, const Tensor& table, const Tensor& index, const Tensor& y) {
  ref::embedding_fwd(elements(index), table.shape[0], table.shape[1], data(table), static_cast<int32_t*>(index.data),
                     data(y));
}
void timestep_embedding_fwd(Stream&, const eqv_timestep_embedding_params& p, const Tensor& t, const Tensor& y) {
  ref::timestep_embedding_fwd(p.max_period, elements(t), width(y), data(t), data(y));
}
void timestep_embedding_bwd(Stream&, const eqv_timestep_embedding_params& p, const Tensor& dy, const Tensor& t,
                            const Tensor& dt) {
  ref::timestep_embedding_bwd(p.max_period, elements(t), width(dy), data(dy), data(t), data(dt));
}
void sample_error_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor* weight, const Tensor& out) {
  ref::sample_error_fwd(a.shape[0], elements(a) / a.shape[0], data(a), data(b), data(weight), data(out));
}
void sample_error_bwd(Stream&, const Tensor& dout, const Tensor& a, const Tensor& b, const Tensor* weight,
                      const Tensor& da) {
  ref::sample_error_bwd(a.shape[0], elements(a) / a.shape[0], data(dout), data(a), data(b), data(weight), data(da));
}
void sample_mix_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor& factors, const Tensor& out) {
  ref::sample_mix_fwd(a.shape[0], elements(a) / a.shape[0], data(a), data(b), data(factors), data(out));
}
void sample_mix_bwd(Stream&, const Tensor& dout, const Tensor& factors, const Tensor* da, const Tensor* db) {
  ref::sample_mix_bwd(dout.shape[0], elements(dout) / dout.shape[0], data(dout), data(factors), data(da), data(db));
}
void gaussian_vlb_fwd(Stream&, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                      const Tensor& steps, const Tensor& out) {
  ref::gaussian_vlb_fwd(said.shape[0], elements(said) / said.shape[0], data(said), data(variance), data(start), data(noisy),
                        data(steps), data(out));
}
void gaussian_vlb_bwd(Stream&, const Tensor& dout, const Tensor& said, const Tensor* variance, const Tensor& start,
                      const Tensor& noisy, const Tensor& steps, const Tensor* dsaid, const Tensor* dvariance) {
  ref::gaussian_vlb_bwd(said.shape[0], elements(said) / said.shape[0], data(dout), data(said), data(variance), data(start),
                        data(noisy), data(steps), data(dsaid), data(dvariance));
}
void softmax_cross_entropy_fwd(Stream&, const eqv_softmax_cross_entropy_params& p, const Tensor& x, const Tensor& label,
                               const Tensor* weight, const Tensor& out, const Tensor& lse) {
  ref::softmax_cross_entropy_fwd(p.smoothing, elements(label), width(x), data(x), static_cast<int32_t*>(label.data),
                                 data(weight), data(out), data(lse));
}
void softmax_cross_entropy_bwd(Stream&, const eqv_softmax_cross_entropy_params& p, const Tensor& dout, const Tensor& x,
                               const Tensor& label, const Tensor* weight, const Tensor& lse, const Tensor& dx) {
  ref::softmax_cross_entropy_bwd(p.smoothing, elements(label), width(x), data(dout), data(x),
                                 static_cast<int32_t*>(label.data), data(weight), data(lse), data(dx));
}
void dropout(Stream&, const eqv_dropout_params& p, const Tensor* counter, const Tensor& x, const Tensor& y) {
  ref::dropout(p, counter ? *data(*counter) : 0, elements(x), data(x), data(y));
}
void resample_fwd(Stream&, const eqv_resample_params& p, const Tensor& x, const Tensor& y) {
  ref::resample_fwd(p, V(x), V(y));
}
void resample_bwd(Stream&, const eqv_resample_params& p, const Tensor& dy, const Tensor& dx) {
  ref::resample_bwd(p, V(dy), V(dx));
}
void affine_fwd(Stream&, const eqv_affine_params& p, const Tensor& x, const Tensor& theta, const Tensor& y) {
  ref::affine_fwd(p, V(x), data(theta), V(y));
}
void affine_bwd(Stream&, const eqv_affine_params& p, const Tensor& dy, const Tensor& theta, const Tensor& dx) {
  ref::affine_bwd(p, V(dy), data(theta), V(dx));
}
void gaussian_sample_fwd(Stream&, const Tensor& moments, const Tensor& noise, const Tensor& z) {
  ref::gaussian_sample_fwd(V(moments), V(noise), V(z));
}
void gaussian_sample_bwd(Stream&, const Tensor& dz, const Tensor& moments, const Tensor& noise,
                         const Tensor& dmoments) {
  ref::gaussian_sample_bwd(V(dz), V(moments), V(noise), V(dmoments));
}
void gaussian_kl_fwd(Stream&, const Tensor& moments, const Tensor& out) {
  ref::gaussian_kl_fwd(V(moments), data(out));
}
void gaussian_kl_bwd(Stream&, const Tensor& dout, const Tensor& moments, const Tensor& dmoments) {
  ref::gaussian_kl_bwd(data(dout), V(moments), V(dmoments));
}
void loss_fwd(Stream&, const eqv_loss_params& p, const Tensor& a, const Tensor* b, const Tensor& out) {
  ref::loss_fwd(p, V(rows(a, 1)), data(b), data(out));
}
void loss_bwd(Stream&, const eqv_loss_params& p, const Tensor& dout, const Tensor& a, const Tensor* b,
              const Tensor& da) {
  ref::loss_bwd(p, data(dout), V(rows(a, 1)), data(b), V(rows(da, 1)));
}
void lpips_head_fwd(Stream&, const Tensor& f0, const Tensor& f1, const Tensor& w, const Tensor& out) {
  ref::lpips_head_fwd(V(f0), V(f1), data(w), w.rank == 4, data(out));
}
void lpips_head_bwd(Stream&, const Tensor& dout, const Tensor& f0, const Tensor& f1, const Tensor& w,
                    const Tensor& df1) {
  ref::lpips_head_bwd(data(dout), V(f0), V(f1), data(w), w.rank == 4, V(df1));
}
void vector_quantize_fwd(Stream&, const Tensor& z, const Tensor& codebook, const Tensor& index, const Tensor& zq) {
  const int64_t d = codebook.shape[1];
  ref::vector_quantize_fwd(V(rows(z, d)), V(codebook), I32(index), V(rows(zq, d)));
}
void vector_quantize_bwd(Stream&, const Tensor& dzq, const Tensor& index, const Tensor& dcodebook) {
  ref::vector_quantize_bwd(V(rows(dzq, dcodebook.shape[1])), I32(index), V(dcodebook));
}

namespace {

// Element at a multi-index, counted row-major over the shape.
int64_t offset(const Tensor& t, int64_t i) {
  int64_t at = 0;
  for (int d = t.rank - 1; d >= 0; --d) {
    at += i % t.shape[d] * t.stride[d];
    i /= t.shape[d];
  }
  return at;
}

double load(const Tensor& t, int64_t i) {
  return t.dtype == EQV_F64 ? static_cast<double*>(t.data)[i] : static_cast<double>(static_cast<float*>(t.data)[i]);
}

void store(const Tensor& t, int64_t i, double value) {
  if (t.dtype == EQV_F64)
    static_cast<double*>(t.data)[i] = value;
  else
    static_cast<float*>(t.data)[i] = static_cast<float>(value);
}

}  // namespace

void copy(Stream&, const Tensor& src, const Tensor& dst) {
  for (const Tensor* t : {&src, &dst})
    if (t->dtype != EQV_F32 && t->dtype != EQV_F64 && t->dtype != EQV_I32)
      throw error(EQV_UNSUPPORTED, "copy: the reference copies f32, f64 and i32, not %s", dtype_name(t->dtype));
  for (int64_t i = 0; i < elements(src); ++i) store(dst, offset(dst, i), load(src, offset(src, i)));
}
void fill(Stream&, const eqv_fill_params& p, const Tensor& out) {
  for (int64_t i = 0; i < elements(out); ++i) data(out)[i] = p.value;
}
void random(Stream&, const eqv_random_params& p, const Tensor* counter, const Tensor& out) {
  ref::random(p, counter ? *data(*counter) : 0, V(rows(out, 1)));
}
void reduce(Stream&, const eqv_reduce_params& p, const Tensor& x, const Tensor& out) {
  ref::reduce(p, V(rows(x, 1)), data(out));
}
void adaptive_weight(Stream&, const eqv_adaptive_weight_params& p, const Tensor& numerator, const Tensor& denominator,
                     const Tensor& out) {
  ref::adaptive_weight(p, *data(numerator), *data(denominator), data(out));
}
void adam(Stream&, const eqv_adam_params& p, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average) {
  if (skip && *data(skip) != 0) return;
  ref::adam(p, data(schedule), data(squares), V(rows(w, 1)), V(rows(g, 1)), V(rows(m, 1)), V(rows(v, 1)));
  if (average) ref::ema(data(schedule)[kEmaDecay], V(rows(w, 1)), V(rows(*average, 1)));
}
void pack_weights(Stream&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}

}  // namespace eqv::backend
