package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.SampleSource;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.serve.Vae;
import java.nio.file.Path;

/** Checks that an {@link EncodeJob} makes before it begins. */
final class EncodeChecks {
  private EncodeChecks() {}

  /** Checks that the options suit the model and each other. */
  static void options(Path modelPath, Vae vae, EncodeOptions options, boolean features) {
    int channels = vae.imageChannels();
    if (channels != 1 && channels != 3) {
      throw new EqvaeException.Argument(
          modelPath
              + " encodes images of "
              + channels
              + " channels; pictures have 3, or 1 if gray");
    }
    int f = vae.downsamplingFactor();
    if (options.size() % f != 0) {
      throw new EqvaeException.Argument(
          "--size %d: must be a multiple of %d, the model's downsampling factor"
              .formatted(options.size(), f));
    }
    if ((options.content() == Content.CODES) != (vae.codebookSize() > 0)
        && options.content() != Content.MODE) {
      throw new EqvaeException.Argument(
          vae.codebookSize() > 0
              ? "This model has a codebook and no posterior: use --posterior codes, or mode for the"
                  + " vectors before quantisation"
              : "This model has no codebook: use --posterior mode, sample or moments");
    }
    if (options.scaled() && vae.scaling().isEmpty()) {
      throw new EqvaeException.Argument(
          modelPath
              + " does not say how its latents are scaled: add --scaling-factor, or leave out"
              + " --scaled");
    }
    if (features && options.format() == ShardFormat.TAR) {
      throw new EqvaeException.Argument(
          "a tar cannot store features: use --format safetensors or npz with --features");
    }
  }

  /**
   * A few pictures without a class are left out and reported. If most pictures have none, the
   * folders are probably not classes.
   */
  static void labels(Path input, SampleSource source, EncodeOptions options) {
    long without = source.unlabelled();
    if (options.labels() && source.isLabelled() && 2 * without > source.size()) {
      throw new EqvaeException.Argument(
          "%s: %,d of %,d pictures have no class and would be left out. To encode all of them without labels, add --no-labels. To keep labels, give a folder whose folders are the classes, or archives with a .cls for each picture"
                  .formatted(input, without, source.size())
              + source.labelProblem().map(why -> ". The first: " + why).orElse(""));
    }
  }
}
