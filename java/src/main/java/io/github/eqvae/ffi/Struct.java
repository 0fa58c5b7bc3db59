package io.github.eqvae.ffi;

import java.util.ArrayList;
import java.util.List;

/** The structs of {@code eqv.h}: names, types and offsets, in the order of the C ABI text. */
public enum Struct {
  /** {@code eqv_tensor}. */
  TENSOR("data:ptr shape:i64x5 stride:i64x5 rank:i32 dtype:i32"),
  /** {@code eqv_device_info}. */
  DEVICE_INFO(
      "struct_size:u32 threads:i32 memory_bytes:i64 free_bytes:i64 compute_dtype:i32 executes:i32"
          + " graphs:i32 architecture:i32 name:charx128 detail:charx256"),
  /** {@code eqv_memory_stats}. */
  MEMORY_STATS(
      "struct_size:u32 reserved:i32 live_bytes:i64 live_blocks:i64 total_blocks:i64"
          + " cached_plans:i64 peak_bytes:i64"),
  /** {@code eqv_profile_summary}. */
  PROFILE_SUMMARY(
      "struct_size:u32 rows:i32 seconds:f64 bytes_per_second:f64 flops_per_second:f64x3"),
  /** {@code eqv_profile_row}. */
  PROFILE_ROW(
      "struct_size:u32 math:i32 calls:i64 seconds:f64 bytes:f64 flops:f64 operation:charx64"
          + " kernel:charx128"),
  /** {@code eqv_conv2d_params}. */
  CONV2D_PARAMS(
      "struct_size:u32 stride:i32 pad_top:i32 pad_bottom:i32 pad_left:i32 pad_right:i32"
          + " activation:i32 slope:f32 groups:i32 eps:f32"),
  /** {@code eqv_group_norm_params}. */
  GROUP_NORM_PARAMS("struct_size:u32 groups:i32 eps:f32 silu:i32 stats_given:i32"),
  /** {@code eqv_batch_norm_params}. */
  BATCH_NORM_PARAMS("struct_size:u32 eps:f32 momentum:f32 training:i32"),
  /** {@code eqv_activation_params}. */
  ACTIVATION_PARAMS("struct_size:u32 kind:i32 slope:f32"),
  /** {@code eqv_pool2d_params}. */
  POOL2D_PARAMS(
      "struct_size:u32 kind:i32 kernel_height:i32 kernel_width:i32 stride:i32 padding:i32"),
  /** {@code eqv_attention_params}. */
  ATTENTION_PARAMS("struct_size:u32 heads:i32 scale:f32"),
  /** {@code eqv_self_attention_params}. */
  SELF_ATTENTION_PARAMS(
      "struct_size:u32 heads:i32 scale:f32 reserved:i32 seed:u64 purpose:u64 rate:f64"),
  /** {@code eqv_layer_norm_params}. */
  LAYER_NORM_PARAMS("struct_size:u32 eps:f32 rms:i32"),
  /** {@code eqv_rope_params}. */
  ROPE_PARAMS("struct_size:u32 rotated:i32 transposed:i32"),
  /** {@code eqv_timestep_embedding_params}. */
  TIMESTEP_EMBEDDING_PARAMS("struct_size:u32 max_period:f32"),
  /** {@code eqv_dropout_params}. */
  DROPOUT_PARAMS("struct_size:u32 reserved:i32 seed:u64 purpose:u64 rate:f64"),
  /** {@code eqv_softmax_cross_entropy_params}. */
  SOFTMAX_CROSS_ENTROPY_PARAMS("struct_size:u32 smoothing:f32"),
  /** {@code eqv_resample_params}. */
  RESAMPLE_PARAMS(
      "struct_size:u32 interpolation:i32 quarter_turns:i32 flip_horizontal:i32 flip_vertical:i32"),
  /** {@code eqv_affine_params}. */
  AFFINE_PARAMS("struct_size:u32 padding:i32"),
  /** {@code eqv_loss_params}. */
  LOSS_PARAMS("struct_size:u32 kind:i32 scale:f64 epsilon:f64"),
  /** {@code eqv_arithmetic_params}. */
  ARITHMETIC_PARAMS("struct_size:u32 kind:i32"),
  /** {@code eqv_pad2d_params}. */
  PAD2D_PARAMS("struct_size:u32 mode:i32 top:i32 bottom:i32 left:i32 right:i32"),
  /** {@code eqv_axpby_params}. */
  AXPBY_PARAMS("struct_size:u32 alpha:f32 beta:f32"),
  /** {@code eqv_fill_params}. */
  FILL_PARAMS("struct_size:u32 reserved:i32 value:f64"),
  /** {@code eqv_random_params}. */
  RANDOM_PARAMS("struct_size:u32 distribution:i32 seed:u64 purpose:u64 a:f64 b:f64"),
  /** {@code eqv_reduce_params}. */
  REDUCE_PARAMS("struct_size:u32 kind:i32 scale:f64"),
  /** {@code eqv_adaptive_weight_params}. */
  ADAPTIVE_WEIGHT_PARAMS("struct_size:u32 eps:f32 maximum:f32 weight:f32"),
  /** {@code eqv_adam_params}. */
  ADAM_PARAMS(
      "struct_size:u32 decoupled:i32 beta1:f64 beta2:f64 eps:f64 weight_decay:f64 grad_scale:f64"
          + " clip:f64");

