package io.github.eqvae.bench;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import java.nio.file.Path;
import java.util.List;

/**
 * A training step: network, batch, branch.
 *
 * @param config the autoencoder
 * @param batch images per step
 * @param draw branch and τ
 */
record StepSetting(AutoencoderConfig config, int batch, Draw draw) {
  /** L1 and KL, as the demo: no discriminator, no perceptual loss. */
  static final LossOptions LOSS =
      new LossOptions(
          LossOptions.PixelLossKind.L1,
          0,
          0,
          1e-6,
          LossOptions.Normalization.RELEASED,
          0.5,
          1,
          0,
          true,
          1e4,
          LossOptions.GanKind.HINGE,
          LossOptions.DiscriminatorForward.SEPARATE);

  static final EqOptions EQ = EqOptions.RELEASED;
  static final double LEARNING_RATE = 1e-4;
  static final double EMA_DECAY = 0.999;

  static StepSetting of(String model, String branch) {
    Draw draw =
        switch (branch) {
          case "plain" -> Draw.PLAIN;
          case "eq-0.75" -> equivariant(0.75);
          case "eq-0.25" -> equivariant(0.25);
          default -> throw new IllegalArgumentException(branch);
        };
    return switch (model) {
      case "demo" -> {
        Path root = Path.of(System.getProperty("eqvae.root", "."));
        AutoencoderRecipe recipe =
            AutoencoderRecipe.read(root.resolve("recipes/demo.yaml"), List.of());
        yield new StepSetting(recipe.model().autoencoder(), recipe.run().batchSize(), draw);
      }
      case "sd-vae-32" ->
          new StepSetting(
              new AutoencoderConfig(
                  3, 3, 32, List.of(1, 2, 4, 4), 2, List.of(), 64, 4, 4, 32, true, true),
              8,
              draw);
      case "tiny" ->
          new StepSetting(
              new AutoencoderConfig(1, 1, 8, List.of(1, 2), 1, List.of(), 16, 2, 2, 4, true, true),
              2,
              draw);
      default -> throw new IllegalArgumentException(model);
    };
  }

  private static Draw equivariant(double scale) {
    return new Draw(
        Draw.Branch.EQUIVARIANT,
        new SpatialTransform(scale, scale, 1, false, false, Interpolation.BILINEAR));
  }

  int latentSide() {
    return config.resolution() / config.downsamplingFactor();
  }
}
