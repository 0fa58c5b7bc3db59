package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.GatedAdd;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Scale;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Noise on the decoder's input during training, so that it learns to decode the inexact latents of
 * a generator. Sources: RAE (arXiv 2510.11690), {@code noise_tau}; DeTok (arXiv 2507.15856), {@code
 * gamma}.
 *
 * @param kind how it is drawn
 * @param strength σ, or the largest σ, or γ; in units of the unscaled latent
 */
public record LatentNoise(Kind kind, double strength) {
  /** How standard normal noise ε is combined with the latent z. */
  public enum Kind {
    /** Not at all. */
    NONE,
    /** z + σ·ε. */
    FIXED,
    /** z + u·σ·ε with u uniform in (0, 1), one per sample, as RAE draws it. */
    DRAWN,
    /** (1 − u)·z + u·γ·ε with u uniform in (0, 1), one per sample, as DeTok mixes. */
    MIX
  }

  /** No noise. */
  public static final LatentNoise NONE = new LatentNoise(Kind.NONE, 0);

  /** Checks the strength. */
  public LatentNoise {
    if (!(strength >= 0)) {
      throw new EqvaeException.Argument(
          "Noise on the latent: a strength of " + strength + " must not be negative");
    }
  }

  /** z with its noise. */
  Tensor on(Tape tape, Tensor z, EqObjective.Noise noise, int group) {
    if (kind == Kind.NONE) {
      return z;
    }
    Shape shape = z.shape();
    Tensor eps = noise.draw(EqObjective.Extra.LATENT_NOISE, 0, tape, shape, group);
    if (kind == Kind.FIXED) {
      return tape.apply(WeightedSum.of(1, strength), z, eps);
    }
    Shape perSample = Shape.of(shape.dim(0), 1);
    Tensor drawn = noise.draw(EqObjective.Extra.LATENT_NOISE_SHARE, 0, tape, perSample, group);
    Tensor ones = tape.arena().tensor(Shape.of(shape.dim(-1), 1));
    ones.fill(tape.stream(), 1);
    Tensor u = tape.apply(new Linear(), drawn, ones); // [N, embed_dim], of each sample
    Tensor amount = tape.apply(new Scale(strength), u);
    Tensor kept = kind == Kind.MIX ? tape.apply(new GatedAdd(), z, minus(tape, u), z) : z;
    return tape.apply(new GatedAdd(), kept, amount, eps);
  }

  private static Tensor minus(Tape tape, Tensor x) {
    return tape.apply(new Scale(-1), x);
  }
}
