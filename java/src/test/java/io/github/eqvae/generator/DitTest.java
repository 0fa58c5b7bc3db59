package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sizes, start values, options and errors of the network. */
class DitTest {
  private Device device = Device.open("cpu");
  private Stream stream = new Stream(device);
  private TensorArena arena = new TensorArena(device, "test");

  @AfterEach
  void close() {
    arena.close();
    stream.close();
    device.close();
  }

  /** What facebookresearch/DiT's models count, the table of positions included. */
  @ParameterizedTest
  @CsvSource({
    "XL, 2, 675129632",
    "XL, 4, 675074432",
    "XL, 8, 675683072",
    "L, 2, 458102816",
    "L, 4, 458053760",
    "L, 8, 458594816",
    "B, 2, 130512416",
    "B, 4, 130475648",
    "B, 8, 130881536",
    "S, 2, 32963360",
    "S, 4, 32945024",
    "S, 8, 33148160"
  })
  void countsAreThePublishedOnes(DitSize size, int patch, long count) {
    try (Device planner = Device.open("null");
        Stream s = new Stream(planner)) {
      Dit dit = new Dit(DitConfig.of(size, patch), s, 1, false);
      Parameter positions = dit.parameters().get("pos_embed");
      assertEquals(count, dit.parameters().count() + positions.shape().elements());
      dit.parameters().close();
    }
  }

  private static DitConfig small() {
    return DitConfig.of(DitSize.S, 2).forLatents(3, 6).forClasses(5, true);
  }

  private static DitConfig tiny(int classes) {
    return new DitConfig(
        3, 6, 2, 16, 2, 2, 4, classes, classes > 0, true, false, false, false, false, true);
  }

  private Tensor latents(int n) {
    Tensor x = arena.tensor(Shape.of(n, 6, 6, 3));
    x.normal(stream, 1, 2, 0, 1);
    return x;
  }

  private Tensor times(double... t) {
    Tensor tensor = arena.tensor(Shape.of(t.length));
    tensor.set(stream, t);
    return tensor;
  }

  private Tensor labels(int... y) {
    Tensor tensor = arena.tensor(Shape.of(y.length), DType.I32);
    tensor.setInts(stream, y);
    return tensor;
  }

  /** adaLN-Zero: gates and the last layer start as zeros. */
  @Test
  void startsAsZero() {
    Dit dit = new Dit(small(), stream, 7, false);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    double[] out = dit.forward(tape, latents(2), times(3, 999), labels(0, 5)).toDoubles(stream);
    assertEquals(0, Arrays.stream(out).map(Math::abs).max().orElseThrow());
    double[] qkv = dit.parameters().get("blocks.0.attn.qkv.weight").value().toDoubles(stream);
    double bound = Math.sqrt(6.0 / (384 + 3 * 384));
    double most = Arrays.stream(qkv).map(Math::abs).max().orElseThrow();
    assertTrue(most <= bound && most > 0.99 * bound, () -> "uniform in ±" + bound + ": " + most);
    double[] table =
        dit.parameters().get("y_embedder.embedding_table.weight").value().toDoubles(stream);
    double square = Arrays.stream(table).map(v -> v * v).sum() / table.length;
    assertEquals(0.02, Math.sqrt(square), 0.002);
    dit.parameters().close();
  }

  /** A sample must not depend on those beside it. */
  @Test
  void samplesAreIndependent() {
    Dit dit = new Dit(tiny(4), stream, 7, false);
    dit.parameters()
        .learned()
        .forEach(p -> p.value().normal(stream, 3, p.name().hashCode(), 0, 0.1));
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor x = latents(3);
    double[] all = dit.forward(tape, x, times(1, 500, 9), labels(0, 4, 2)).toDoubles(stream);
    double[] one = dit.forward(tape, x.narrow(0, 1, 1), times(500), labels(4)).toDoubles(stream);
    int n = one.length;
    for (int i = 0; i < n; i++) {
      assertEquals(all[n + i], one[i], 1e-5, "element " + i);
    }
    dit.parameters().close();
  }

  /**
   * In bf16, on what stands in for a GPU. Some 14 results are stored per block, and each stored
   * result is off by at most 2⁻⁸ of itself.
   */
  @Test
  void bf16IsNearSinglePrecision() {
    double[][] single = onSimt(DType.F32);
    double[][] half = onSimt(DType.BF16);
    double bound = 0x1p-8 * (14 * tiny(4).depth() + 4);
    for (int i = 0; i < 2; i++) {
      double difference = 0;
      double size = 0;
      for (int j = 0; j < single[i].length; j++) {
        difference += Math.pow(single[i][j] - half[i][j], 2);
        size += Math.pow(single[i][j], 2);
      }
      double off = Math.sqrt(difference / size);
      assertTrue(off > 0, "bf16 was not used");
      assertTrue(off < bound, () -> "off by " + off + ", at most " + bound);
    }
  }

  /** Result and gradients of all weights. */
  private static double[][] onSimt(DType activations) {
    try (Device simt = Device.open("simt");
        Stream s = new Stream(simt);
        TensorArena memory = new TensorArena(simt, "test")) {
      Dit dit = new Dit(tiny(4), s, 7, true);
      dit.parameters().learned().forEach(p -> p.value().normal(s, 3, p.name().hashCode(), 0, 0.1));
      dit.computeIn(activations);
      Tape tape = new Tape(s, memory, Tape.Mode.RECORD);
      Tensor x = memory.tensor(Shape.of(2, 6, 6, 3));
      x.normal(s, 1, 2, 0, 1);
      Tensor t = memory.tensor(Shape.of(2));
      t.set(s, 20.0, 700.0);
      Tensor y = memory.tensor(Shape.of(2), DType.I32);
      y.setInts(s, 1, 4);
      Tensor out = dit.forward(tape, x, t, y);
      Tensor seed = memory.tensor(out.shape());
      seed.normal(s, 5, 6, 0, 1);
      double[] result = out.toDoubles(s);
      tape.backward(List.of(new Seed(out, seed)));
      double[] gradients = dit.parameters().gradients(s).toDoubles(s);
      dit.parameters().close();
      return new double[][] {result, gradients};
    }
  }

  @Test
  void worksWithoutClasses() {
    Dit dit = new Dit(tiny(0), stream, 7, true);
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor out = dit.forward(tape, latents(2), times(1, 2), null);
    assertEquals(Shape.of(2, 6, 6, 6), out.shape());
    assertTrue(dit.parameters().all().stream().noneMatch(p -> p.name().startsWith("y_embedder")));
    dit.parameters().close();
  }

  @Test
  void saysWhatIsWrong() {
    Dit dit = new Dit(tiny(4), stream, 7, false);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    refused(
        "this network is for latents of 6×6×3",
        () -> dit.forward(tape, arena.tensor(Shape.of(1, 4, 9, 3)), times(1), labels(0)));
    refused(
        "need as many times and labels",
        () -> dit.forward(tape, latents(2), times(1), labels(0, 1)));
    refused("labels are missing", () -> dit.forward(tape, latents(1), times(1), null));
    refused("does not divide into patches", () -> DitConfig.of(DitSize.B, 4).forLatents(4, 30));
    refused("has no null class", () -> DitConfig.of(DitSize.B, 4).forClasses(0, true));
    dit.parameters().close();
  }

  private static void refused(String reason, org.junit.jupiter.api.function.Executable call) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, call);
    assertTrue(e.getMessage().contains(reason), e::getMessage);
  }
}
