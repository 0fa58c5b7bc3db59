package io.github.eqvae.bench.gpu;

import io.github.eqvae.bench.ConvDirection;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A case to be measured, in the form that both sides read.
 *
 * @param kind the operation or part of the model; a function of bench/gpu/peer_ops.py,
 *     peer_model.py or peer_dit.py
 * @param parameters its sizes; sides in pixels
 * @param gflop of one run, or 0 where that says nothing
 * @param megabytes that one run must read and write at least, or 0 where that says nothing
 */
record Case(String kind, Map<String, Object> parameters, double gflop, double megabytes) {
  Case(String kind, Map<String, Object> parameters, double gflop) {
    this(kind, parameters, gflop, 0);
  }

  /**
   * Whether it measures a ceiling of the machine. The other cases show their share of the faster
   * side's ceiling.
   */
  boolean isCeiling() {
    return List.of("matmul", "copy", "cached_read").contains(kind);
  }

  /** Whether gradients are computed. */
  boolean isBackward() {
    return !parameters.getOrDefault("direction", "FORWARD").equals("FORWARD");
  }

  /** Image sides and widths: of the published models, or small enough for a processor. */
  enum Size {
    FULL,
    TINY
  }

  private static final List<String> DIRECTIONS = List.of("FORWARD", "BACKWARD");

  int integer(String name) {
    return ((Number) parameters.get(name)).intValue();
  }

  String text(String name) {
    return (String) parameters.get(name);
  }

  /** What is multiplied: fp32 numbers in TF32, or activations in bf16. */
  boolean isTf32() {
    return "tf32".equals(parameters.get("dtype"));
  }

  /** The same in TF32. */
  private Case inTf32() {
    Map<String, Object> p = new LinkedHashMap<>(parameters);
    p.put("dtype", "tf32");
    return new Case(kind, p, gflop, 2 * megabytes);
  }

  /** As the table shows it. */
  String name() {
    StringBuilder out = new StringBuilder(kind);
    parameters.forEach(
        (k, v) -> {
          if (!List.of("pad", "batch", "num_res_blocks", "z_channels", "ch_mult", "width")
              .contains(k)) {
            out.append(' ').append(v instanceof Number ? k + "=" + v : v.toString());
          }
        });
    return out.append(" batch=").append(parameters.getOrDefault("batch", 1)).toString();
  }

