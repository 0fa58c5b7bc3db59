// Made of eqv.h by HeaderSources.java.
// The functions of a backend that do what those of the same name in eqv.h say.
#pragma once

#include "backend.h"

namespace eqv::backend {

void conv2d_fwd(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& w, const Tensor* packed,
                const Tensor* bias, const Tensor* residual, const Tensor& y, const Tensor* stats);
void conv2d_bwd_input(Stream&, const eqv_conv2d_params&, const Tensor& dy, const Tensor& w, const Tensor* packed,
                      const Tensor* bias, const Tensor* residual, const Tensor& dx, const Tensor* stats);
void conv2d_bwd_weight(Stream&, const eqv_conv2d_params&, const Tensor& x, const Tensor& dy, const Tensor& dw,
                       const Tensor* dbias);
void linear_fwd(Stream&, const eqv_activation_params&, const Tensor& x, const Tensor& w, const Tensor* bias,
                const Tensor* before, const Tensor& y);
void linear_bwd_input(Stream&, const Tensor& dy, const Tensor& w, const Tensor* residual, const Tensor& dx);
void linear_bwd_weight(Stream&, const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor* dbias);
void group_norm_fwd(Stream&, const eqv_group_norm_params&, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                    const Tensor& y, const Tensor& stats);
void group_norm_bwd(Stream&, const eqv_group_norm_params&, const Tensor& dy, const Tensor& x, const Tensor& gamma,
                    const Tensor& beta, const Tensor& stats, const Tensor* residual, const Tensor& dx,
                    const Tensor& dgamma, const Tensor& dbeta);
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
void self_attention_fwd(Stream&, const eqv_self_attention_params&, const Tensor* counter, const Tensor& qkv,
                        const Tensor& o, const Tensor& lse);
void self_attention_bwd(Stream&, const eqv_self_attention_params&, const Tensor* counter, const Tensor& d_o,
                        const Tensor& qkv, const Tensor& o, const Tensor& lse, const Tensor& dqkv);
void layer_norm_fwd(Stream&, const eqv_layer_norm_params&, const Tensor& x, const Tensor* weight, const Tensor* bias,
                    const Tensor* modulation, const Tensor& y, const Tensor& stats);
void layer_norm_bwd(Stream&, const eqv_layer_norm_params&, const Tensor& dy, const Tensor& x, const Tensor* weight,
                    const Tensor* bias, const Tensor* modulation, const Tensor& stats, const Tensor* residual,
                    const Tensor& dx, const Tensor* dweight, const Tensor* dbias, const Tensor* dmodulation);
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
void softmax_cross_entropy_fwd(Stream&, const eqv_softmax_cross_entropy_params&, const Tensor& logits,
                               const Tensor& label, const Tensor* weight, const Tensor& out, const Tensor& lse);
void softmax_cross_entropy_bwd(Stream&, const eqv_softmax_cross_entropy_params&, const Tensor& dout,
                               const Tensor& logits, const Tensor& label, const Tensor* weight, const Tensor& lse,
                               const Tensor& dlogits);
void dropout(Stream&, const eqv_dropout_params&, const Tensor* counter, const Tensor& x, const Tensor& y);
void resample_fwd(Stream&, const eqv_resample_params&, const Tensor& x, const Tensor& y);
void resample_bwd(Stream&, const eqv_resample_params&, const Tensor& dy, const Tensor& dx);
void affine_fwd(Stream&, const eqv_affine_params&, const Tensor& x, const Tensor& theta, const Tensor& y);
void affine_bwd(Stream&, const eqv_affine_params&, const Tensor& dy, const Tensor& theta, const Tensor& dx);
void gaussian_sample_fwd(Stream&, const Tensor& moments, const Tensor& noise, const Tensor& z);
void gaussian_sample_bwd(Stream&, const Tensor& dz, const Tensor& moments, const Tensor& noise, const Tensor& dmoments);
void gaussian_kl_fwd(Stream&, const Tensor& moments, const Tensor& out);
void gaussian_kl_bwd(Stream&, const Tensor& dout, const Tensor& moments, const Tensor& dmoments);
void loss_fwd(Stream&, const eqv_loss_params&, const Tensor& a, const Tensor* b, const Tensor& out);
void loss_bwd(Stream&, const eqv_loss_params&, const Tensor& dout, const Tensor& a, const Tensor* b, const Tensor& da);
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

}  // namespace eqv::backend
