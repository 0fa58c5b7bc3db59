package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.GanLoss;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The EQ-VAE objective: L = L_rec + λ_gan·L_gan + λ_reg·L_reg, where with probability ½ the latent
 * is transformed by τ before it is quantised and decoded, and the τ-transformed image is asked for.
 * L_reg is the autoencoder's own: the KL divergence of the posterior, which τ does not change, or
 * the codebook loss of the vectors that are quantised, which are those after τ. Computes losses and
 * gradients; draws, noise and updates are the caller's. Sources: EQ-VAE (arXiv 2502.09509) Eqs.
 * 1–7; zelaki/eqvae {@code train_eqvae/ldm/models/autoencoder.py} and {@code
 * ldm/modules/losses/contperceptual.py}; CompVis/taming-transformers {@code
 * taming/modules/losses/vqperceptual.py}.
 */
public final class EqObjective {
  private static final double ADAPTIVE_EPS = 1e-4;

  /** Gives the posterior noise of one forward pass. */
  @FunctionalInterface
  public interface Noise {
    /**
     * Standard normal noise.
     *
     * @param tape whose arena it goes into
     * @param shape the latent's shape
     * @param group 0 for the first τ of the batch, 1 for the next …
     * @return the noise
     */
    Tensor draw(Tape tape, Shape shape, int group);
  }

  /** Samples that share a draw, after the forward pass. */
  private record Pass(
      double share,
      Tensor encoded,
      Autoencoder.Bottleneck bottleneck,
      Tensor target,
      Tensor reconstruction,
      @Nullable Tensor explicit) {}

  private final Autoencoder vae;
  private final @Nullable Discriminator discriminator;
  private final @Nullable Lpips lpips;
  private final EqOptions eq;
  private final LossOptions loss;
  private List<Pass> lastPasses = List.of();

  /**
   * An objective over given networks.
   *
   * @param vae the autoencoder
   * @param discriminator null for none
   * @param lpips null when the perceptual weight is 0
   * @param eq how τ is drawn and used
   * @param loss the weights
   * @throws EqvaeException.Argument when the perceptual weight is above 0 without a network
   */
  public EqObjective(
      Autoencoder vae,
      @Nullable Discriminator discriminator,
      @Nullable Lpips lpips,
      EqOptions eq,
      LossOptions loss) {
    if (loss.perceptualWeight() > 0 && lpips == null) {
      throw new EqvaeException.Argument(
          "perceptual_weight is "
              + loss.perceptualWeight()
              + " but there is no LPIPS network: name"
              + " its weights in objective.lpips_weights or set perceptual_weight to 0");
    }
    this.vae = vae;
    this.discriminator = discriminator;
    this.lpips = lpips;
    this.eq = eq;
    this.loss = loss;
  }

  /**
   * Whether the discriminator takes part at a step.
   *
   * @param step the step, from 0
   * @return true once {@code disc_start} is reached
   */
  public boolean isAdversarial(long step) {
    return discriminator != null && step >= loss.discStart() && loss.discFactor() > 0;
  }

  /**
   * The autoencoder's step: computes the losses and adds the gradients to the autoencoder's
   * parameters.
   *
   * @param stream orders the work
   * @param arena the step arena
   * @param mode {@code RECORD} or {@code RECOMPUTE}
   * @param x images in [-1, 1], {@code [N, H, W, C]}
   * @param draws one per sample
   * @param noise the posterior's noise
   * @param adversarial whether the discriminator takes part
   * @return the losses
   */
  public StepLosses generatorStep(
      Stream stream,
      Arena arena,
      Tape.Mode mode,
      Tensor x,
      List<Draw> draws,
      Noise noise,
      boolean adversarial) {
    Tape tape = new Tape(stream, arena, mode);
    Scalars report = new Scalars();
    List<Pass> passes = forward(tape, x, draws, noise);
    lastPasses = passes;
    List<Seed> nllSeeds = new ArrayList<>();
    List<Seed> regSeeds = new ArrayList<>();
    for (Pass p : passes) {
      reconstructionLoss(tape, p, x.shape().dim(0), nllSeeds, report);
      Tensor reg = vae.regularization(tape, p.encoded(), p.bottleneck());
      double weight = p.share() * loss.regularizationWeight();
      report.add(vae.regularizationName(), reg, p.share());
      report.add("total", reg, weight);
      regSeeds.add(tape.seed(reg, weight));
      if (p.explicit() != null) {
        report.add("explicit", p.explicit(), 1);
        report.add("total", p.explicit(), eq.explicitWeight());
        regSeeds.add(tape.seed(p.explicit(), eq.explicitWeight()));
      }
    }
    Discriminator d = discriminator;
    if (adversarial && d != null) {
      boolean trainable = d.parameters().isTrainable();
      d.parameters().setTrainable(false);
      adversarialSeeds(tape, d, passes, nllSeeds, regSeeds, report);
      d.parameters().setTrainable(trainable);
    } else {
      regSeeds.addAll(nllSeeds);
    }
    reportCodes(tape, passes, report);
    StepLosses losses = report.read(tape);
    tape.backward(regSeeds);
    return losses;
  }

