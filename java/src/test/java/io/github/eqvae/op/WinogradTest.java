package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.gamma;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.Compare;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * 3×3 convolutions wide enough for the CPU to compute y and dx by Winograd's F(2×2, 3×3), whose
 * rounding is of another kind than that of a plain sum of products: docs/numerics.md, "Winograd".
 */
@ExtendWith(CaseExtension.class)
class WinogradTest {
  private static OpRunners runners;

  @BeforeAll
  static void open() {
    runners = new OpRunners(List.of("cpu"), OpRunner::new);
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  private static OpCase wide(Conv2d op, In x, int out, boolean bias) {
    List<In> inputs =
        bias
            ? List.of(x, In.of(out, x.shape().dim(3), 3, 3), In.of(out))
            : List.of(x, In.of(out, x.shape().dim(3), 3, 3));
    String name = op + " " + x.shape() + "→" + out;
    return new OpCase(name, op, inputs, Oracles.conv2d(op), ErrorBound.EXACT);
  }

  /** Odd sizes, several blocks of tiles and a part of one, every padding, channels not in 16s. */
  static List<OpCase> cases() {
    return List.of(
        wide(new Conv2d(1, 1), In.of(1, 16, 16, 64), 64, true),
        wide(new Conv2d(1, 1), In.of(3, 9, 13, 72), 100, true),
        wide(new Conv2d(1, 1), In.of(1, 33, 19, 65), 67, false),
        wide(new Conv2d(1, 0), In.of(2, 18, 15, 64), 80, false),
        wide(new Conv2d(1, 2, 0, 1, 3), In.of(2, 12, 21, 66), 64, true),
        wide(new Conv2d(1, 0, 2, 0, 2), In.of(1, 22, 20, 64), 96, true));
  }

  /**
   * γ(in + 12)·4·Σ_c ‖g_c‖₁·‖d_c‖₁ for every output, d the 4×4 pixels of its tile.
   *
   * @param x {@code [n, rows, cols, in]}
   * @param norms ‖g‖₁, {@code [out][in]}
   */
  private static double[] bound(
      double[] x, int[] xs, double[][] norms, int[] ys, int top, int left, double[] bias) {
    int in = xs[3];
    int out = ys[3];
    double[] bounds = new double[ys[0] * ys[1] * ys[2] * out];
    for (int n = 0; n < ys[0]; n++) {
      for (int i = 0; i < ys[1]; i++) {
        for (int j = 0; j < ys[2]; j++) {
          double[] tile = new double[in];
          for (int r = i / 2 * 2 - top; r < i / 2 * 2 - top + 4; r++) {
            for (int s = j / 2 * 2 - left; s < j / 2 * 2 - left + 4; s++) {
              if (r >= 0 && r < xs[1] && s >= 0 && s < xs[2]) {
                for (int c = 0; c < in; c++) {
                  tile[c] += Math.abs(x[((n * xs[1] + r) * xs[2] + s) * in + c]);
                }
              }
            }
          }
          for (int k = 0; k < out; k++) {
            double sum = bias.length == 0 ? 0 : Math.abs(bias[k]);
            for (int c = 0; c < in; c++) {
              sum += 4 * norms[k][c] * tile[c];
            }
            bounds[((n * ys[1] + i) * ys[2] + j) * out + k] = gamma(in + 12) * sum;
          }
        }
      }
    }
    return bounds;
  }

  private static int[] sizes(io.github.eqvae.tensor.Shape s) {
    return new int[] {s.size(0), s.size(1), s.size(2), s.size(3)};
  }

  @ParameterizedTest
  @MethodSource("cases")
  void staysWithinItsBound(OpCase c) {
    OpCase.Sample s = c.sample();
    OpRunner.Result expected = runners.ref().run(c, s);
    OpRunner.Result actual = runners.on("cpu").run(c, s);
    int[] xs = sizes(c.inputs().getFirst().shape());
    int[] ys = sizes(c.output());
    double[][] norms = new double[ys[3]][xs[3]];
    double[][] transposed = new double[xs[3]][ys[3]];
    for (int k = 0; k < ys[3]; k++) {
      for (int ch = 0; ch < xs[3]; ch++) {
        for (int t = 0; t < 9; t++) {
          norms[k][ch] += Math.abs(s.inputs()[1][(k * xs[3] + ch) * 9 + t]);
        }
        transposed[ch][k] = norms[k][ch];
      }
    }
    Conv2d op = (Conv2d) c.op();
    double[] bias = s.inputs().length > 2 ? s.inputs()[2] : new double[0];
    double[] y = bound(s.inputs()[0], xs, norms, ys, op.top(), op.left(), bias);
    double[] dx = bound(s.seed(), ys, transposed, xs, 2 - op.top(), 2 - op.left(), new double[0]);
    Compare.within(c.name(), c.output(), expected.y(), actual.y(), y);
    Compare.within(
        c.name() + " dx",
        c.inputs().getFirst().shape(),
        expected.gradients()[0],
        actual.gradients()[0],
        dx);
    assertTrue(
        Compare.maximum(y) <= 0.01 * Compare.maximum(expected.y()), "the bound proves little");
    assertTrue(Compare.maximum(dx) <= 0.01 * Compare.maximum(expected.gradients()[0]), "dx");
  }

  /** The transforms halve and add: nothing is rounded, so every index is right. */
  @ParameterizedTest
  @MethodSource("cases")
  void smallIntegersAreExact(OpCase original) {
    OpCase c = original.with(In.integers(4));
    OpCase.Sample s = c.sample(In.integers(4));
    OpRunner.Result expected = runners.ref().run(c, s);
    OpRunner.Result actual = runners.on("cpu").run(c, s);
    Compare.bitwise(c.name(), c.output(), zeros(expected.y()), zeros(actual.y()));
    Compare.bitwise(
        c.name() + " dx",
        c.inputs().getFirst().shape(),
        zeros(expected.gradients()[0]),
        zeros(actual.gradients()[0]));
  }

  private static double[] run(Op op, In[] in, double[][] values) {
    OpCase c = new OpCase("", op, List.of(in), x -> x[0], ErrorBound.EXACT);
    return runners.on("cpu").run(c, new OpCase.Sample(values, new double[0]), new int[0]).y();
  }

  static List<Activation> activations() {
    return List.of(
        Activation.IDENTITY, Activation.SILU, Activation.RELU, Activation.leakyRelu(0.2));
  }

  /** What comes after the sums is what the operations of their own do, to the bit. */
  @ParameterizedTest
  @MethodSource("activations")
  void aResidualAndAnActivationAreThoseOfTheirOwnOperations(Activation activation) {
    Conv2d plain = new Conv2d(1, 1);
    In image = In.of(2, 13, 11, 64);
    In[] in = {image, In.of(80, 64, 3, 3), In.of(80), In.of(2, 13, 11, 80)};
    OpCase c = new OpCase("end", plain.with(activation), List.of(in), x -> x[0], ErrorBound.EXACT);
    double[][] v = c.sample().inputs();
    double[] y = run(plain, java.util.Arrays.copyOf(in, 3), new double[][] {v[0], v[1], v[2]});
    y = run(new Add(), new In[] {in[3], in[3]}, new double[][] {y, v[3]});
    Op after =
        switch (activation.kind()) {
          case IDENTITY -> new Scale(1);
          case SILU -> new Silu();
          case RELU -> new Relu();
          case LEAKY_RELU -> new LeakyRelu(activation.slope());
          case GELU_TANH, GELU -> throw new IllegalArgumentException("no convolution's");
        };
    y = run(after, new In[] {in[3]}, new double[][] {y});
    Compare.bitwise("y", c.output(), zeros(y), zeros(run(plain.with(activation), in, v)));
  }

  private static double[] zeros(double[] values) {
    double[] out = values.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] += 0.0; // either sign becomes +0
    }
    return out;
  }
}
