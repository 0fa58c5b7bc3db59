package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Twins.TOLERANCE;
import static io.github.eqvae.bench.torch.Twins.images;
import static io.github.eqvae.bench.torch.Twins.maximum;
import static io.github.eqvae.bench.torch.Twins.nchw;
import static io.github.eqvae.bench.torch.Twins.values;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.Losses;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every published autoencoder at its full width, with random weights, against the same network in
 * libtorch's double precision.
 *
 * <p>{@code mvn verify} codes one small image. {@code -Deqvae.full.side=256} codes a larger one;
 * {@code -Deqvae.full.step=128} also makes one whole fine-tuning step, discriminator and LPIPS
 * included, on an image of that side ({@code -Deqvae.full.models=SD3_VAE} of that one only). The
 * figures are printed, one JSON line each.
 */
@Tag("full")
class FullArchitectureOracleTest {
  private static final int SIDE = Integer.getInteger("eqvae.full.side", 32);
  private static final int STEP_SIDE = Integer.getInteger("eqvae.full.step", 0);
  private static final String STEP_MODELS = System.getProperty("eqvae.full.models", ".*");
  private static final int DISCRIMINATOR_LAYERS = 3;
  private static final int MOST_IMAGES = 60;

  /** A disturbance of the weights that is larger than the effect of all kernels' rounding. */
  private static final double DISTURBANCE = 1e-6;

  private static final int DIRECTIONS = 4;

  /** The networks that were published; SDXL's has SD-VAE's architecture. */
  enum Model {
    SD_VAE(83_653_863, AutoencoderConfig.sdVae()),
    SDXL_VAE(83_653_863, AutoencoderConfig.sdVae()),
    SD_VAE_16(69_610_963, f16(16)),
    SD3_VAE(83_819_683, sd3()),
    VQGAN_1024(72_141_699, 1024),
    VQGAN_16384(76_073_859, 16_384);

    final long parameters;
    final AutoencoderConfig config;
    final int codes;

    Model(long parameters, AutoencoderConfig config) {
      this.parameters = parameters;
      this.config = config;
      this.codes = 0;
    }

    Model(long parameters, int codes) {
      this.parameters = parameters;
      this.config = VqConfig.f16(codes, 256).autoencoder();
      this.codes = codes;
    }

    private static AutoencoderConfig sd3() {
      return new AutoencoderConfig(
          3, 3, 128, List.of(1, 2, 4, 4), 2, List.of(), 256, 16, 16, 32, false, true);
    }

    private static AutoencoderConfig f16(int channels) {
      return new AutoencoderConfig(
          3,
          3,
          128,
          List.of(1, 1, 2, 2, 4),
          2,
          List.of(16),
          256,
          channels,
          channels,
          32,
          true,
          true);
    }

    boolean isDiscrete() {
      return codes > 0;
    }

    Autoencoder build(Stream stream, boolean training) {
      return isDiscrete()
          ? new VqModel(VqConfig.f16(codes, 256), stream, 3, training)
          : new AutoencoderKl(config, stream, 3, training);
    }

    TorchLatent latent(TorchParameters parameters) {
      return isDiscrete()
          ? new TorchLatent.Vq(parameters, 0.25, VqConfig.BetaPlacement.LEGACY)
          : new TorchLatent.Kl();
    }
  }

  private static double[] nhwc(org.bytedeco.pytorch.Tensor t) {
    return values(t.permute(0, 2, 3, 1).contiguous());
  }

