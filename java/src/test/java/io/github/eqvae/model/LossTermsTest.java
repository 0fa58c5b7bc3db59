package io.github.eqvae.model;

import static io.github.eqvae.testing.TorchOracle.nchw;
import static io.github.eqvae.testing.TorchOracle.scalar;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.RunningError;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.TorchOracle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.bytedeco.pytorch.InterpolateFuncOptions;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.kBicubic;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** SSIM and spectrum matching as losses: against libtorch in double, and on every device. */
class LossTermsTest {
  /** Roundings in double precision on the way to a value, at most. */
  private static final double ROUNDINGS = 1e6 * 0x1p-53;

  private interface Measure extends AutoCloseable {
    Tensor of(Tape tape, Tensor target, Tensor image);

    @Override
    void close();
  }

  /** What is measured, of which shapes, and the same in libtorch. */
  private enum Case {
    SSIM(Shape.of(2, 13, 17, 3), Shape.of(2, 13, 17, 3)),
    SSIM_OF_ONE_CHANNEL(Shape.of(1, 24, 11, 1), Shape.of(1, 24, 11, 1)),
    SSIM_OF_A_SMALL_IMAGE(Shape.of(1, 8, 9, 3), Shape.of(1, 8, 9, 3)),
    SPECTRUM(Shape.of(2, 32, 32, 3), Shape.of(2, 8, 8, 4)),
    SPECTRUM_OF_ODD_SIDE(Shape.of(1, 28, 28, 1), Shape.of(1, 7, 7, 2)),
    SPECTRUM_UNBLURRED(Shape.of(1, 32, 32, 3), Shape.of(1, 32, 32, 1));

    final Shape first;
    final Shape second;

    Case(Shape first, Shape second) {
      this.first = first;
      this.second = second;
    }

    boolean isSsim() {
      return name().startsWith("SSIM");
    }

    Measure measure(Stream stream) {
      int channels = first.size(3);
      if (isSsim()) {
        SsimLoss ssim = new SsimLoss(channels, stream);
        return measure(ssim::forward, ssim::close);
      }
      TreeSet<Integer> sides = new TreeSet<>(List.of(3, second.size(1)));
      SpectrumMatching spectrum = new SpectrumMatching(channels, second.size(3), sides, stream);
      return measure(spectrum::forward, spectrum::close);
    }

    private interface Forward {
      Tensor of(Tape tape, Tensor target, Tensor image);
    }

    private static Measure measure(Forward forward, Runnable close) {
      return new Measure() {
        @Override
        public Tensor of(Tape tape, Tensor target, Tensor image) {
          return forward.of(tape, target, image);
        }

        @Override
        public void close() {
          close.run();
        }
      };
    }

    org.bytedeco.pytorch.Tensor oracle(org.bytedeco.pytorch.Tensor... in) {
      return isSsim() ? ssim(in[0], in[1]) : spectrum(in[0], in[1]);
    }

    double[] image() {
      return numbers(5, first, -1, 1);
    }

    /** Near the image for SSIM, which is flat far away from it. */
    double[] other() {
      double[] x = image();
      double[] out = numbers(7, second, -0.2, 0.2);
      for (int i = 0; isSsim() && i < out.length; i++) {
        out[i] = (float) (x[i] + out[i]);
      }
      return out;
    }
  }

  private static double[] numbers(long seed, Shape shape, double low, double high) {
    Random random = new Random(seed);
    double[] out = new double[(int) shape.elements()];
    int width = shape.size(2);
    int channels = shape.size(3);
    for (int i = 0; i < out.length; i++) {
      double wave = Math.sin(i / channels % width * 0.5 + i % channels) * 0.6;
      out[i] = (float) (low + (high - low) * (0.5 + wave / 2 + 0.2 * (random.nextDouble() - 0.5)));
    }
    return out;
  }