  /**
   * One field.
   *
   * @param name its C name
   * @param type its type as the ABI text spells it
   * @param count the array length, 1 for a plain field
   * @param offset its offset in bytes
   */
  record Field(String name, String type, int count, int offset) {
    String text() {
      return " " + name + ":" + type + (count > 1 ? "x" + count : "") + "@" + offset;
    }
  }

  private final List<Field> fields;
  private final int size;

  Struct(String declaration) {
    List<Field> list = new ArrayList<>();
    int offset = 0;
    int alignment = 1;
    for (String part : declaration.split(" ")) {
      String name = part.substring(0, part.indexOf(':'));
      String type = part.substring(part.indexOf(':') + 1);
      int count = 1;
      if (type.contains("x")) {
        count = Integer.parseInt(type.substring(type.indexOf('x') + 1));
        type = type.substring(0, type.indexOf('x'));
      }
      int bytes = bytes(type);
      offset = (offset + bytes - 1) / bytes * bytes;
      list.add(new Field(name, type, count, offset));
      offset += bytes * count;
      alignment = Math.max(alignment, bytes);
    }
    fields = List.copyOf(list);
    size = (offset + alignment - 1) / alignment * alignment;
  }

  private static int bytes(String type) {
    return switch (type) {
      case "char" -> 1;
      case "i32", "u32", "f32" -> 4;
      case "i64", "u64", "f64", "ptr" -> 8;
      default -> throw new IllegalStateException("unknown C type " + type);
    };
  }

  /**
   * Size in bytes.
   *
   * @return {@code sizeof} the struct
   */
  public int size() {
    return size;
  }

  /**
   * Number of fields.
   *
   * @return fields, {@code struct_size} included
   */
  public int fieldCount() {
    return fields.size();
  }

  /**
   * Offset of a field.
   *
   * @param index the field's position in the declaration
   * @return offset in bytes
   */
  public int offset(int index) {
    return fields.get(index).offset();
  }

  /**
   * Type of a field.
   *
   * @param index the field's position in the declaration
   * @return its type as the ABI text spells it
   */
  public String type(int index) {
    return fields.get(index).type();
  }

  /**
   * Offset of a field.
   *
   * @param name the field's C name
   * @return offset in bytes
   */
  public int offset(String name) {
    for (Field f : fields) {
      if (f.name().equals(name)) {
        return f.offset();
      }
    }
    throw new IllegalArgumentException(this + " has no field " + name);
  }

  String abiLine() {
    StringBuilder s =
        new StringBuilder(
            "struct eqv_" + name().toLowerCase(java.util.Locale.ROOT) + " size=" + size);
    fields.forEach(f -> s.append(f.text()));
    return s.append('\n').toString();
  }
}
