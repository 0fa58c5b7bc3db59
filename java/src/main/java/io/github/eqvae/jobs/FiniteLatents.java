package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Sample;
import io.github.eqvae.io.FileNames;
import java.util.List;

/** One NaN in a shard would make all statistics NaN, and the generator that learns from it. */
final class FiniteLatents {
  private FiniteLatents() {}

  /** Fails on a latent that the encoder made of numbers that are not finite. */
  static void require(List<Sample> samples, float[] values) {
    require(
        samples,
        values,
        "its latent is not finite (NaN or infinite), although the weights are: the activations of"
            + " the encoder overflow. Nothing of its shard was written; take the picture out, or"
            + " encode in fp32");
  }

  /** Fails on a finite latent that is not finite when it is scaled. */
  static void requireScaled(List<Sample> samples, float[] values) {
    require(
        samples,
        values,
        "its latent is finite, and is not when it is scaled: look at the model's scaling_factor,"
            + " shift_factor, latents_mean and latents_std, or leave --scaled out");
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
