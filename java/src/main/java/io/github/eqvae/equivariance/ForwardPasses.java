package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The forward passes of a batch with τ.
 *
 * @param vae the autoencoder
 * @param eq how τ is used
 * @param loss how losses are normalised, and the noise on the decoder's input
 * @param measures what latents are compared with
 */
record ForwardPasses(Autoencoder vae, EqOptions eq, LossOptions loss, Measures measures) {
  /** Encode, sample, transform, quantise, decode, for each group of samples that share a draw. */
  List<Pass> passes(Tape tape, EqObjective.Input in, List<Draw> draws, EqObjective.Noise noise) {
    Tensor x = in.images();
    Tensor known = in.encoded();
    int n = x.shape().size(0);
    if (draws.size() != n) {
      throw new EqvaeException.Argument(
          "The batch has " + n + " images but there are " + draws.size() + " draws");
    }
    Map<Draw, List<Integer>> groups = new LinkedHashMap<>();
    for (int i = 0; i < n; i++) {
      groups.computeIfAbsent(draws.get(i), d -> new ArrayList<>()).add(i);
    }
    List<Pass> passes = new ArrayList<>();
    int group = 0;
    for (Map.Entry<Draw, List<Integer>> e : groups.entrySet()) {
      List<Integer> own = e.getValue();
      EqObjective.Input part = in;
      if (groups.size() > 1) {
        Tensor encoded = known == null ? null : rows(tape, known, own);
        part = new EqObjective.Input(rows(tape, x, own), encoded);
      }
      passes.add(pass(tape, part, e.getKey(), noise, group++, (double) own.size() / n));
    }
    return passes;
  }

  private static Tensor rows(Tape tape, Tensor x, List<Integer> indices) {
    Tensor[] parts = new Tensor[indices.size()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = tape.apply(new Narrow(0, indices.get(i), 1), x);
    }
    return parts.length == 1 ? parts[0] : tape.apply(new Concat(0), parts);
  }

  private Pass pass(
      Tape tape,
      EqObjective.Input in,
      Draw draw,
      EqObjective.Noise noise,
      int group,
      double share) {
    Tensor x = in.images();
    int f = vae.config().downsamplingFactor();
    SpatialTransform tau = draw.transform();
    boolean equivariant = draw.branch() == Draw.Branch.EQUIVARIANT;
    boolean explicit = equivariant && eq.regularizer() == EqOptions.Regularizer.EXPLICIT;
    boolean small = draw.branch() == Draw.Branch.LOW_RESOLUTION;
    Tensor input = small ? tau.onImage(tape, x, f) : x;
    Tensor encoded = // [n, h, w, c]; for untransformed images it may be known
        in.encoded() == null || small ? vae.encode(tape, input) : in.encoded();
    Tensor z = // [n, h, w, e]
        loss.terms().posteriorMean()
            ? vae.mode(tape, encoded)
            : vae.latent(tape, encoded, shape -> noise.draw(tape, shape, group));
    Tensor spectrum =
        loss.terms().spectrumWeight() > 0 && tape.isRecording()
            ? Objects.requireNonNull(measures.spectrum()).forward(tape, input, z)
            : null;
    Tensor target = input;
    if (equivariant && !explicit) {
      z = tau.onLatent(tape, blended(tape, z, draw.blend())); // [n, h', w', e]
      target = tau.onImage(tape, blended(tape, x, draw.blend()), f); // [n, f·h', f·w', C]
    }
    Autoencoder.Bottleneck bottleneck = vae.bottleneck(tape, z); // [n, h', w', e]
    Tensor noisy = loss.terms().latentNoise().on(tape, bottleneck.value(), noise, group);
    Tensor decoded = tape.keep(vae.decode(tape, noisy));
    Tensor penalty = explicit ? explicitPenalty(tape, x, encoded, tau) : null;
    return new Pass(
        share, encoded, bottleneck, tape.keep(target), decoded, penalty, spectrum, group);
  }

  /**
   * Eq. 4: the squared distance of τ∘E(x) and E(τ∘x) per sample, without sampling or quantising.
   */
  private Tensor explicitPenalty(Tape tape, Tensor x, Tensor encoded, SpatialTransform tau) {
    Tensor a = tau.onLatent(tape, vae.mode(tape, encoded));
    Tensor transformed = tau.onImage(tape, x, vae.config().downsamplingFactor());
    Tensor b;
    if (eq.explicitStopGradient()) {
      Tape constant = new Tape(tape.stream(), tape.arena(), Tape.Mode.INFERENCE);
      b = vae.mode(constant, vae.encode(constant, transformed)).alias();
    } else {
      b = vae.mode(tape, vae.encode(tape, transformed));
    }
    double scale =
        loss.normalization() == LossOptions.Normalization.RELEASED
            ? 1.0 / x.shape().dim(0)
            : 1.0 / a.shape().elements();
    return tape.apply(new PixelLoss(PixelLoss.Kind.L2, scale), a, b);
  }

  /** Mixes every sample with a share of the next one, the last with the first. */
  private static Tensor blended(Tape tape, Tensor x, double share) {
    long n = x.shape().dim(0);
    if (share == 0 || n == 1) {
      return x;
    }
    Tensor first = tape.apply(new Narrow(0, 0, 1), x);
    Tensor rest = tape.apply(new Narrow(0, 1, n - 1), x);
    Tensor next = tape.apply(new Concat(0), rest, first);
    return tape.apply(WeightedSum.of(1 - share, share), x, next);
  }
}
