// What a backend library implements. core/api validates every argument once, for all backends, and then calls
// these functions; a backend may rely on shapes, dtypes and contiguity being right.
#pragma once

#include <atomic>
#include <cstddef>

#include "eqv.h"

struct eqv_device_s {
  int32_t ordinal = 0;
  int32_t threads = 1;
  int32_t architecture = 0;  // of a GPU: 80 for sm_80 …
  std::atomic<int64_t> live_bytes{0}, live_blocks{0}, total_blocks{0}, cached_plans{0}, peak_bytes{0}, live_graphs{0},
      live_streams{0};
};

struct eqv_stream_s {
  eqv_device device = nullptr;
  void* scratch = nullptr;      // the stream's scratch arena; see scratch() below
  int64_t scratch_bytes = 0;
  void* native = nullptr;       // the backend's own handle, if it has one
  bool tf32 = false;            // products of fp32 matrices on tensor cores: eqv_stream_math
  void* event = nullptr;        // the backend's own event, for streams that wait for this one
  bool capturing = false;
  const char* spoiled = nullptr;  // the call that was refused since the capture began
};

struct eqv_graph_s {
  eqv_device device = nullptr;
  void* scratch = nullptr;  // where the stream's scratch arena was
  void* native = nullptr;
};

namespace eqv {

using Stream = eqv_stream_s;
using Device = eqv_device_s;
using Graph = eqv_graph_s;
using Tensor = eqv_tensor;

// core/device.cpp. Counted in the device's memory statistics.
void* allocate(Device&, int64_t bytes, const char* purpose);
void release(Device&, void* data);
// At least `bytes` of scratch memory, 64-byte aligned, valid until the next call on this stream. Grows only when a
// call needs more than any before it. The content is undefined.
void* scratch(Stream&, int64_t bytes);

namespace backend {

// The dtype this backend computes in, and whether it can also compute in `dtype`.
int32_t compute_dtype();
bool computes_in(int32_t dtype);
// Whether it has EQV_MATH_TF32.
bool has_tf32();

void open(Device&);                                      // throws Error(EQV_NO_DEVICE) with the reason
void describe(const Device&, eqv_device_info&);
// Makes the device the calling thread's. Core calls it in every call of eqv.h, before anything below: calls come from any
// thread, and a thread that has selected no device, or another one, would send its work to the wrong one.
void select(const Device&);
void* raw_allocate(Device&, int64_t bytes);              // nullptr when there is no memory
void raw_release(Device&, void* data, int64_t bytes);
void open_stream(Stream&);   // may set native
void close_stream(Stream&);
void sync(Stream&);
void wait(Stream&, Stream& other);
// Host memory; the device may copy from and to it while the caller goes on.
void* raw_host_allocate(Device&, int64_t bytes);
void raw_host_release(Device&, void* data);
void copy_in(Stream&, void* device_data, const void* host, int64_t bytes);
void copy_out(Stream&, void* host, const void* device_data, int64_t bytes);

// Graphs. A backend without them includes host_only.h.
bool captures();
void begin_capture(Stream&);
void* end_capture(Stream&, bool keep);  // its own handle of what was recorded; nullptr when it is not to be kept
void launch_graph(Stream&, void* graph);
void destroy_graph(Device&, void* graph);

// `packed` is null unless the device has an architecture (eqv_device_s) and activations are bf16.
void conv2d_fwd(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor* packed,
                const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats);
void conv2d_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor* packed,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats);
void conv2d_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias);
// `before` is null if, and only if, the activation is the identity.
void linear_fwd(Stream&, const eqv_activation_params&, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Tensor* before, const Tensor& y);
void linear_bwd_input(Stream&, const Tensor& dy, const Tensor& w, const Tensor& dx);
void linear_bwd_weight(Stream&, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias);
void group_norm_fwd(Stream&, const eqv_group_norm_params&, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& y, const Tensor& stats);
void group_norm_bwd(Stream&, const eqv_group_norm_params&, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& stats, const Tensor& dx, const Tensor& dgamma,
                    const Tensor& dbeta);
