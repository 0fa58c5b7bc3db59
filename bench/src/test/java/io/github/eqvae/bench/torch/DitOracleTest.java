package io.github.eqvae.bench.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * DiT-XL/2 with random weights: the gradients of a step (one latent, the squared error of all
 * outputs) against libtorch's, both in single precision. All blocks are alike and no weight depends
 * on how many tokens there are, so by default both are few. {@code -Deqvae.full.dit.depth=28
 * -Deqvae.full.dit.side=32} takes the whole network, 675 million weights, on the latents of images
 * of 256 pixels, which needs some 17 GB of memory; {@code -Deqvae.full.dit=S} another size.
 */
@Tag("full")
class DitOracleTest {
  /** Relative to the largest gradient of the same parameter. */
  private static final double TOLERANCE = 1e-4;

  /**
   * Parameters that start at 0 get other values: before a gate of 0 no parameter has a gradient.
   */
  private static final float SPREAD = 0.05f;

  /** Of the latent: 16 tokens. */
  private static final int SIDE = Integer.getInteger("eqvae.full.dit.side", 8);

  private static final int DEPTH = Integer.getInteger("eqvae.full.dit.depth", 2);

  private static final int TIME = 400;
  private static final int LABEL = 207;

  private static float[] uniform(SplittableRandom random, long count, float most) {
    float[] out = new float[(int) count];
    for (int i = 0; i < out.length; i++) {
      out[i] = most * (2 * (random.nextInt() >>> 8) * 0x1p-24f - 1);
    }
    return out;
  }

  /** Gates, the last layer, biases. */
  private static boolean startsAtZero(Parameter p) {
    return p.name().endsWith(".bias")
        || p.name().contains("adaLN_modulation")
        || p.name().startsWith("final_layer");
  }

  private static org.bytedeco.pytorch.Tensor nchw(float[] nhwc, Shape shape) {
    return org.bytedeco.pytorch.Tensor.create(nhwc, shape.extents())
        .permute(0, 3, 1, 2)
        .contiguous();
  }

  private static DitConfig shallower(DitConfig c) {
    return new DitConfig(
        c.channels(),
        SIDE,
        c.patch(),
        c.width(),
        DEPTH,
        c.heads(),
        c.mlpRatio(),
        c.classes(),
        c.nullClass(),
        c.learnSigma(),
        c.qkNorm(),
        c.rmsNorm(),
        c.swiGlu(),
        c.rope(),
        c.shift());
  }

  @Test
  void aStepOfDitXl2HasLibtorchsGradients() {
    DitSize size = DitSize.valueOf(System.getProperty("eqvae.full.dit", "XL"));
    DitConfig config = shallower(DitConfig.of(size, 2));
    SplittableRandom random = new SplittableRandom(7);
    Shape image = Shape.of(1, config.side(), config.side(), config.channels());
    Shape said = image.with(3, config.outChannels());
    float[] x = uniform(random, image.elements(), 2);
    float[] target = uniform(random, said.elements(), 2);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step", true)) {
      Dit dit = new Dit(config, stream, 1, true);
      try {
        for (Parameter p : dit.parameters().learned()) {
          if (startsAtZero(p)) {
            p.value().set(stream, uniform(random, p.shape().elements(), SPREAD));
          }
        }
        double ours = step(dit, stream, arena, image, x, said, target);
        try (PointerScope scope = new PointerScope()) {
          TorchParameters parameters =
              new TorchParameters(dit.parameters(), stream, new TorchOptions(false, false));
          var labels = org.bytedeco.pytorch.Tensor.create(new long[] {LABEL}, 1);
          var times = org.bytedeco.pytorch.Tensor.create(new float[] {TIME}, 1);
          var out = new TorchDit(config, parameters).forward(nchw(x, image), times, labels);
          var loss = torch.mse_loss(out, nchw(target, said));
          loss.backward();
          assertEquals(loss.item().toDouble(), ours, 1e-5 * ours);
          compare(dit, stream, parameters);
        }
      } finally {
        dit.parameters().close();
      }
    }
  }

  private static double step(
      Dit dit,
      Stream stream,
      TensorArena arena,
      Shape image,
      float[] x,
      Shape said,
      float... target) {
    Tensor latents = arena.tensor(image);
    latents.set(stream, x);
    Tensor wanted = arena.tensor(said);
    wanted.set(stream, target);
    Tensor t = arena.tensor(Shape.of(1));
    t.set(stream, new float[] {TIME});
    Tensor y = arena.tensor(Shape.of(1), DType.I32);
    y.setInts(stream, LABEL);
    dit.parameters().newUpdate();
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor error = tape.apply(new SampleError(), dit.forward(tape, latents, t, y), wanted, null);
    Tensor one = arena.tensor(error.shape());
    one.fill(stream, 1);
    double loss = error.toDoubles(stream)[0];
    tape.backward(List.of(new Seed(error, one)));
    dit.parameters().gradients(stream); // fills in zeros
    return loss;
  }

  private static void compare(Dit dit, Stream stream, TorchParameters theirs) {
    List<String> wrong = new ArrayList<>();
    double worst = 0;
    long compared = 0;
    for (Parameter p : dit.parameters().learned()) {
      float[] actual = p.gradient().toFloats(stream);
      var gradient = theirs.value(p.name()).grad().contiguous();
      float[] expected = new float[actual.length];
      assertEquals(expected.length, gradient.numel(), p.name());
      new FloatPointer(gradient.data_ptr()).get(expected);
      double most = 0;
      double apart = 0;
      for (int i = 0; i < actual.length; i++) {
        most = Math.max(most, Math.abs(expected[i]));
        double d = Math.abs((double) expected[i] - actual[i]);
        apart = d <= apart ? apart : d; // NaN is the worst
      }
      assertTrue(most > 0, () -> p.name() + " has no gradient");
      worst = apart / most <= worst ? worst : apart / most;
      compared += actual.length;
      if (!(apart <= TOLERANCE * most)) {
        wrong.add(p.name() + " " + apart / most);
      }
    }
    System.out.printf(
        Locale.ROOT, "{\"gradients\": %d, \"largest difference\": %.2e}%n", compared, worst);
    assertEquals(List.of(), wrong);
    assertEquals(dit.parameters().count(), compared);
  }
}
