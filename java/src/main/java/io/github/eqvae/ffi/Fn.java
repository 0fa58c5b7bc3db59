package io.github.eqvae.ffi;

import java.util.Locale;

/** The functions of {@code eqv.h} that return a status, with their number of arguments. */
public enum Fn {
  /** {@code eqv_noop}. */
  NOOP(0),
  /** {@code eqv_device_open}. */
  DEVICE_OPEN(3),
  /** {@code eqv_device_close}. */
  DEVICE_CLOSE(1),
  /** {@code eqv_device_describe}. */
  DEVICE_DESCRIBE(2),
  /** {@code eqv_device_memory}. */
  DEVICE_MEMORY(2),
  /** {@code eqv_alloc}. */
  ALLOC(3),
  /** {@code eqv_free}. */
  FREE(2),
  /** {@code eqv_stream_create}. */
  STREAM_CREATE(2),
  /** {@code eqv_stream_destroy}. */
  STREAM_DESTROY(1),
  /** {@code eqv_stream_sync}. */
  STREAM_SYNC(1),
  /** {@code eqv_stream_wait}. */
  STREAM_WAIT(2),
  /** {@code eqv_stream_math}. */
  STREAM_MATH(2),
  /** {@code eqv_stream_reserve}. */
  STREAM_RESERVE(2),
  /** {@code eqv_stream_scratch}. */
  STREAM_SCRATCH(2),
  /** {@code eqv_host_alloc}. */
  HOST_ALLOC(3),
  /** {@code eqv_host_free}. */
  HOST_FREE(2),
  /** {@code eqv_copy_in}. */
  COPY_IN(4),
  /** {@code eqv_copy_out}. */
  COPY_OUT(4),
  /** {@code eqv_profile_begin}. */
  PROFILE_BEGIN(1),
  /** {@code eqv_profile_read}. */
  PROFILE_READ(2),
  /** {@code eqv_profile_get}. */
  PROFILE_GET(3),
  /** {@code eqv_profile_end}. */
  PROFILE_END(1),
  /** {@code eqv_capture_begin}. */
  CAPTURE_BEGIN(1),
  /** {@code eqv_capture_end}. */
  CAPTURE_END(2),
  /** {@code eqv_graph_launch}. */
  GRAPH_LAUNCH(2),
  /** {@code eqv_graph_destroy}. */
  GRAPH_DESTROY(1),
  /** {@code eqv_conv2d_fwd}. */
  CONV2D_FWD(9),
  /** {@code eqv_conv2d_bwd_input}. */
  CONV2D_BWD_INPUT(9),
  /** {@code eqv_conv2d_bwd_weight}. */
  CONV2D_BWD_WEIGHT(6),
  /** {@code eqv_linear_fwd}. */
  LINEAR_FWD(7),
  /** {@code eqv_linear_bwd_input}. */
  LINEAR_BWD_INPUT(5),
  /** {@code eqv_linear_bwd_weight}. */
  LINEAR_BWD_WEIGHT(5),
  /** {@code eqv_group_norm_fwd}. */
  GROUP_NORM_FWD(7),
  /** {@code eqv_group_norm_bwd}. */
  GROUP_NORM_BWD(11),
  /** {@code eqv_batch_norm_fwd}. */
  BATCH_NORM_FWD(9),
  /** {@code eqv_batch_norm_bwd}. */
  BATCH_NORM_BWD(9),
  /** {@code eqv_activation_fwd}. */
  ACTIVATION_FWD(4),
  /** {@code eqv_activation_bwd}. */
  ACTIVATION_BWD(5),
  /** {@code eqv_upsample2x_fwd}. */
  UPSAMPLE2X_FWD(3),
  /** {@code eqv_upsample2x_bwd}. */
  UPSAMPLE2X_BWD(3),
  /** {@code eqv_upsample_weight_fwd}. */
  UPSAMPLE_WEIGHT_FWD(3),
  /** {@code eqv_upsample_weight_bwd}. */
  UPSAMPLE_WEIGHT_BWD(3),
  /** {@code eqv_bias_bwd}. */
  BIAS_BWD(3),
  /** {@code eqv_max_pool2x2_fwd}. */
  MAX_POOL2X2_FWD(4),
  /** {@code eqv_max_pool2x2_bwd}. */
  MAX_POOL2X2_BWD(4),
  /** {@code eqv_pool2d_fwd}. */
  POOL2D_FWD(5),
  /** {@code eqv_pool2d_bwd}. */
  POOL2D_BWD(5),
  /** {@code eqv_axpby}. */
  AXPBY(5),
  /** {@code eqv_add_scaled}. */
  ADD_SCALED(5),
  /** {@code eqv_channel_affine}. */
  CHANNEL_AFFINE(5),
  /** {@code eqv_arithmetic_fwd}. */
  ARITHMETIC_FWD(5),
  /** {@code eqv_arithmetic_bwd}. */
  ARITHMETIC_BWD(7),
  /** {@code eqv_pad2d_fwd}. */
  PAD2D_FWD(4),
  /** {@code eqv_pad2d_bwd}. */
  PAD2D_BWD(4),
  /** {@code eqv_attention_fwd}. */
  ATTENTION_FWD(7),
  /** {@code eqv_attention_bwd}. */
  ATTENTION_BWD(11),
  /** {@code eqv_self_attention_fwd}. */
  SELF_ATTENTION_FWD(6),
  /** {@code eqv_self_attention_bwd}. */
  SELF_ATTENTION_BWD(8),
  /** {@code eqv_layer_norm_fwd}. */
  LAYER_NORM_FWD(8),
  /** {@code eqv_layer_norm_bwd}. */
  LAYER_NORM_BWD(13),
  /** {@code eqv_gated_add_fwd}. */
  GATED_ADD_FWD(5),
  /** {@code eqv_gated_add_bwd}. */
  GATED_ADD_BWD(6),
  /** {@code eqv_gated_unit_fwd}. */
  GATED_UNIT_FWD(3),
  /** {@code eqv_gated_unit_bwd}. */
  GATED_UNIT_BWD(4),
  /** {@code eqv_rope}. */
  ROPE(6),
  /** {@code eqv_embedding_fwd}. */
  EMBEDDING_FWD(4),
  /** {@code eqv_timestep_embedding_fwd}. */
  TIMESTEP_EMBEDDING_FWD(4),
  /** {@code eqv_timestep_embedding_bwd}. */
  TIMESTEP_EMBEDDING_BWD(5),
  /** {@code eqv_sample_error_fwd}. */
  SAMPLE_ERROR_FWD(5),
  /** {@code eqv_sample_error_bwd}. */
  SAMPLE_ERROR_BWD(6),
  /** {@code eqv_sample_mix_fwd}. */
  SAMPLE_MIX_FWD(5),
  /** {@code eqv_sample_mix_bwd}. */
  SAMPLE_MIX_BWD(5),
  /** {@code eqv_gaussian_vlb_fwd}. */
  GAUSSIAN_VLB_FWD(7),
  /** {@code eqv_gaussian_vlb_bwd}. */
  GAUSSIAN_VLB_BWD(9),
  /** {@code eqv_softmax_cross_entropy_fwd}. */
  SOFTMAX_CROSS_ENTROPY_FWD(7),
  /** {@code eqv_softmax_cross_entropy_bwd}. */
  SOFTMAX_CROSS_ENTROPY_BWD(8),
  /** {@code eqv_dropout}. */
  DROPOUT(5),
  /** {@code eqv_resample_fwd}. */
  RESAMPLE_FWD(4),
  /** {@code eqv_resample_bwd}. */
  RESAMPLE_BWD(4),
  /** {@code eqv_affine_fwd}. */
  AFFINE_FWD(5),
  /** {@code eqv_affine_bwd}. */
  AFFINE_BWD(5),
  /** {@code eqv_gaussian_sample_fwd}. */
  GAUSSIAN_SAMPLE_FWD(4),
  /** {@code eqv_gaussian_sample_bwd}. */
  GAUSSIAN_SAMPLE_BWD(5),
  /** {@code eqv_gaussian_kl_fwd}. */
  GAUSSIAN_KL_FWD(3),
  /** {@code eqv_gaussian_kl_bwd}. */
  GAUSSIAN_KL_BWD(4),
  /** {@code eqv_loss_fwd}. */
  LOSS_FWD(5),
  /** {@code eqv_loss_bwd}. */
  LOSS_BWD(6),
  /** {@code eqv_lpips_head_fwd}. */
  LPIPS_HEAD_FWD(5),
  /** {@code eqv_lpips_head_bwd}. */
  LPIPS_HEAD_BWD(6),
  /** {@code eqv_vector_quantize_fwd}. */
  VECTOR_QUANTIZE_FWD(5),
  /** {@code eqv_vector_quantize_bwd}. */
  VECTOR_QUANTIZE_BWD(4),
  /** {@code eqv_copy}. */
  COPY(3),
  /** {@code eqv_fill}. */
  FILL(3),
  /** {@code eqv_random}. */
  RANDOM(4),
  /** {@code eqv_reduce}. */
  REDUCE(4),
  /** {@code eqv_adaptive_weight}. */
  ADAPTIVE_WEIGHT(5),
  /** {@code eqv_adam}. */
  ADAM(12),
  /** {@code eqv_pack_weights}. */
  PACK_WEIGHTS(4);

  private final int arity;

  Fn(int arity) {
    this.arity = arity;
  }

  /**
   * The C symbol.
   *
   * @return its name
   */
  public String symbol() {
    return "eqv_" + name().toLowerCase(Locale.ROOT);
  }

  int arity() {
    return arity;
  }

  String abiLine() {
    return "fn " + symbol() + "/" + arity + "\n";
  }
}