  /** How the batch uses the codebook, for models that have one. */
  private void reportCodes(Tape tape, List<Pass> passes, Scalars report) {
    CodebookUsage usage = vae.codebookUsage().orElse(null);
    if (usage != null) {
      passes.forEach(p -> usage.add(p.bottleneck(), tape.stream()));
      report.add("codes_used", usage.used());
      report.add("perplexity", usage.perplexity());
    }
  }

  /**
   * The discriminator's step: computes its loss and adds the gradients to its parameters. The
   * autoencoder gets none.
   *
   * @param stream orders the work
   * @param arena the step arena; with a shared forward pass the one {@link #generatorStep} used,
   *     not yet reset
   * @param x images in [-1, 1], {@code [N, H, W, C]}
   * @param draws one per sample; ignored with a shared forward pass
   * @param noise the posterior's noise; ignored with a shared forward pass
   * @return {@code disc}, {@code logits_real}, {@code logits_fake}
   */
  public StepLosses discriminatorStep(
      Stream stream, Arena arena, Tensor x, List<Draw> draws, Noise noise) {
    Discriminator d = discriminator;
    if (d == null) {
      throw new EqvaeException.Argument("discriminatorStep: this objective has no discriminator");
    }
    List<Pass> passes = lastPasses;
    if (loss.discriminatorForward() == LossOptions.DiscriminatorForward.SEPARATE) {
      Tape inference = new Tape(stream, arena, Tape.Mode.INFERENCE);
      passes = forward(inference, x, draws, noise);
    }
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Scalars report = new Scalars();
    List<Seed> seeds = new ArrayList<>();
    boolean hinge = loss.ganLoss() == LossOptions.GanKind.HINGE;
    GanLoss.Kind onReal = hinge ? GanLoss.Kind.HINGE_REAL : GanLoss.Kind.SOFTPLUS_REAL;
    GanLoss.Kind onFake = hinge ? GanLoss.Kind.HINGE_FAKE : GanLoss.Kind.SOFTPLUS_FAKE;
    for (Pass p : passes) {
      // Two forward passes: batch norm must see real and fake images apart, as released.
      judge(tape, d, p.target(), onReal, "logits_real", p.share(), report, seeds);
      judge(tape, d, p.reconstruction(), onFake, "logits_fake", p.share(), report, seeds);
    }
    StepLosses losses = report.read(tape);
    tape.backward(seeds);
    return losses;
  }

  private void judge(
      Tape tape,
      Discriminator d,
      Tensor image,
      GanLoss.Kind kind,
      String name,
      double share,
      Scalars report,
      List<Seed> seeds) {
    Tensor logits = d.forward(tape, image.alias(), true);
    double mean = 1.0 / logits.shape().elements();
    Tensor value = tape.apply(new GanLoss(kind, mean), logits);
    double weight = 0.5 * loss.discFactor() * share;
    report.add("disc", value, weight);
    report.add(name, tape.apply(new Sum(mean), logits), share);
    seeds.add(tape.seed(value, weight));
  }

