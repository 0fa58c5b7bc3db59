package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Twins.TOLERANCE;
import static io.github.eqvae.bench.torch.Twins.compareGradients;
import static io.github.eqvae.bench.torch.Twins.compareLosses;
import static io.github.eqvae.bench.torch.Twins.decide;
import static io.github.eqvae.bench.torch.Twins.groups;
import static io.github.eqvae.bench.torch.Twins.images;
import static io.github.eqvae.bench.torch.Twins.maximum;
import static io.github.eqvae.bench.torch.Twins.nchw;
import static io.github.eqvae.bench.torch.Twins.noise;
import static io.github.eqvae.bench.torch.Twins.spread;
import static io.github.eqvae.bench.torch.Twins.values;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.LossTermOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.Losses;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The whole objective, every loss and the gradient of every parameter, against the same composition
 * in libtorch's double precision.
 */
@Tag("full")
class ObjectiveOracleTest {
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

  private static AutoencoderConfig with(PaddingMode padding) {
    return new AutoencoderConfig(
        3, 3, 8, List.of(1, 2, 2), 1, List.of(16), SIDE, 3, 4, 4, true, true, padding);
  }

  /** Which model. */
  private enum Kind {
    KL,
    VQ,
    VQ_FIXED;

    VqConfig config(AutoencoderConfig network) {
      VqConfig.BetaPlacement placement =
          this == VQ ? VqConfig.BetaPlacement.LEGACY : VqConfig.BetaPlacement.FIXED;
      return new VqConfig(network, CODES, 0.25, placement);
    }

    Autoencoder build(AutoencoderConfig network, Stream stream) {
      return this == KL
          ? new AutoencoderKl(network, stream, 3, true)
          : new VqModel(config(network), stream, 3, true);
    }

    TorchLatent latent(TorchParameters parameters) {
      return this == KL
          ? new TorchLatent.Kl()
          : new TorchLatent.Vq(parameters, config(CONFIG).beta(), config(CONFIG).betaPlacement());
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
    EXPLICIT_STOP_GRADIENT(List.of(EQ), true, 0),
    VANILLA(List.of(EQ), true, 0),
    MORE_PIXEL_LOSSES(List.of(EQ), true, 0),
    FIXED_NOISE(List.of(EQ), true, 0),
    DRAWN_NOISE(List.of(EQ), true, 0),
    MIXED_NOISE(List.of(EQ), true, 0),
    SHIFTED(List.of(new Draw(Draw.Branch.EQUIVARIANT, ISOTROPIC.shifted(-2, 1))), true, 0),
    BLENDED(List.of(new Draw(Draw.Branch.EQUIVARIANT, ISOTROPIC, 0.375)), true, 0),
    REFLECTED(List.of(EQ), true, 0),
    REPLICATED(List.of(EQ), true, 0);

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
          this == L2_AND_SOFTPLUS
              ? LossOptions.GanKind.NON_SATURATING
              : this == VANILLA ? LossOptions.GanKind.VANILLA : d.ganLoss(),
          d.discriminatorForward(),
          new LossTermOptions(
              this == MORE_PIXEL_LOSSES ? 0.6 : 0,
              new LatentNoise(noise(), noise() == LatentNoise.Kind.NONE ? 0 : 0.75)));
    }

    private LatentNoise.Kind noise() {
      return switch (this) {
        case FIXED_NOISE -> LatentNoise.Kind.FIXED;
        case DRAWN_NOISE -> LatentNoise.Kind.DRAWN;
        case MIXED_NOISE -> LatentNoise.Kind.MIX;
        default -> LatentNoise.Kind.NONE;
      };
    }

    AutoencoderConfig config() {
      return switch (this) {
        case REFLECTED -> with(PaddingMode.REFLECT);
        case REPLICATED -> with(PaddingMode.REPLICATE);
        default -> CONFIG;
      };
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
        TensorArena arena = new TensorArena(device, "step", true);
        Autoencoder vae = kind.build(c.config(), stream);
        Discriminator disc = new Discriminator(3, 8, 2, stream, 4);
        Lpips lpips = new Lpips(8, stream, 5)) {
      decide(disc, 2, stream);
      Twins.brighten(lpips, stream);
      Shape image = Shape.of(BATCH, SIDE, SIDE, 3);
      io.github.eqvae.tensor.Tensor x = arena.tensor(image);
      x.set(stream, images(BATCH, SIDE));
      if (vae instanceof VqModel vq) {
        spread(vq, stream, x);
      }
      TorchOptions options = new TorchOptions(true, false);
      TorchParameters vaeParameters = new TorchParameters(vae.parameters(), stream, options);
      TorchParameters discParameters = new TorchParameters(disc.parameters(), stream, options);
      lpips.parameters().setTrainable(false);
      TorchObjective theirs =
          new TorchObjective(
              new TorchAutoencoder(c.config(), vaeParameters),
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
      Losses mine =
          ours.autoencoderStep(
              stream, arena, Tape.Mode.RECORD, x, draws, noise(stream, 100), c.adversarial);
      Tensor tx = nchw(images(BATCH, SIDE), image);
      compareLosses(
          theirs.autoencoderStep(groups(draws, tx, CONFIG, 100), c.adversarial, true), mine);
      compareGradients(vae.parameters(), stream, vaeParameters);
      if (kind != Kind.KL) {
        assertTrue(mine.get("perplexity") > 5, "with few codes in use little would be proved");
      }
      if (c.adversarial) {
        disc.parameters().newUpdate();
        mine = ours.discriminatorStep(stream, arena, x, draws, noise(stream, 200));
        compareLosses(theirs.discriminatorStep(groups(draws, tx, CONFIG, 200)), mine);
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