  private static Map<String, Object> map(Object... pairs) {
    Map<String, Object> out = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      out.put((String) pairs[i], pairs[i + 1]);
    }
    return out;
  }

  /**
   * The cases of a name: {@code ceiling}, {@code conv}, {@code thin}, {@code sweep}, {@code ops},
   * {@code model}, {@code step}, {@code dit}, {@code sit}, {@code scales}, {@code tf32} or {@code
   * tf32-step}.
   */
  static List<Case> named(String what, Size size) {
    return switch (what) {
      case "ceiling" -> ceilings(size);
      case "conv" -> convolutions(size);
      case "thin" -> thin(size);
      case "sweep" -> sweep(size);
      case "ops" -> operations(size);
      case "model" -> models(size);
      case "step" -> steps(size);
      case "dit", "sit" -> transformers(size, what);
      case "scales" -> scales(size);
      case "tf32" -> tf32(size);
      case "tf32-step" -> List.of(steps(size).getFirst().inTf32());
      default ->
          throw new IllegalArgumentException(
              "expected ceiling, conv, thin, sweep, ops, model, step, dit, sit, scales, tf32 or"
                  + " tf32-step, not "
                  + what);
    };
  }

  /** Tensor cores, memory, and the cache between. */
  private static List<Case> ceilings(Size size) {
    int n = size == Size.FULL ? 8192 : 256;
    long bytes = size == Size.FULL ? 2L << 30 : 1 << 20;
    long cached = size == Size.FULL ? 24L << 20 : 1 << 16;
    Case product = new Case("matmul", map("size", n), 2e-9 * n * n * n);
    return List.of(
        product,
        product.inTf32(),
        new Case("copy", map("bytes", bytes), 0, 2e-6 * bytes),
        new Case("cached_read", map("bytes", cached), 0, 1e-6 * cached));
  }

  private static final List<Integer> SAME = List.of(1, 1, 1, 1);

  /**
   * The twelve shapes that take most of the time of a training step at 256 px, three directions
   * each; three of them follow a doubling, which is part of the case.
   */
  private static List<Case> convolutions(Size size) {
    List<Case> out = new ArrayList<>();
    for (ConvDirection d : ConvDirection.values()) {
      if (size == Size.TINY) {
        out.add(conv(d, 2, 64, 128, 8, 3, 1, SAME));
        out.add(conv(d, 1, 64, 64, 8, 3, 2, List.of(0, 1, 0, 1)));
        out.add(doubled(d, 1, 64, 4));
        continue;
      }
      int[][] square = { // in, out, side
        {128, 128, 256}, {512, 512, 64}, {256, 256, 128}, {512, 512, 32},
        {512, 256, 128}, {256, 128, 256}, {128, 256, 128}, {256, 512, 64}
      };
      for (int[] s : square) {
        out.add(conv(d, 16, s[0], s[1], s[2], 3, 1, SAME));
      }
      out.add(doubled(d, 16, 512, 64));
      out.add(doubled(d, 16, 256, 128));
      out.add(doubled(d, 16, 512, 32));
      out.add(conv(d, 16, 256, 512, 32, 4, 1, SAME));
      out.add(conv(d, 16, 128, 128, 256, 3, 2, List.of(0, 1, 0, 1)));
    }
    return out;
  }

  /** The ends of the networks: images, latents, a discriminator's result. */
  private static List<Case> thin(Size size) {
    List<Case> out = new ArrayList<>();
    for (ConvDirection d : ConvDirection.values()) {
      if (size == Size.TINY) {
        out.add(conv(d, 1, 3, 64, 16, 3, 1, SAME));
        out.add(conv(d, 1, 64, 3, 16, 3, 1, SAME));
        continue;
      }
      out.add(conv(d, 16, 3, 128, 256, 3, 1, SAME));
      out.add(conv(d, 16, 3, 64, 256, 3, 1, SAME));
      out.add(conv(d, 16, 128, 3, 256, 3, 1, SAME));
      out.add(conv(d, 16, 3, 64, 256, 4, 2, SAME));
      out.add(conv(d, 16, 4, 512, 32, 3, 1, SAME));
      out.add(conv(d, 16, 512, 8, 32, 3, 1, SAME));
      out.add(conv(d, 16, 512, 1, 31, 4, 1, SAME));
    }
    return out;
  }

  /** 3×3 convolutions of as many products as possible channels and sides: where is which slow? */
  private static List<Case> sweep(Size size) {
    List<Case> out = new ArrayList<>();
    if (size == Size.TINY) {
      out.add(conv(ConvDirection.FORWARD, 1, 64, 64, 8, 3, 1, SAME));
      return out;
    }
    for (int side : new int[] {16, 31, 48, 64, 128}) {
      int batch = Math.max(1, 65536 / (side * side));
      for (int channels : new int[] {64, 128, 192, 256, 320, 512}) {
        out.add(conv(ConvDirection.FORWARD, batch, channels, channels, side, 3, 1, SAME));
      }
    }
    return out;
  }

  /** A doubling and a 3×3 convolution; counted are the products that are needed, 4/9 of all. */
  private static Case doubled(ConvDirection d, int n, int channels, int side) {
    return new Case(
        "upsample_conv2d",
        map("direction", d.name(), "batch", n, "in", channels, "out", channels, "side", side),
        2e-9 * n * side * side * 16 * channels * channels);
  }

  private static Case conv(
      ConvDirection d, int n, int in, int out, int side, int k, int stride, List<Integer> pad) {
    long result = (side + pad.get(0) + pad.get(1) - k) / stride + 1;
    return new Case(
        "conv2d",
        map(
            "direction",
            d.name(),
            "batch",
            n,
            "in",
            in,
            "out",
            out,
            "side",
            side,
            "kernel",
            k,
            "stride",
            stride,
            "pad",
            pad),
        2e-9 * n * result * result * in * out * k * k);
  }

  private static List<Case> operations(Size size) {
    List<Case> out = new ArrayList<>();
    boolean full = size == Size.FULL;
    for (String d : DIRECTIONS) {
      boolean backward = d.equals("BACKWARD");
      for (int[] s :
          full ? new int[][] {{128, 256}, {256, 128}, {512, 64}} : new int[][] {{64, 8}}) {
        out.add(images("group_norm_silu", d, size, s[0], s[1], backward ? 3 : 2));
      }
      int tokens = full ? 1024 : 64;
      int channels = full ? 512 : 64;
      int n = full ? 16 : 1;
      double products = backward ? 5 : 2;
      out.add(
          new Case(
              "attention",
              map("direction", d, "batch", n, "tokens", tokens, "channels", channels),
              2e-9 * products * n * tokens * tokens * channels));
      // LPIPS at its first level and the last but one, its pooling, a discriminator's first layers.
      out.add(images("lpips_head", d, size, 64, 256, backward ? 3 : 2));
      out.add(images("lpips_head", d, size, 512, 32, backward ? 3 : 2));
      out.add(images("max_pool", d, size, 64, 256, 1.375));
      out.add(images("leaky_relu", d, size, 64, 128, backward ? 3 : 2));
      out.add(images("batch_norm", d, size, 128, 64, backward ? 3 : 2));
    }
    out.add(images("add", "FORWARD", size, 128, 256, 3));
    DIRECTIONS.forEach(d -> out.addAll(ofTransformer(d, full)));
    return out;
  }

  /** Of DiT-XL/2 at 256 px: a norm with adaLN, attention, and the product before the GELU. */
  private static List<Case> ofTransformer(String d, boolean full) {
    int n = full ? 64 : 1;
    int tokens = full ? 256 : 64;
    int channels = full ? 1152 : 64;
    boolean backward = d.equals("BACKWARD");
    double values = (double) n * tokens * channels;
    double products = 2e-9 * (backward ? 5 : 2) * values * tokens;
    Map<String, Object> p = map("direction", d, "batch", n, "tokens", tokens, "channels", channels);
    Map<String, Object> heads = new LinkedHashMap<>(p);
    heads.put("heads", full ? 16 : 2);
    return List.of(
        new Case("layer_norm", p, 0, 2e-6 * (backward ? 3 : 2) * values),
        new Case("self_attention", heads, products),
        new Case("linear_gelu", p, 2e-9 * (backward ? 2 : 1) * values * 4 * channels));
  }

  /** Of bf16 images, so many of which must be read and written. */
  private static Case images(
      String kind, String d, Size size, int channels, int side, double moved) {
    int n = size == Size.FULL ? 16 : 1;
    int s = size == Size.FULL ? side : 8;
    return new Case(
        kind,
        map("direction", d, "batch", n, "channels", channels, "side", s),
        0,
        2e-6 * moved * n * channels * s * s);
  }

  private static Case model(String kind, Size size, int batch, Object... more) {
    boolean full = size == Size.FULL;
    Map<String, Object> p =
        map(
            "batch", batch,
            "ch", full ? 128 : 32,
            "ch_mult", full ? List.of(1, 2, 4, 4) : List.of(1, 2),
            "num_res_blocks", full ? 2 : 1,
            "z_channels", 4,
            "resolution", full ? 256 : 32,
            "width", full ? 64 : 8);
    p.putAll(map(more));
    return new Case(kind, p, 0);
  }

  private static List<Case> models(Size size) {
    int batch = size == Size.FULL ? 16 : 1;
    return List.of(model("encode", size, batch), model("decode", size, batch));
  }

  /** The whole step with LPIPS and discriminator: plain, and τ of half the side, turned. */
  private static List<Case> steps(Size size) {
    List<Case> out = new ArrayList<>();
    for (int batch : size == Size.FULL ? List.of(16, 32) : List.of(1)) {
      out.add(model("step", size, batch));
      out.add(model("step", size, batch, "scale", size == Size.FULL ? 0.5 : 0.75, "turns", 1));
    }
    return out;
  }

  /** A step of DiT-XL/2 on latents of 32×32×4, with the loss of {@code dit} or {@code sit}. */
  private static List<Case> transformers(Size size, String loss) {
    if (size == Size.TINY) {
      return List.of(transformer(loss, 2, 4, 64, 2, 2, 8, 5));
    }
    return List.of(
        transformer(loss, 64, 4, 1152, 28, 16, 32, 1000),
        transformer(loss, 256, 4, 1152, 28, 16, 32, 1000));
  }

  /** Counted: products with weights and of attention, three times as many for a step. */
  private static Case transformer(
      String loss,
      int batch,
      int channels,
      int width,
      int depth,
      int heads,
      int side,
      int classes) {
    int patch = 2;
    double d = width;
    double tokens = (double) side * side / (patch * patch);
    double block = tokens * (12 * d * d + 2 * tokens * d) + 6 * d * d;
    Map<String, Object> p =
        map(
            "loss",
            loss,
            "batch",
            batch,
            "channels",
            channels,
            "width",
            width,
            "depth",
            depth,
            "heads",
            heads,
            "side",
            side,
            "patch",
            patch,
            "classes",
            classes);
    return new Case("dit_step", p, 3 * 2e-9 * batch * depth * block);
  }

  /** Every scale that τ may take: k/32. */
  private static List<Case> scales(Size size) {
    List<Case> out = new ArrayList<>();
    for (int k = size == Size.FULL ? 8 : 31; k < 32; k++) {
      out.add(model("step", size, size == Size.FULL ? 16 : 1, "scale", k / 32.0, "turns", 1));
    }
    return out;
  }

  /**
   * What training in TF32 spends its time on: the first four convolutions, attention, encoder and
   * decoder.
   */
  private static List<Case> tf32(Size size) {
    List<Case> out = new ArrayList<>();
    List<Case> all = convolutions(size);
    int shapes = all.size() / ConvDirection.values().length;
    for (int direction = 0; direction < ConvDirection.values().length; direction++) {
      for (int shape = 0; shape < Math.min(4, shapes); shape++) {
        out.add(all.get(direction * shapes + shape).inTf32());
      }
    }
    operations(size).stream()
        .filter(c -> c.kind().equals("attention"))
        .forEach(c -> out.add(c.inTf32()));
    models(size).forEach(c -> out.add(c.inTf32()));
    return out;
  }
}