  /** The largest difference in units of the largest value. */
  private static double relative(double[] expected, double[] actual) {
    assertEquals(expected.length, actual.length);
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      double d = Math.abs(expected[i] - actual[i]);
      most = d <= most ? most : d; // NaN is the worst
    }
    return most / maximum(expected);
  }

  private static void say(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }

  /**
   * Without SDXL's, which codes with the bits of SD-VAE's: same architecture, same weights here.
   */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SDXL_VAE")
  void codesAsLibtorchDoes(Model model) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard();
        Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step");
        Autoencoder vae = model.build(stream, false)) {
      assertEquals(model.parameters, vae.parameters().count());
      Shape image = Shape.of(1, SIDE, SIDE, 3);
      Tensor x = arena.tensor(image);
      x.set(stream, images(1, SIDE));
      if (vae instanceof VqModel vq) {
        Twins.spread(vq, stream, x);
      }
      TorchParameters parameters =
          new TorchParameters(vae.parameters(), stream, new TorchOptions(true, false));
      TorchAutoencoder theirs = new TorchAutoencoder(model.config, parameters);
      TorchLatent latent = model.latent(parameters);

      org.bytedeco.pytorch.Tensor encoded = theirs.encode(nchw(images(1, SIDE), image));
      TorchLatent.Bottleneck bottleneck = latent.bottleneck(latent.mode(encoded));
      double regularization = latent.regularization(encoded, bottleneck).item().toDouble();
      double[] decoded = nhwc(theirs.decode(bottleneck.value()));

      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor code = vae.encode(tape, x);
      Autoencoder.Bottleneck middle = vae.bottleneck(tape, vae.mode(tape, code));
      double mine = vae.regularization(tape, code, middle).toDoubles(stream)[0];
      double inCode = relative(nhwc(encoded), code.toDoubles(stream));
      double inLoss = Math.abs(mine - regularization) / Math.abs(regularization);
      double inImage = relative(decoded, vae.decode(tape, middle.value()).toDoubles(stream));
      say(
          "{\"model\": \"%s\", \"side\": %d, \"encoder\": %.2e, \"%s\": %.2e, \"decoder\": %.2e}",
          model, SIDE, inCode, latent.name(), inLoss, inImage);
      assertTrue(inCode <= TOLERANCE, "encoder: " + inCode);
      assertTrue(inLoss <= TOLERANCE, latent.name() + ": " + inLoss);
      assertTrue(inImage <= TOLERANCE, "decoder: " + inImage);
      if (latent instanceof TorchLatent.Vq vq) {
        assertArrayEquals(
            Arrays.stream(values(vq.indices(encoded))).mapToInt(d -> (int) d).toArray(),
            java.util.Objects.requireNonNull(middle.quantization()).index().toInts(stream));
      }
    }
  }

  private static LossOptions loss(Model model) {
    LossOptions d = LossOptions.RELEASED;
    return new LossOptions(
        d.pixelLoss(),
        1,
        0,
        model.isDiscrete() ? 1 : 1e-6,
        model.isDiscrete() ? LossOptions.Normalization.PER_ELEMENT : d.normalization(),
        model.isDiscrete() ? 0.8 : d.discWeight(),
        d.discFactor(),
        0,
        true,
        d.adaptiveMaximum(),
        d.ganLoss(),
        d.discriminatorForward());
  }

  /** Losses and gradients of the step and of the discriminator's. */
  private record Theirs(
      Map<String, Double> losses,
      Map<String, Double> discLosses,
      Map<String, double[]> gradients,
      Map<String, double[]> discGradients) {
    /** Twice the distance of the mean of two disturbed gradients from the undisturbed gradient. */
    double bend(Theirs there, Theirs back) {
      return Math.max(
          bend(gradients, there.gradients, back.gradients),
          bend(discGradients, there.discGradients, back.discGradients));
    }

    private static double bend(
        Map<String, double[]> here, Map<String, double[]> there, Map<String, double[]> back) {
      return Twins.worst(
          Twins.differences(
              here,
              name -> {
                double[] sum = there.get(name).clone();
                double[] h = here.get(name);
                double[] b = back.get(name);
                for (int i = 0; i < sum.length; i++) {
                  sum[i] += b[i] - h[i];
                }
                return sum;
              }));
    }
  }

  /** The networks that take part in a step. */
  private record Networks(Model model, Autoencoder vae, Discriminator disc, Lpips lpips) {
    /**
     * In double precision, with weights that are disturbed by this relative amount in a direction.
     */
    Theirs step(Stream stream, float[] image, List<Draw> draws, double off, long direction) {
      TorchOptions options = new TorchOptions(true, false);
      try (PointerScope scope = new PointerScope()) {
        TorchParameters ofVae = new TorchParameters(vae.parameters(), stream, options);
        TorchParameters ofDisc = new TorchParameters(disc.parameters(), stream, options);
        TorchParameters ofLpips = new TorchParameters(lpips.parameters(), stream, options);
        torch.manual_seed(direction);
        for (TorchParameters p : List.of(ofVae, ofDisc, ofLpips)) {
          p.disturb(off);
        }
        TorchObjective objective =
            new TorchObjective(
                new TorchAutoencoder(model.config, ofVae),
                model.latent(ofVae),
                Optional.of(new TorchDiscriminator(DISCRIMINATOR_LAYERS, ofDisc)),
                Optional.of(new TorchLpips(ofLpips)),
                EqOptions.RELEASED,
                loss(model));
        var x = nchw(image, Shape.of(1, STEP_SIDE, STEP_SIDE, 3));
        Map<String, Double> losses =
            objective.autoencoderStep(Twins.groups(draws, x, model.config, 100), true, true);
        Map<String, Double> discLosses =
            objective.discriminatorStep(Twins.groups(draws, x, model.config, 200));
        return new Theirs(losses, discLosses, Twins.gradients(ofVae), Twins.gradients(ofDisc));
      }
    }
  }

  /**
   * At a point where the gradient is smooth. ReLUs and absolute values have kinks. Of a million
   * activations some may be so near to a kink that rounding decides on which side they are. Then
   * even libtorch's own gradients in single and in double precision differ by up to 1 %. So images
   * are tried until libtorch's gradients in double precision have no such kink within {@link
   * #DISTURBANCE} of the weights: the gradients at both ends of several lines through them have the
   * gradient between them as their mean, to a quarter of the tolerance. Our implementation does not
   * influence the choice.
   */
  @ParameterizedTest
  @EnumSource
  @EnabledIfSystemProperty(named = "eqvae.full.step", matches = "[1-9].*")
  void aFineTuningStepHasLibtorchsGradients(Model model) {
    assumeTrue(model.name().matches(STEP_MODELS));
    SpatialTransform tau =
        new SpatialTransform(0.75, 0.75, 1, false, false, Interpolation.BILINEAR);
    List<Draw> draws = List.of(new Draw(Draw.Branch.EQUIVARIANT, tau));
    for (long seed = 5; seed < 5 + MOST_IMAGES; seed++) {
      try (Device device = Device.open("cpu");
          Stream stream = new Stream(device);
          TensorArena arena = new TensorArena(device, "step", true);
          Autoencoder vae = model.build(stream, true);
          Discriminator disc = new Discriminator(3, 64, DISCRIMINATOR_LAYERS, stream, 4);
          Lpips lpips = new Lpips(64, stream, 5)) {
        Twins.decide(disc, DISCRIMINATOR_LAYERS, stream);
        float[] image = images(1, STEP_SIDE, seed);
        Tensor x = arena.tensor(Shape.of(1, STEP_SIDE, STEP_SIDE, 3));
        x.set(stream, image);
        if (vae instanceof VqModel vq) {
          Twins.spread(vq, stream, x);
        }
        Twins.brighten(lpips, stream);
        lpips.parameters().setTrainable(false);
        Networks networks = new Networks(model, vae, disc, lpips);
        Theirs exact = networks.step(stream, image, draws, 0, 0);
        double bend = 0;
        for (int i = 1; i <= DIRECTIONS && bend <= TOLERANCE / 2; i++) {
          Theirs there = networks.step(stream, image, draws, DISTURBANCE, i);
          double b = exact.bend(there, networks.step(stream, image, draws, -DISTURBANCE, i));
          bend = b <= bend ? bend : b;
        }
        if (!(bend <= TOLERANCE / 2)) {
          say("{\"model\": \"%s\", \"image\": %d, \"kink\": %.2e}", model, seed, bend);
          continue;
        }
        EqObjective ours = new EqObjective(vae, disc, lpips, EqOptions.RELEASED, loss(model));
        vae.parameters().newUpdate();
        Losses mine =
            ours.autoencoderStep(
                stream, arena, Tape.Mode.RECORD, x, draws, Twins.noise(stream, 100), true);
        Twins.compareLosses(exact.losses(), mine);
        double worst = Twins.compareGradients(vae.parameters(), stream, exact.gradients());
        disc.parameters().newUpdate();
        mine = ours.discriminatorStep(stream, arena, x, draws, Twins.noise(stream, 200));
        Twins.compareLosses(exact.discLosses(), mine);
        double ofDisc = Twins.compareGradients(disc.parameters(), stream, exact.discGradients());
        say(
            "{\"model\": \"%s\", \"side\": %d, \"image\": %d, \"gradients\": %.2e,"
                + " \"disc_gradients\": %.2e, \"bend\": %.2e}",
            model, STEP_SIDE, seed, worst, ofDisc, bend);
        return;
      }
    }
    throw new AssertionError("all images lie at a kink");
  }
}