  private static org.bytedeco.pytorch.Tensor gaussian(int channels, int side, double sigma) {
    double[] window = new double[side * side];
    double sum = 0;
    for (int i = 0; i < window.length; i++) {
      double a = i / side - side / 2;
      double b = i % side - side / 2;
      window[i] = Math.exp(-(a * a + b * b) / (2 * sigma * sigma));
      sum += window[i];
    }
    for (int i = 0; i < window.length; i++) {
      window[i] = (float) (window[i] / sum);
    }
    return TorchOracle.tensor(window, Shape.of(1, 1, side, side), true)
        .expand(channels, 1, side, side);
  }

  private static org.bytedeco.pytorch.Tensor blur(
      org.bytedeco.pytorch.Tensor x, int side, double sigma, long padding) {
    int channels = (int) x.size(1);
    long[] one = {1, 1};
    return torch.conv2d(
        x,
        gaussian(channels, side, sigma),
        new TensorOptional(),
        one,
        new long[] {padding, padding},
        one,
        channels);
  }

  /** VainF/pytorch-msssim, of images in [0, 1]. */
  private static org.bytedeco.pytorch.Tensor ssim(
      org.bytedeco.pytorch.Tensor target, org.bytedeco.pytorch.Tensor image) {
    org.bytedeco.pytorch.Tensor x = nchw(target).add(scalar(1)).div(scalar(2));
    org.bytedeco.pytorch.Tensor y = nchw(image).add(scalar(1)).div(scalar(2));
    int least = (int) Math.min(x.size(2), x.size(3));
    int side = Math.min(11, least - (1 - least % 2));
    org.bytedeco.pytorch.Tensor mx = blur(x, side, 1.5, 0);
    org.bytedeco.pytorch.Tensor my = blur(y, side, 1.5, 0);
    org.bytedeco.pytorch.Tensor sx = blur(x.square(), side, 1.5, 0).sub(mx.square());
    org.bytedeco.pytorch.Tensor sy = blur(y.square(), side, 1.5, 0).sub(my.square());
    org.bytedeco.pytorch.Tensor sxy = blur(x.mul(y), side, 1.5, 0).sub(mx.mul(my));
    org.bytedeco.pytorch.Tensor c1 = torch.tensor((double) (float) 1e-4);
    org.bytedeco.pytorch.Tensor c2 = torch.tensor((double) (float) (0.03 * 0.03));
    org.bytedeco.pytorch.Tensor above =
        mx.mul(my).mul(scalar(2)).add(c1).mul(sxy.mul(scalar(2)).add(c2));
    org.bytedeco.pytorch.Tensor below =
        mx.square().add(my.square()).add(c1).mul(sx.add(sy).add(c2));
    return above.div(below).mean();
  }

  /** forever208/SpectrumMatching, utils_DCT.py: latent_spectral_reg_dct with its defaults. */
  private static org.bytedeco.pytorch.Tensor spectrum(
      org.bytedeco.pytorch.Tensor image, org.bytedeco.pytorch.Tensor latent) {
    org.bytedeco.pytorch.Tensor z = nchw(latent);
    int h = (int) z.size(2);
    org.bytedeco.pytorch.Tensor x = h == 32 ? nchw(image) : blur(nchw(image), 7, 1.2, 3);
    LongVector size = new LongVector(h, h);
    InterpolateFuncOptions options = new InterpolateFuncOptions();
    options.size().put(size);
    options.mode().put(new kBicubic());
    options.align_corners().put(false);
    org.bytedeco.pytorch.Tensor px = shares(torch.interpolate(x, options));
    org.bytedeco.pytorch.Tensor pz = shares(z);
    org.bytedeco.pytorch.Tensor eps = torch.tensor((double) (float) 1e-8);
    return px.mul(px.add(eps).log().sub(pz.add(eps).log())).sum(1).sum();
  }

