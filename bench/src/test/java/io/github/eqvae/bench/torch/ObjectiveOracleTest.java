package io.github.eqvae.bench.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.equivariance.StepLosses;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The whole objective, every loss and the gradient of every parameter, against the same composition
 * in libtorch's double precision.
 */
class ObjectiveOracleTest {
  /** Relative to the largest gradient of the same parameter. */
  private static final double TOLERANCE = 1e-4;

  /** What terms of size 1 that sum to zero leave in double precision. */
  private static final double CANCELLED = 1e-12;

  private static final int BATCH = 3;
  private static final int SIDE = 32;

  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(3, 3, 8, List.of(1, 2, 2), 1, List.of(16), SIDE, 3, 4, 4, true, true);

  private static final SpatialTransform ISOTROPIC =
      new SpatialTransform(0.75, 0.75, 1, false, false, Interpolation.BILINEAR);
  private static final SpatialTransform ANISOTROPIC =
      new SpatialTransform(0.5, 0.875, 3, false, false, Interpolation.BILINEAR);
  private static final SpatialTransform HALF_TURN_FLIPPED =
      new SpatialTransform(0.625, 0.625, 2, true, false, Interpolation.BILINEAR);

  private static final Draw EQ = new Draw(Draw.Branch.EQUIVARIANT, ISOTROPIC);
  private static final Draw EQ_ANISOTROPIC = new Draw(Draw.Branch.EQUIVARIANT, ANISOTROPIC);
  private static final Draw LOW =
      new Draw(
          Draw.Branch.LOW_RESOLUTION,
          new SpatialTransform(0.75, 0.75, 0, false, false, Interpolation.BILINEAR));

  private static final int CODES = 24;

  /** Which model. */
  private enum Kind {
    KL,
    VQ,
    VQ_FIXED;

    VqConfig config() {
      VqConfig.BetaPlacement placement =
          this == VQ ? VqConfig.BetaPlacement.LEGACY : VqConfig.BetaPlacement.FIXED;
      return new VqConfig(CONFIG, CODES, 0.25, placement);
    }

    Autoencoder build(Stream stream) {
      return this == KL
          ? new AutoencoderKl(CONFIG, stream, 3, true)
          : new VqModel(config(), stream, 3, true);
    }

    TorchLatent latent(TorchParameters parameters) {
      return this == KL
          ? new TorchLatent.Kl()
          : new TorchLatent.Vq(parameters, config().beta(), config().betaPlacement());
    }
  }

  /** What the branches and options are. */
  private enum Case {
    PLAIN(List.of(Draw.PLAIN), true, 0),
    PLAIN_LPIPS(List.of(Draw.PLAIN), true, 0.7),
    WITHOUT_DISCRIMINATOR(List.of(Draw.PLAIN), false, 0),
    EQ_ISOTROPIC(List.of(EQ), true, 0),
    EQ_ISOTROPIC_LPIPS(List.of(EQ), true, 0.7),
    EQ_ANISOTROPIC(List.of(ObjectiveOracleTest.EQ_ANISOTROPIC), true, 0),
    EQ_HALF_TURN_AND_FLIP(List.of(new Draw(Draw.Branch.EQUIVARIANT, HALF_TURN_FLIPPED)), true, 0),
    LOW_RESOLUTION(List.of(LOW), true, 0),
    LOW_RESOLUTION_LPIPS(List.of(LOW), true, 0.7),
    PER_SAMPLE(List.of(EQ, Draw.PLAIN, LOW), true, 0.7),
    PER_ELEMENT(List.of(EQ), true, 0.7),
    L2_AND_SOFTPLUS(List.of(EQ), true, 0),
    FIXED_WEIGHT(List.of(EQ), true, 0),
    HEAVY_REGULARIZATION(List.of(EQ), true, 0),
    EXPLICIT(List.of(EQ), true, 0),
    EXPLICIT_STOP_GRADIENT(List.of(EQ), true, 0);

    final List<Draw> draws;
    final boolean adversarial;
    final double perceptual;

    Case(List<Draw> draws, boolean adversarial, double perceptual) {
      this.draws = draws;
      this.adversarial = adversarial;
      this.perceptual = perceptual;
    }

    Draw draw(int sample) {
      return draws.get(sample % draws.size());
    }

    LossOptions loss(Kind kind) {
      LossOptions d = LossOptions.RELEASED;
      double light = kind == Kind.KL ? 1e-3 : 1;
      return new LossOptions(
          this == L2_AND_SOFTPLUS ? LossOptions.PixelLossKind.L2 : d.pixelLoss(),
          perceptual,
          kind == Kind.KL ? 0.25 : 0,
          this == HEAVY_REGULARIZATION ? 300 * light : light,
          kind != Kind.KL || this == PER_ELEMENT
              ? LossOptions.Normalization.PER_ELEMENT
              : d.normalization(),
          d.discWeight(),
          d.discFactor(),
          0,
          this != FIXED_WEIGHT,
          d.adaptiveMaximum(),
          this == L2_AND_SOFTPLUS ? LossOptions.GanKind.NON_SATURATING : d.ganLoss(),
          d.discriminatorForward());
    }

