// The layout of every struct and the arity of every function as text. The Java side builds the same text from its own
// declarations; equal hashes mean that both sides agree. native/include/eqv.abi is the golden copy.
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "eqv.h"
#include "status.h"

namespace {

template <class T> struct TypeName;
template <> struct TypeName<int32_t> { static constexpr const char* value = "i32"; };
template <> struct TypeName<uint32_t> { static constexpr const char* value = "u32"; };
template <> struct TypeName<int64_t> { static constexpr const char* value = "i64"; };
template <> struct TypeName<uint64_t> { static constexpr const char* value = "u64"; };
template <> struct TypeName<float> { static constexpr const char* value = "f32"; };
template <> struct TypeName<double> { static constexpr const char* value = "f64"; };
template <> struct TypeName<void*> { static constexpr const char* value = "ptr"; };
template <> struct TypeName<char> { static constexpr const char* value = "char"; };

template <class F>
std::string field(const char* name, size_t offset) {
  using Element = std::remove_extent_t<F>;
  std::string s = std::string(" ") + name + ":" + TypeName<Element>::value;
  if (std::is_array_v<F>) s += "x" + std::to_string(std::extent_v<F>);
  return s + "@" + std::to_string(offset);
}

template <class... A>
constexpr int arity(eqv_status (*)(A...)) {
  return sizeof...(A);
}

#define BEGIN(T) { using Self = T; text += "struct " #T " size=" + std::to_string(sizeof(T));
#define F(name) text += field<decltype(Self::name)>(#name, offsetof(Self, name));
#define END text += "\n"; }
#define FN(name) text += "fn " #name "/" + std::to_string(arity(name)) + "\n";

std::string build() {
  std::string text = "eqv abi " + std::to_string(EQV_ABI_VERSION) + "\n";
  BEGIN(eqv_tensor) F(data) F(shape) F(stride) F(rank) F(dtype) END
  BEGIN(eqv_device_info) F(struct_size) F(threads) F(memory_bytes) F(free_bytes) F(compute_dtype) F(executes) F(graphs) F(architecture) F(name)
      F(detail) END
  BEGIN(eqv_memory_stats) F(struct_size) F(reserved) F(live_bytes) F(live_blocks) F(total_blocks) F(cached_plans)
      F(peak_bytes) END
  BEGIN(eqv_conv2d_params) F(struct_size) F(stride) F(pad_top) F(pad_bottom) F(pad_left) F(pad_right)
      F(activation) F(slope) F(groups) F(eps) END
  BEGIN(eqv_group_norm_params) F(struct_size) F(groups) F(eps) F(silu) F(stats_given) END
  BEGIN(eqv_batch_norm_params) F(struct_size) F(eps) F(momentum) F(training) END
  BEGIN(eqv_activation_params) F(struct_size) F(kind) F(slope) END
  BEGIN(eqv_pool2d_params) F(struct_size) F(kind) F(kernel_height) F(kernel_width) F(stride) F(padding) END
  BEGIN(eqv_attention_params) F(struct_size) F(heads) F(scale) END
  BEGIN(eqv_layer_norm_params) F(struct_size) F(eps) F(rms) END
  BEGIN(eqv_rope_params) F(struct_size) F(rotated) F(transposed) END
  BEGIN(eqv_timestep_embedding_params) F(struct_size) F(max_period) END
  BEGIN(eqv_dropout_params) F(struct_size) F(reserved) F(seed) F(purpose) F(rate) END
  BEGIN(eqv_softmax_cross_entropy_params) F(struct_size) F(smoothing) END
  BEGIN(eqv_resample_params) F(struct_size) F(interpolation) F(quarter_turns) F(flip_horizontal) F(flip_vertical) END
  BEGIN(eqv_affine_params) F(struct_size) F(padding) END
  BEGIN(eqv_loss_params) F(struct_size) F(kind) F(scale) F(epsilon) END
  BEGIN(eqv_arithmetic_params) F(struct_size) F(kind) END
  BEGIN(eqv_pad2d_params) F(struct_size) F(mode) F(top) F(bottom) F(left) F(right) END
  BEGIN(eqv_axpby_params) F(struct_size) F(alpha) F(beta) END
  BEGIN(eqv_fill_params) F(struct_size) F(reserved) F(value) END
  BEGIN(eqv_random_params) F(struct_size) F(distribution) F(seed) F(purpose) F(a) F(b) END
  BEGIN(eqv_reduce_params) F(struct_size) F(kind) F(scale) END
  BEGIN(eqv_adaptive_weight_params) F(struct_size) F(eps) F(maximum) F(weight) END
  BEGIN(eqv_adam_params) F(struct_size) F(decoupled) F(beta1) F(beta2) F(eps) F(weight_decay) F(grad_scale)
      F(clip) END
  FN(eqv_noop) FN(eqv_device_open) FN(eqv_device_close) FN(eqv_device_describe) FN(eqv_device_memory) FN(eqv_alloc)
  FN(eqv_free) FN(eqv_stream_create) FN(eqv_stream_destroy) FN(eqv_stream_sync) FN(eqv_stream_wait)
  FN(eqv_stream_math) FN(eqv_stream_reserve)
  FN(eqv_stream_scratch) FN(eqv_host_alloc) FN(eqv_host_free) FN(eqv_copy_in) FN(eqv_copy_out)
  FN(eqv_capture_begin) FN(eqv_capture_end) FN(eqv_graph_launch) FN(eqv_graph_destroy)
  FN(eqv_conv2d_fwd) FN(eqv_conv2d_bwd_input) FN(eqv_conv2d_bwd_weight)
  FN(eqv_linear_fwd) FN(eqv_linear_bwd_input) FN(eqv_linear_bwd_weight)
  FN(eqv_group_norm_fwd) FN(eqv_group_norm_bwd) FN(eqv_batch_norm_fwd) FN(eqv_batch_norm_bwd)
  FN(eqv_activation_fwd) FN(eqv_activation_bwd) FN(eqv_upsample2x_fwd) FN(eqv_upsample2x_bwd)
  FN(eqv_upsample_weight_fwd) FN(eqv_upsample_weight_bwd) FN(eqv_bias_bwd)
  FN(eqv_max_pool2x2_fwd) FN(eqv_max_pool2x2_bwd) FN(eqv_pool2d_fwd) FN(eqv_pool2d_bwd) FN(eqv_axpby) FN(eqv_add_scaled) FN(eqv_channel_affine)
  FN(eqv_arithmetic_fwd) FN(eqv_arithmetic_bwd) FN(eqv_pad2d_fwd) FN(eqv_pad2d_bwd)
  FN(eqv_attention_fwd) FN(eqv_attention_bwd)
  FN(eqv_self_attention_fwd) FN(eqv_self_attention_bwd)
  FN(eqv_layer_norm_fwd) FN(eqv_layer_norm_bwd) FN(eqv_gated_add_fwd) FN(eqv_gated_add_bwd)
  FN(eqv_gated_unit_fwd) FN(eqv_gated_unit_bwd) FN(eqv_rope) FN(eqv_embedding_fwd)
  FN(eqv_timestep_embedding_fwd) FN(eqv_timestep_embedding_bwd) FN(eqv_sample_error_fwd) FN(eqv_sample_error_bwd)
  FN(eqv_sample_mix_fwd) FN(eqv_sample_mix_bwd) FN(eqv_gaussian_vlb_fwd) FN(eqv_gaussian_vlb_bwd)
  FN(eqv_softmax_cross_entropy_fwd) FN(eqv_softmax_cross_entropy_bwd)
  FN(eqv_dropout)
  FN(eqv_resample_fwd) FN(eqv_resample_bwd) FN(eqv_affine_fwd)
  FN(eqv_affine_bwd) FN(eqv_gaussian_sample_fwd) FN(eqv_gaussian_sample_bwd) FN(eqv_gaussian_kl_fwd)
  FN(eqv_gaussian_kl_bwd) FN(eqv_loss_fwd) FN(eqv_loss_bwd) FN(eqv_lpips_head_fwd) FN(eqv_lpips_head_bwd)
  FN(eqv_vector_quantize_fwd) FN(eqv_vector_quantize_bwd)
  FN(eqv_copy) FN(eqv_fill) FN(eqv_random) FN(eqv_reduce) FN(eqv_adaptive_weight) FN(eqv_adam) FN(eqv_pack_weights)
  return text;
}

const std::string& text() {
  static const std::string* t = new std::string(build());
  return *t;
}

}  // namespace

extern "C" int64_t eqv_abi_text(char* buffer, int64_t cap) {
  const auto length = static_cast<int64_t>(text().size());
  if (buffer && cap > 0) {
    const int64_t n = length < cap - 1 ? length : cap - 1;
    std::memcpy(buffer, text().data(), static_cast<size_t>(n));
    buffer[n] = 0;
  }
  return length;
}

extern "C" eqv_status eqv_abi(uint32_t* version, uint64_t* layout_hash) {
  return eqv::guard("abi", [&] {
    if (!version || !layout_hash) throw eqv::error(EQV_BAD_ARGUMENT, "abi: version or layout_hash is null");
    uint64_t hash = 14695981039346656037ull;  // FNV-1a, 64 bits
    for (unsigned char c : text()) hash = (hash ^ c) * 1099511628211ull;
    *version = EQV_ABI_VERSION;
    *layout_hash = hash;
  });
}