  private static org.bytedeco.pytorch.Tensor shares(org.bytedeco.pytorch.Tensor t) {
    int h = (int) t.size(2);
    double[] basis = new double[h * h];
    double[] ring = new double[16 * h * h];
    int[] count = new int[16];
    int[] of = new int[h * h];
    float furthest = Math.max(1, (float) Math.hypot(h - 1, h - 1));
    for (int i = 0; i < h * h; i++) {
      int u = i / h;
      int v = i % h;
      double norm = u == 0 ? Math.sqrt(1.0 / h) : Math.sqrt(2.0 / h);
      basis[i] = (float) (norm * Math.cos(Math.PI * (v + 0.5) * u / h));
      of[i] = Math.min(15, (int) ((float) Math.sqrt(u * u + v * v) / furthest * 16));
      count[of[i]]++;
    }
    for (int i = 1; i < h * h; i++) {
      ring[of[i] * h * h + i] = (float) (1.0 / count[of[i]]);
    }
    org.bytedeco.pytorch.Tensor d = TorchOracle.tensor(basis, Shape.of(h, h), true);
    org.bytedeco.pytorch.Tensor rings = TorchOracle.tensor(ring, Shape.of(16, h * h), true);
    org.bytedeco.pytorch.Tensor both = torch.matmul(torch.matmul(d, t), d.t());
    org.bytedeco.pytorch.Tensor share = torch.tensor((double) (1.0f / t.size(1)));
    org.bytedeco.pytorch.Tensor power = both.square().sum(1).mul(share);
    org.bytedeco.pytorch.Tensor s = torch.matmul(power.flatten(1, 2), rings.t());
    org.bytedeco.pytorch.Tensor logs = s.add(scalar(1)).log();
    org.bytedeco.pytorch.Tensor eps = torch.tensor((double) (float) 1e-8);
    return logs.div(
        logs.sum(new long[] {1}, true, new org.bytedeco.pytorch.ScalarTypeOptional()).add(eps));
  }

  /** A value, its gradient for the second input, and how far fp32 may be from the value. */
  private record Result(double value, double[] gradient, double bound) {}

  private static Result run(String name, Case c) {
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        Measure measure = c.measure(stream)) {
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor target = tape.watch(tensor(stream, arena, c.first, c.image()));
      Tensor image = tape.watch(tensor(stream, arena, c.second, c.other()));
      Tensor map = measure.of(tape, target, image);
      double scale = c.isSsim() ? 1.0 / map.shape().elements() : 1;
      Tensor value = tape.apply(new Sum(scale), map);
      double bound = Double.NaN;
      if (name.equals("ref")) {
        try (RunningError errors = new RunningError()) {
          bound = errors.of(tape, List.of(value), false)[0];
        }
      }
      Map<Tensor, Tensor> g = tape.gradients(List.of(tape.seed(value, 1)), List.of(image));
      return new Result(value.toDoubles(stream)[0], g.get(image).toDoubles(stream), bound);
    }
  }

  private static Tensor tensor(Stream stream, TensorArena arena, Shape shape, double[] values) {
    Tensor t = arena.tensor(shape);
    t.set(stream, values);
    return t;
  }

  private static final Map<Case, Result> REFERENCES = new EnumMap<>(Case.class);

  static List<Arguments> cases() {
    List<Arguments> out = new ArrayList<>();
    for (Case c : Case.values()) {
      for (String device : Devices.computing()) {
        out.add(Arguments.of(c, device));
      }
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyDeviceComputesTheTerm(Case c, String device) {
    TorchOracle.Result expected =
        TorchOracle.run(
            c::oracle,
            List.of(c.first, c.second),
            new double[][] {c.image(), c.other()},
            new boolean[] {false, true},
            new double[] {1},
            Shape.SCALAR);
    Result ref = REFERENCES.computeIfAbsent(c, k -> run("ref", k));
    double[] slope = expected.gradients()[1];
    double steepest = Arrays.stream(slope).map(Math::abs).max().orElseThrow();
    assertTrue(steepest > 0 && expected.y()[0] > 1e-6, "a case that shows nothing");
    assertEquals(expected.y()[0], ref.value(), ROUNDINGS);
    assertArrayEquals(slope, ref.gradient(), ROUNDINGS * steepest);
    Result actual = run(device, c);
    assertEquals(ref.value(), actual.value(), ref.bound());
    assertTrue(
        ref.bound() < 0.02 * ref.value(), () -> "the bound " + ref.bound() + " says nothing");
  }
}