    EqOptions eq() {
      EqOptions d = EqOptions.RELEASED;
      boolean explicit = this == EXPLICIT || this == EXPLICIT_STOP_GRADIENT;
      return new EqOptions(
          d.equivarianceProbability(),
          d.lowResolutionPriorProbability(),
          d.scaling(),
          d.scaleSet(),
          d.scaleMin(),
          d.scaleMax(),
          d.rotations(),
          d.flips(),
          d.interpolation(),
          EqOptions.DrawPer.SAMPLE,
          explicit ? EqOptions.Regularizer.EXPLICIT : EqOptions.Regularizer.IMPLICIT,
          d.explicitWeight(),
          this == EXPLICIT_STOP_GRADIENT);
    }
  }

  private static float[] normal(long seed, long count) {
    Random random = new Random(seed);
    float[] out = new float[(int) count];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) random.nextGaussian();
    }
    return out;
  }

  /** Images with structure: a few soft waves, so that the networks see more than noise. */
  private static float[] images() {
    float[] x = normal(5, (long) BATCH * SIDE * SIDE * 3);
    for (int i = 0; i < x.length; i++) {
      double wave = Math.sin(i / 3 % SIDE * 0.4 + i % 3) * Math.cos(i / (3 * SIDE) * 0.23);
      x[i] = (float) Math.clamp(0.7 * wave + 0.15 * x[i], -1, 1);
    }
    return x;
  }

  private static Tensor nchw(float[] nhwc, Shape shape) {
    return Tensor.create(nhwc, shape.extents())
        .to(torch.ScalarType.Double)
        .permute(0, 3, 1, 2)
        .contiguous();
  }

  private static double[] values(Tensor t) {
    Tensor dense = t.to(torch.ScalarType.Double).contiguous();
    double[] out = new double[(int) dense.numel()];
    new DoublePointer(dense.data_ptr()).get(out);
    return out;
  }

  /** The samples of each draw, in the order the draws occur. */
  private static List<TorchObjective.Group> groups(Case c, Tensor x, long noiseSeed) {
    Map<Draw, List<Integer>> members = new LinkedHashMap<>();
    for (int i = 0; i < BATCH; i++) {
      members.computeIfAbsent(c.draw(i), d -> new ArrayList<>()).add(i);
    }
    List<TorchObjective.Group> out = new ArrayList<>();
    members.forEach(
        (draw, rows) -> {
          long[] index = rows.stream().mapToLong(i -> i).toArray();
          Tensor images = x.index_select(0, Tensor.create(index, index.length));
          boolean low = draw.branch() == Draw.Branch.LOW_RESOLUTION;
          long side = (long) (SIDE / 4 * (low ? draw.transform().scaleHeight() : 1));
          Shape latent = Shape.of(index.length, side, side, 4);
          out.add(
              new TorchObjective.Group(
                  images, draw, nchw(normal(noiseSeed + out.size(), latent.elements()), latent)));
        });
    return out;
  }

  private static EqObjective.Noise noise(Stream stream, long seed) {
    return (tape, shape, group) -> {
      io.github.eqvae.tensor.Tensor t = tape.arena().tensor(shape);
      t.set(stream, normal(seed + group, shape.elements()));
      return t;
    };
  }

  private static void compareLosses(Map<String, Double> expected, StepLosses actual) {
    expected.forEach(
        (name, value) ->
            assertEquals(value, actual.get(name), TOLERANCE * Math.abs(value) + 1e-12, name));
  }

  private static void compareGradients(
      ParameterStore store, Stream stream, TorchParameters expected) {
    Map<String, double[]> theirs = new LinkedHashMap<>();
    for (String name : expected.learned()) {
      theirs.put(name, values(expected.value(name).grad()));
    }
    List<String> wrong = new ArrayList<>();
    for (Parameter p : store.learned()) {
      double[] mine = p.gradient().toDoubles(stream);
      double[] other = theirs.get(p.name());
      assertEquals(other.length, mine.length, p.name());
      double difference = 0;
      for (int i = 0; i < mine.length; i++) {
        double d = Math.abs(mine[i] - other[i]);
        difference = d <= difference ? difference : d; // NaN is the worst
      }
      // Softmax does not change when all scores of a row do: the gradient of the keys' bias is zero
      // by algebra. So is that of the last bias of the discriminator where all logits lie between
      // the
      // hinge's kinks: real and fake pull equally. What rounding leaves of the terms is compared
      // with
      // the gradient of the layer's weights instead.
      boolean zero = p.name().endsWith(".k.bias") || maximum(other) < CANCELLED;
      String measure = zero ? p.name().replace(".bias", ".weight") : p.name();
      double relative = difference / maximum(theirs.get(measure));
      if (!(relative <= TOLERANCE)) {
        wrong.add(p.name() + ": " + relative);
      }
    }
    store.learned().forEach(p -> theirs.remove(p.name()));
    assertEquals(Map.of(), theirs, "parameters that eqvae does not have");
    assertEquals(List.of(), wrong);
  }

  /** Larger last weights: logits on both sides of the hinge's kinks, as after some training. */
  private static void decide(Discriminator disc, Stream stream) {
    Parameter last = disc.parameters().get("main.8.weight");
    float[] weights = last.value().toFloats(stream);
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= 20;
    }
    last.value().set(stream, weights);
  }

  private static double maximum(double[] x) {
    double most = 0;
    for (double v : x) {
      most = Math.max(most, Math.abs(v));
    }
    return most;
  }

  /** Codes near latents that occur, as after some training: many are used. */
  private static void spread(VqModel vq, Stream stream, io.github.eqvae.tensor.Tensor x) {
    Tape tape = new Tape(stream, x.arena(), Tape.Mode.INFERENCE);
    float[] z = vq.encode(tape, x).toFloats(stream);
    int channels = CONFIG.embedDim();
    int apart = z.length / channels / CODES * channels;
    float[] codes = new float[CODES * channels];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = 1.05f * z[i / channels * apart + i % channels];
    }
    vq.codebook().value().set(stream, codes);
  }

  static java.util.stream.Stream<Arguments> cases() {
    return java.util.Arrays.stream(Kind.values())
        .flatMap(kind -> java.util.Arrays.stream(Case.values()).map(c -> Arguments.of(kind, c)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void lossesAndGradientsAreLibtorchs(Kind kind, Case c) {
    LossOptions loss = c.loss(kind);
    try (PointerScope scope = new PointerScope();
        Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        Arena arena = new Arena(device, "step", true);
        Autoencoder vae = kind.build(stream);
        Discriminator disc = new Discriminator(3, 8, 2, stream, 4);
        Lpips lpips = new Lpips(8, stream, 5)) {
      decide(disc, stream);
      Shape image = Shape.of(BATCH, SIDE, SIDE, 3);
      io.github.eqvae.tensor.Tensor x = arena.tensor(image);
      x.set(stream, images());
      if (vae instanceof VqModel vq) {
        spread(vq, stream, x);
      }
      TorchOptions options = new TorchOptions(true, false);
      TorchParameters vaeParameters = new TorchParameters(vae.parameters(), stream, options);
      TorchParameters discParameters = new TorchParameters(disc.parameters(), stream, options);
      lpips.parameters().setTrainable(false);
      TorchObjective theirs =
          new TorchObjective(
              new TorchAutoencoder(CONFIG, vaeParameters),
              kind.latent(vaeParameters),
              c.adversarial
                  ? Optional.of(new TorchDiscriminator(2, discParameters))
                  : Optional.empty(),
              c.perceptual > 0
                  ? Optional.of(
                      new TorchLpips(new TorchParameters(lpips.parameters(), stream, options)))
                  : Optional.empty(),
              c.eq(),
              loss);
      EqObjective ours =
          new EqObjective(
              vae, c.adversarial ? disc : null, c.perceptual > 0 ? lpips : null, c.eq(), loss);
      List<Draw> draws = new ArrayList<>();
      for (int i = 0; i < BATCH; i++) {
        draws.add(c.draw(i));
      }
      vae.parameters().newUpdate();
      StepLosses mine =
          ours.generatorStep(
              stream, arena, Tape.Mode.RECORD, x, draws, noise(stream, 100), c.adversarial);
      Tensor tx = nchw(images(), image);
      compareLosses(theirs.generatorStep(groups(c, tx, 100), c.adversarial, true), mine);
      compareGradients(vae.parameters(), stream, vaeParameters);
      if (kind != Kind.KL) {
        assertTrue(mine.get("perplexity") > 5, "with few codes in use little would be proved");
      }
      if (c.adversarial) {
        disc.parameters().newUpdate();
        mine = ours.discriminatorStep(stream, arena, x, draws, noise(stream, 200));
        compareLosses(theirs.discriminatorStep(groups(c, tx, 200)), mine);
        compareGradients(disc.parameters(), stream, discParameters);
        for (Parameter p : disc.parameters().buffers()) {
          double[] expected = values(discParameters.value(p.name()));
          double[] actual = p.value().toDoubles(stream);
          for (int i = 0; i < actual.length; i++) {
            assertEquals(expected[i], actual[i], TOLERANCE * maximum(expected), p.name());
          }
        }
      }
    }
  }
}