  /** Encode, sample, transform, quantise, decode, for each group of samples that share a draw. */
  private List<Pass> forward(Tape tape, Tensor x, List<Draw> draws, Noise noise) {
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
      Tensor images = groups.size() == 1 ? x : rows(tape, x, e.getValue());
      passes.add(pass(tape, images, e.getKey(), noise, group++, (double) e.getValue().size() / n));
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

  private Pass pass(Tape tape, Tensor x, Draw draw, Noise noise, int group, double share) {
    int f = vae.config().downsamplingFactor();
    SpatialTransform tau = draw.transform();
    boolean equivariant = draw.branch() == Draw.Branch.EQUIVARIANT;
    boolean explicit = equivariant && eq.regularizer() == EqOptions.Regularizer.EXPLICIT;
    Tensor input = draw.branch() == Draw.Branch.LOW_RESOLUTION ? tau.onImage(tape, x, f) : x;
    Tensor encoded = vae.encode(tape, input); // [n, h, w, c]
    Tensor z = vae.latent(tape, encoded, shape -> noise.draw(tape, shape, group)); // [n, h, w, e]
    Tensor target = input;
    if (equivariant && !explicit) {
      z = tau.onLatent(tape, z); // [n, h', w', e]
      target = tau.onImage(tape, x, f); // [n, f·h', f·w', C]
    }
    Autoencoder.Bottleneck bottleneck = vae.bottleneck(tape, z); // [n, h', w', e]
    Tensor reconstruction = tape.keep(vae.decode(tape, bottleneck.value()));
    Tensor penalty = explicit ? explicitPenalty(tape, x, encoded, tau) : null;
    return new Pass(share, encoded, bottleneck, tape.keep(target), reconstruction, penalty);
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

  /** nll = |target − reconstruction| + LPIPS, over exp(logvar), plus logvar. */
  private void reconstructionLoss(Tape tape, Pass p, long batch, List<Seed> seeds, Scalars report) {
    Shape image = p.reconstruction().shape();
    long perImage = image.elements() / image.dim(0);
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    double precision = Math.exp(-loss.logvar());
    double unit = released ? 1.0 / batch : 1.0 / (batch * (double) perImage);
    PixelLoss.Kind kind =
        loss.pixelLoss() == LossOptions.PixelLossKind.L1 ? PixelLoss.Kind.L1 : PixelLoss.Kind.L2;
    Tensor rec = tape.apply(new PixelLoss(kind, unit * precision), p.reconstruction(), p.target());
    seeds.add(tape.seed(rec, 1));
    report.add("rec", rec, 1 / (precision * unit * batch * perImage));
    report.add("nll", rec, 1);
    report.add("total", rec, 1);
    double constant = loss.logvar() * (released ? perImage : 1) * image.dim(0) / batch;
    report.add("nll", constant);
    report.add("total", constant);
    if (loss.perceptualWeight() > 0 && lpips != null) {
      Tensor distance = lpips.forward(tape, p.target(), p.reconstruction()); // [n]
      double weight = loss.perceptualWeight() * precision * (released ? perImage : 1) / batch;
      Tensor perceptual = tape.apply(new Sum(weight), distance);
      seeds.add(tape.seed(perceptual, 1));
      report.add("perceptual", perceptual, loss.perceptualWeight() / (weight * batch));
      report.add("nll", perceptual, 1);
      report.add("total", perceptual, 1);
    }
  }

  /**
   * Balances both losses at the decoder's last weight, then replaces the reconstruction's seeds by
   * seeds at the reconstruction itself: the decoder is walked through once, not once per loss.
   */
  private void adversarialSeeds(
      Tape tape,
      Discriminator d,
      List<Pass> passes,
      List<Seed> nllSeeds,
      List<Seed> seeds,
      Scalars report) {
    Stream stream = tape.stream();
    boolean hinge = loss.ganLoss() == LossOptions.GanKind.HINGE;
    GanLoss.Kind kind = hinge ? GanLoss.Kind.NEGATED : GanLoss.Kind.SOFTPLUS_REAL;
    List<Seed> ganSeeds = new ArrayList<>();
    List<Tensor> reconstructions = new ArrayList<>();
    List<Tensor> ganLosses = new ArrayList<>();
    for (Pass p : passes) {
      Tensor logits = d.forward(tape, p.reconstruction(), true);
      Tensor g = tape.apply(new GanLoss(kind, 1.0 / logits.shape().elements()), logits);
      ganSeeds.add(tape.seed(g, p.share()));
      ganLosses.add(g);
      report.add("g_loss", g, p.share());
      reconstructions.add(p.reconstruction());
    }
    Map<Tensor, Tensor> ofNll = tape.gradients(nllSeeds, reconstructions);
    Map<Tensor, Tensor> ofGan = tape.gradients(ganSeeds, reconstructions);
    Tensor weight = tape.arena().tensor(Shape.SCALAR);
    double factor = loss.discWeight() * loss.discFactor();
    if (loss.adaptiveWeight()) {
      Tensor nllNorm = lastLayerNorm(tape, ofNll);
      Tensor ganNorm = lastLayerNorm(tape, ofGan);
      stream
          .launch(Fn.ADAPTIVE_WEIGHT, Struct.ADAPTIVE_WEIGHT_PARAMS)
          .f32(ADAPTIVE_EPS)
          .f32(loss.adaptiveMaximum())
          .f32(factor)
          .run(nllNorm, ganNorm, weight);
    } else {
      weight.fill(stream, factor);
    }
    report.add("d_weight", weight, 1);
    for (int i = 0; i < passes.size(); i++) {
      Tensor product = tape.arena().tensor(Shape.SCALAR);
      stream.launch(Fn.ADD_SCALED).run(null, ganLosses.get(i), weight, product);
      report.add("total", product, passes.get(i).share());
      Tensor r = reconstructions.get(i);
      Tensor combined = tape.arena().tensor(r.shape());
      stream.launch(Fn.ADD_SCALED).run(ofNll.get(r), ofGan.get(r), weight, combined);
      seeds.add(new Seed(r, combined));
    }
  }

  /**
   * Sum of squares of the gradient at decoder.conv_out.weight that these gradients at the images
   * cause.
   */
  private Tensor lastLayerNorm(Tape tape, Map<Tensor, Tensor> atImages) {
    List<Seed> seeds = new ArrayList<>();
    atImages.forEach((image, gradient) -> seeds.add(new Seed(image, gradient)));
    Tensor w = vae.lastLayer().value();
    Tensor gradient = tape.gradients(seeds, List.of(w)).get(w);
    Tensor out = tape.arena().tensor(Shape.SCALAR);
    tape.stream().launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(1).f64(1).run(gradient, out);
    return out;
  }
}
