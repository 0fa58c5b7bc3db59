package io.github.eqvae.bench.gpu;

import io.github.eqvae.bench.ConvDirection;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is measured, in the words that both sides read.
 *
 * @param kind the operation or part of the model; a function of bench/gpu/peer_ops.py or
 *     peer_model.py
 * @param parameters its sizes; sides in pixels
 * @param gflop of one run, or 0 where that says nothing
 */
record Case(String kind, Map<String, Object> parameters, double gflop) {
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
   * The cases of a name: {@code ceiling}, {@code conv}, {@code ops}, {@code model}, {@code step} or
   * {@code scales}.
   */
  static List<Case> named(String what, Size size) {
    return switch (what) {
      case "ceiling" -> ceilings(size);
      case "conv" -> convolutions(size);
      case "ops" -> operations(size);
      case "model" -> models(size);
      case "step" -> steps(size);
      case "scales" -> scales(size);
      default ->
          throw new IllegalArgumentException(
              "expected ceiling, conv, ops, model, step or scales, not " + what);
    };
  }

  /** Measured by the peer only: what tensor cores and memory give at best. */
  private static List<Case> ceilings(Size size) {
    int n = size == Size.FULL ? 8192 : 256;
    long bytes = size == Size.FULL ? 2L << 30 : 1 << 20;
    return List.of(
        new Case("matmul", map("size", n), 2e-9 * n * n * n),
        new Case("copy", map("bytes", bytes), 0));
  }

  /** The twelve shapes that most of a training step at 256 px goes into, three directions each. */
  private static List<Case> convolutions(Size size) {
    List<Case> out = new ArrayList<>();
    for (ConvDirection d : ConvDirection.values()) {
      if (size == Size.TINY) {
        out.add(conv(d, 2, 64, 128, 8, 3, 1, List.of(1, 1, 1, 1)));
        out.add(conv(d, 1, 64, 64, 8, 3, 2, List.of(0, 1, 0, 1)));
        continue;
      }
      int[][] square = { // in, out, side
        {128, 128, 256}, {512, 512, 64}, {256, 256, 128}, {512, 512, 32}, {512, 512, 128},
        {256, 256, 256}, {512, 256, 128}, {256, 128, 256}, {128, 256, 128}, {256, 512, 64}
      };
      for (int[] s : square) {
        out.add(conv(d, 16, s[0], s[1], s[2], 3, 1, List.of(1, 1, 1, 1)));
      }
      out.add(conv(d, 16, 256, 512, 32, 4, 1, List.of(1, 1, 1, 1)));
      out.add(conv(d, 16, 128, 128, 256, 3, 2, List.of(0, 1, 0, 1)));
    }
    return out;
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
    int n = full ? 16 : 1;
    for (String d : DIRECTIONS) {
      for (int[] s :
          full ? new int[][] {{128, 256}, {256, 128}, {512, 64}} : new int[][] {{64, 8}}) {
        out.add(
            new Case(
                "group_norm_silu",
                map("direction", d, "batch", n, "channels", s[0], "side", s[1]),
                0));
      }
      int tokens = full ? 1024 : 64;
      int channels = full ? 512 : 64;
      double products = d.equals("FORWARD") ? 2 : 5;
      out.add(
          new Case(
              "attention",
              map("direction", d, "batch", n, "tokens", tokens, "channels", channels),
              2e-9 * products * n * tokens * tokens * channels));
    }
    return out;
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
    for (int batch : size == Size.FULL ? List.of(16, 32) : List.of(2)) {
      out.add(model("step", size, batch));
      out.add(model("step", size, batch, "scale", size == Size.FULL ? 0.5 : 0.75, "turns", 1));
    }
    return out;
  }

  /** Every scale that τ may take: k/32. */
  private static List<Case> scales(Size size) {
    List<Case> out = new ArrayList<>();
    for (int k = size == Size.FULL ? 8 : 30; k < 32; k++) {
      out.add(model("step", size, size == Size.FULL ? 16 : 2, "scale", k / 32.0, "turns", 1));
    }
    return out;
  }
}