void batch_norm_fwd(Stream&, const eqv_batch_norm_params&, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& running_mean, const Tensor& running_var, const Tensor& y, const Tensor& stats);
void batch_norm_bwd(Stream&, const eqv_batch_norm_params&, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& stats, const Tensor& dx, const Tensor& dgamma, const Tensor& dbeta);
void activation_fwd(Stream&, const eqv_activation_params&, const Tensor& x, const Tensor& y);
void activation_bwd(Stream&, const eqv_activation_params&, const Tensor& dy, const Tensor& x, const Tensor& dx);
void upsample2x_fwd(Stream&, const Tensor& x, const Tensor& y);
void upsample2x_bwd(Stream&, const Tensor& dy, const Tensor& dx);
void upsample_weight_fwd(Stream&, const Tensor& w, const Tensor& v);
void upsample_weight_bwd(Stream&, const Tensor& dv, const Tensor& dw);
void bias_bwd(Stream&, const Tensor& dy, const Tensor& dbias);
void max_pool2x2_fwd(Stream&, const Tensor& x, const Tensor& y, const Tensor& index);
void max_pool2x2_bwd(Stream&, const Tensor& dy, const Tensor& index, const Tensor& dx);
void pool2d_fwd(Stream&, const eqv_pool2d_params&, const Tensor& x, const Tensor& y, const Tensor* index);
void pool2d_bwd(Stream&, const eqv_pool2d_params&, const Tensor& dy, const Tensor* index, const Tensor& dx);
void axpby(Stream&, const eqv_axpby_params&, const Tensor& a, const Tensor* b, const Tensor& out);
void add_scaled(Stream&, const Tensor* a, const Tensor& b, const Tensor& s, const Tensor& out);
void channel_affine(Stream&, const Tensor& x, const Tensor* scale, const Tensor* shift, const Tensor& y);
// b is null for a logarithm; da and db may be null.
void arithmetic_fwd(Stream&, const eqv_arithmetic_params&, const Tensor& a, const Tensor* b, const Tensor& out);
void arithmetic_bwd(Stream&, const eqv_arithmetic_params&, const Tensor& dout, const Tensor& a, const Tensor* b,
                    const Tensor* da, const Tensor* db);
void pad2d_fwd(Stream&, const eqv_pad2d_params&, const Tensor& x, const Tensor& y);
void pad2d_bwd(Stream&, const eqv_pad2d_params&, const Tensor& dy, const Tensor& dx);
void attention_fwd(Stream&, const eqv_attention_params&, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& o, const Tensor& lse);
void attention_bwd(Stream&, const eqv_attention_params&, const Tensor& d_o, const Tensor& q, const Tensor& k,
                   const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& dq, const Tensor& dk,
                   const Tensor& dv);
void self_attention_fwd(Stream&, const eqv_attention_params&, const Tensor& qkv, const Tensor& o, const Tensor& lse);
void self_attention_bwd(Stream&, const eqv_attention_params&, const Tensor& d_o, const Tensor& qkv, const Tensor& o,
                        const Tensor& lse, const Tensor& dqkv);
// weight, bias, modulation and their gradients may be null.
void layer_norm_fwd(Stream&, const eqv_layer_norm_params&, const Tensor& x, const Tensor* weight, const Tensor* bias,
                    const Tensor* modulation, const Tensor& y, const Tensor& stats);
void layer_norm_bwd(Stream&, const eqv_layer_norm_params&, const Tensor& dy, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& stats, const Tensor& dx,
                    const Tensor* dweight, const Tensor* dbias, const Tensor* dmodulation);
void gated_add_fwd(Stream&, const Tensor& x, const Tensor& gate, const Tensor& y, const Tensor& out);
void gated_add_bwd(Stream&, const Tensor& dout, const Tensor& gate, const Tensor& y, const Tensor& dgate,
                   const Tensor& dy);
void gated_unit_fwd(Stream&, const Tensor& x, const Tensor& y);
void gated_unit_bwd(Stream&, const Tensor& dy, const Tensor& x, const Tensor& dx);
void rope(Stream&, const eqv_rope_params&, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& y);
void embedding_fwd(Stream&, const Tensor& table, const Tensor& index, const Tensor& y);
void timestep_embedding_fwd(Stream&, const eqv_timestep_embedding_params&, const Tensor& t, const Tensor& y);
void timestep_embedding_bwd(Stream&, const eqv_timestep_embedding_params&, const Tensor& dy, const Tensor& t,
                            const Tensor& dt);
