package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The network whose features are stored beside the latents, to align a generator with them. */
final class FeatureOptions {
  @Option(
      names = "--features",
      paramLabel = "NETWORK",
      description =
          "Stores features of the pictures beside the latents, for REPA. NETWORK is a DINOv2 file"
              + " of torch.hub, timm or transformers, another vision transformer with timm's names,"
              + " or the run of an eqvae classifier.")
  private Optional<Path> network = Optional.empty();

  @Option(
      names = "--features-grid",
      paramLabel = "N",
      description =
          "Rows and columns of the features' grid, which must be the grid of the generator's"
              + " tokens. Default: for a vision transformer 16 per 256 pixels, for a classifier its"
              + " own: an eighth of its side, for its kind vit the grid of its patches.")
  private int grid;

  @Option(
      names = "--features-pixels",
      paramLabel = "RULE",
      description =
          "How pictures are prepared for a vision transformer, as in REPA: dinov2 (default), jepa,"
              + " clip, mae (not resized). CLIP's and I-JEPA's own networks are not read.")
  private FeaturePixels pixels = FeaturePixels.DINOV2;

  @Option(
      names = "--features-positions",
      paramLabel = "RULE",
      description =
          "Whose way of resizing a vision transformer's position table: timm (default, as REPA"
              + " does), hub, transformers.")
  private PositionResize positions = PositionResize.TIMM;

  @Option(
      names = "--features-heads",
      paramLabel = "N",
      description = "Heads of a vision transformer. Default: one per 64 channels, as in DINOv2.")
  private Optional<Integer> heads = Optional.empty();

  /** Opens the network; the caller closes it. */
  Optional<PatchFeatures> open(Stream stream, int picture) throws IOException {
    if (network.isEmpty()) {
      if (grid != 0
          || heads.isPresent()
          || pixels != FeaturePixels.DINOV2
          || positions != PositionResize.TIMM) {
        throw new EqvaeException.Argument(
            "--features-grid, --features-heads, --features-pixels and --features-positions do"
                + " nothing without --features NETWORK");
      }
      return Optional.empty();
    }
    FeatureNetworks.Options options =
        new FeatureNetworks.Options(
            grid, pixels, positions, heads.map(OptionalInt::of).orElseGet(OptionalInt::empty));
    return Optional.of(FeatureNetworks.open(network.get(), stream, picture, options));
  }
}
