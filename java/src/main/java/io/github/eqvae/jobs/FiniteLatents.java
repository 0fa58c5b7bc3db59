package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Sample;
import io.github.eqvae.io.FileNames;
import java.util.List;

/**
 * Refuses latents that are not finite: one NaN in a shard would make all statistics NaN, and then
 * the generator that is trained on it.
 */
final class FiniteLatents {
  private FiniteLatents() {}

  /** Refuses an encoder's output that is not finite. */
  static void require(List<Sample> samples, float[] values) {
    require(
        samples,
        values,
        "its latent is not finite (NaN or infinite), although the weights are finite: the encoder's"
            + " activations overflow. Its shard was not written; remove the picture, or encode in"
            + " fp32");
  }

  /** Refuses a latent that is finite, but not after scaling. */
  static void requireScaled(List<Sample> samples, float[] values) {
    require(
        samples,
        values,
        "its latent is finite, but not after scaling: check the model's scaling_factor,"
            + " shift_factor, latents_mean and latents_std, or leave out --scaled");
  }

  private static void require(List<Sample> samples, float[] values, String cause) {
    int each = values.length / samples.size();
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new EqvaeException.Argument(
            FileNames.shown(samples.get(i / each).name()) + ": " + cause);
      }
    }
  }
}