void sample_error_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor* weight, const Tensor& out);
void sample_error_bwd(Stream&, const Tensor& dout, const Tensor& a, const Tensor& b, const Tensor* weight,
                      const Tensor& da);
void sample_mix_fwd(Stream&, const Tensor& a, const Tensor& b, const Tensor& factors, const Tensor& out);
void sample_mix_bwd(Stream&, const Tensor& dout, const Tensor& factors, const Tensor* da, const Tensor* db);
void gaussian_vlb_fwd(Stream&, const Tensor& said, const Tensor* variance, const Tensor& start, const Tensor& noisy,
                      const Tensor& steps, const Tensor& out);
void gaussian_vlb_bwd(Stream&, const Tensor& dout, const Tensor& said, const Tensor* variance, const Tensor& start,
                      const Tensor& noisy, const Tensor& steps, const Tensor* dsaid, const Tensor* dvariance);
void softmax_cross_entropy_fwd(Stream&, const eqv_softmax_cross_entropy_params&, const Tensor& x, const Tensor& label,
                               const Tensor* weight, const Tensor& out, const Tensor& lse);
void softmax_cross_entropy_bwd(Stream&, const eqv_softmax_cross_entropy_params&, const Tensor& dout, const Tensor& x,
                               const Tensor& label, const Tensor* weight, const Tensor& lse, const Tensor& dx);
void dropout(Stream&, const eqv_dropout_params&, const Tensor* counter, const Tensor& x, const Tensor& y);
void resample_fwd(Stream&, const eqv_resample_params&, const Tensor& x, const Tensor& y);
void resample_bwd(Stream&, const eqv_resample_params&, const Tensor& dy, const Tensor& dx);
void affine_fwd(Stream&, const eqv_affine_params&, const Tensor& x, const Tensor& theta, const Tensor& y);
void affine_bwd(Stream&, const eqv_affine_params&, const Tensor& dy, const Tensor& theta, const Tensor& dx);
void gaussian_sample_fwd(Stream&, const Tensor& moments, const Tensor& noise, const Tensor& z);
void gaussian_sample_bwd(Stream&, const Tensor& dz, const Tensor& moments, const Tensor& noise,
                         const Tensor& dmoments);
void gaussian_kl_fwd(Stream&, const Tensor& moments, const Tensor& out);
void gaussian_kl_bwd(Stream&, const Tensor& dout, const Tensor& moments, const Tensor& dmoments);
void loss_fwd(Stream&, const eqv_loss_params&, const Tensor& a, const Tensor* b, const Tensor& out);
void loss_bwd(Stream&, const eqv_loss_params&, const Tensor& dout, const Tensor& a, const Tensor* b,
              const Tensor& da);
// w is {C}, or has the shape of the features.
void lpips_head_fwd(Stream&, const Tensor& f0, const Tensor& f1, const Tensor& w, const Tensor& out);
void lpips_head_bwd(Stream&, const Tensor& dout, const Tensor& f0, const Tensor& f1, const Tensor& w,
                    const Tensor& df1);
void vector_quantize_fwd(Stream&, const Tensor& z, const Tensor& codebook, const Tensor& index, const Tensor& zq);
void vector_quantize_bwd(Stream&, const Tensor& dzq, const Tensor& index, const Tensor& dcodebook);
void copy(Stream&, const Tensor& src, const Tensor& dst);
void fill(Stream&, const eqv_fill_params&, const Tensor& out);
void random(Stream&, const eqv_random_params&, const Tensor* counter, const Tensor& out);
void reduce(Stream&, const eqv_reduce_params&, const Tensor& x, const Tensor& out);
void adaptive_weight(Stream&, const eqv_adaptive_weight_params&, const Tensor& numerator, const Tensor& denominator,
                     const Tensor& out);
void adam(Stream&, const eqv_adam_params&, const Tensor& schedule, const Tensor* squares, const Tensor* skip,
          const Tensor& w, const Tensor& g, const Tensor& m, const Tensor& v, const Tensor* average);
// Only called for devices with an architecture.
void pack_weights(Stream&, const Tensor& layout, const Tensor& values, const Tensor* skip, const Tensor& packed);

}  // namespace backend
}  // namespace eqv
