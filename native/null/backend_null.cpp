// The planner: validates like every backend and computes nothing. Memory is a range of addresses that nobody touches, so
// the plan of a model of any size costs microseconds.
#include <cstdio>
#include <cstring>

#include "backend.h"

namespace eqv::backend {

int32_t compute_dtype() { return EQV_F32; }
bool computes_in(int32_t dtype) { return dtype == EQV_F32 || dtype == EQV_BF16; }

void open(Device& device) { device.threads = 1; }

void describe(const Device&, eqv_device_info& info) {
  info.threads = 1;
  info.executes = 0;
  std::snprintf(info.name, sizeof info.name, "planner (no execution)");
  std::snprintf(info.detail, sizeof info.detail, "validates arguments, counts memory");
}

void* raw_allocate(Device&, int64_t bytes) {
  static std::atomic<uintptr_t> next{uintptr_t{1} << 20};
  const uintptr_t size = (static_cast<uintptr_t>(bytes) + 255) / 256 * 256;
  return reinterpret_cast<void*>(next.fetch_add(size));
}

void raw_release(Device&, void*, int64_t) {}
void open_stream(Stream&) {}
void close_stream(Stream&) {}
void sync(Stream&) {}
void copy_in(Stream&, void*, const void*, int64_t) {}
void copy_out(Stream&, void* host, const void*, int64_t bytes) { std::memset(host, 0, static_cast<size_t>(bytes)); }

void conv2d_fwd(Stream&, const eqv_conv2d_params&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}
void conv2d_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}
void conv2d_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor*)
    {}
void linear_fwd(Stream&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}
void linear_bwd_input(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void linear_bwd_weight(Stream&, const Tensor&, const Tensor&, const Tensor&, const Tensor*) {}
void group_norm_fwd(Stream&, const eqv_group_norm_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&) {}
void group_norm_bwd(Stream&, const eqv_group_norm_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void batch_norm_fwd(Stream&, const eqv_batch_norm_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&, const Tensor&, const Tensor&) {}
void batch_norm_bwd(Stream&, const eqv_batch_norm_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&, const Tensor&, const Tensor&) {}
void activation_fwd(Stream&, const eqv_activation_params&, const Tensor&, const Tensor&) {}
void activation_bwd(Stream&, const eqv_activation_params&, const Tensor&, const Tensor&, const Tensor&) {}
void upsample2x_fwd(Stream&, const Tensor&, const Tensor&) {}
void upsample2x_bwd(Stream&, const Tensor&, const Tensor&) {}
void upsample_weight_fwd(Stream&, const Tensor&, const Tensor&) {}
void upsample_weight_bwd(Stream&, const Tensor&, const Tensor&) {}
void bias_bwd(Stream&, const Tensor&, const Tensor&) {}
void max_pool2x2_fwd(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void max_pool2x2_bwd(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void pool2d_fwd(Stream&, const eqv_pool2d_params&, const Tensor&, const Tensor&, const Tensor*) {}
void pool2d_bwd(Stream&, const eqv_pool2d_params&, const Tensor&, const Tensor*, const Tensor&) {}
void axpby(Stream&, const eqv_axpby_params&, const Tensor&, const Tensor*, const Tensor&) {}
void add_scaled(Stream&, const Tensor*, const Tensor&, const Tensor&, const Tensor&) {}
void channel_affine(Stream&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}
void attention_fwd(Stream&, const eqv_attention_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&) {}
void attention_bwd(Stream&, const eqv_attention_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
    const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void resample_fwd(Stream&, const eqv_resample_params&, const Tensor&, const Tensor&) {}
void resample_bwd(Stream&, const eqv_resample_params&, const Tensor&, const Tensor&) {}
void affine_fwd(Stream&, const eqv_affine_params&, const Tensor&, const Tensor&, const Tensor&) {}
void affine_bwd(Stream&, const eqv_affine_params&, const Tensor&, const Tensor&, const Tensor&) {}
void gaussian_sample_fwd(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void gaussian_sample_bwd(Stream&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void gaussian_kl_fwd(Stream&, const Tensor&, const Tensor&) {}
void gaussian_kl_bwd(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void loss_fwd(Stream&, const eqv_loss_params&, const Tensor&, const Tensor*, const Tensor&) {}
void loss_bwd(Stream&, const eqv_loss_params&, const Tensor&, const Tensor&, const Tensor*, const Tensor&) {}
void lpips_head_fwd(Stream&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void lpips_head_bwd(Stream&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void vector_quantize_fwd(Stream&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void vector_quantize_bwd(Stream&, const Tensor&, const Tensor&, const Tensor&) {}
void copy(Stream&, const Tensor&, const Tensor&) {}
void fill(Stream&, const eqv_fill_params&, const Tensor&) {}
void random(Stream&, const eqv_random_params&, const Tensor&) {}
void reduce(Stream&, const eqv_reduce_params&, const Tensor&, const Tensor&) {}
void adaptive_weight(Stream&, const eqv_adaptive_weight_params&, const Tensor&, const Tensor&, const Tensor&) {}
void adam(Stream&, const eqv_adam_params&, const Tensor&, const Tensor&, const Tensor&, const Tensor&) {}
void ema(Stream&, const eqv_ema_params&, const Tensor&, const Tensor&) {}

}  // namespace eqv::backend
