package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.CodebookUsage;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.nn.Losses;
import io.github.eqvae.op.GanLoss;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The EQ-VAE objective: L = L_rec + λ_gan·L_gan + λ_reg·L_reg, where with probability ½ the latent
 * is transformed by τ before it is quantised and decoded, and the target is the image transformed
 * by τ. L_reg depends on the kind of autoencoder: the KL divergence of the posterior, which τ does
 * not change, or the codebook loss of the quantised vectors, which are those after τ. This class
 * computes losses and gradients; the caller provides draws and noise, and makes the updates.
 * Sources: EQ-VAE (arXiv 2502.09509) Eqs. 1–7; zelaki/eqvae {@code
 * train_eqvae/ldm/models/autoencoder.py} and {@code ldm/modules/losses/contperceptual.py};
 * CompVis/taming-transformers {@code taming/modules/losses/vqperceptual.py}.
 */
public final class EqObjective {
  /** Provides the posterior noise of one forward pass. */
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

    /**
     * Further random numbers, for options that need them.
     *
     * @param what which
     * @param index number among several of a kind
     * @param tape whose arena they go into
     * @param shape their shape
     * @param group as above
     * @return the numbers
     */
    default Tensor draw(Extra what, int index, Tape tape, Shape shape, int group) {
      throw new EqvaeException.Argument("This noise has no numbers for " + what);
    }
  }

  /** Random numbers other than the posterior's. */
  public enum Extra {
    /** Standard normal noise for the decoder's input. */
    LATENT_NOISE,
    /** Uniform in (0, 1): the strength of that noise for each sample. */
    LATENT_NOISE_SHARE,
    /** Factors of dropout for LPIPS' levels: 0 or 2. */
    LPIPS_DROPOUT
  }

  /**
   * The input of a step.
   *
   * @param images in [-1, 1], {@code [N, H, W, C]}
   * @param encoded the result of {@link Autoencoder#encode} for them, if it is known because the
   *     encoder is frozen; else null
   */
  public record Input(Tensor images, @Nullable Tensor encoded) {}

  private final Autoencoder vae;
  private final @Nullable Discriminator discriminator;
  private final EqOptions eq;
  private final LossOptions loss;
  private final ReconstructionLoss reconstruction;
  private final ForwardPasses forward;
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
    this(vae, discriminator, new Measures(lpips, null, null), eq, loss);
  }

  /**
   * An objective over given networks and measures.
   *
   * @param vae the autoencoder
   * @param discriminator null for none
   * @param measures how images and latents are compared
   * @param eq how τ is drawn and used
   * @param loss the weights
   * @throws EqvaeException.Argument when a weight is above 0 but its measure is missing
   */
  public EqObjective(
      Autoencoder vae,
      @Nullable Discriminator discriminator,
      Measures measures,
      EqOptions eq,
      LossOptions loss) {
    measures.require(loss);
    this.vae = vae;
    this.discriminator = discriminator;
    this.eq = eq;
    this.loss = loss;
    reconstruction = new ReconstructionLoss(measures, loss);
    forward = new ForwardPasses(vae, eq, loss, measures);
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
  public Losses autoencoderStep(
      Stream stream,
      TensorArena arena,
      Tape.Mode mode,
      Tensor x,
      List<Draw> draws,
      Noise noise,
      boolean adversarial) {
    LossTerms.Report report = report(arena, x, draws);
    Input in = new Input(x, null);
    return autoencoderStep(stream, arena, mode, in, draws, noise, adversarial, report)
        .read(report.scalars().toDoubles(stream), report, stream);
  }

  /** A report for one step, which lives as long as the step's other memory. */
  private LossTerms.Report report(TensorArena arena, Tensor x, List<Draw> draws) {
    int f = vae.config().downsamplingFactor();
    boolean codes = vae.codebookUsage().isPresent();
    Shape s = x.shape();
    return LossTerms.Report.in(
        arena,
        reports((int) draws.stream().distinct().count()),
        codes ? s.size(0) * (s.size(1) / f) * (s.size(2) / f) : 0);
  }

  /**
   * The same without waiting: the losses stay on the device. It can be captured into a graph if the
   * samples share a draw.
   *
   * @param stream orders the work
   * @param arena the step arena
   * @param mode {@code RECORD} or {@code RECOMPUTE}
   * @param in images, and their encoding if it is known
   * @param draws one per sample
   * @param noise the posterior's noise
   * @param adversarial whether the discriminator takes part
   * @param report receives the losses
   * @return what they mean
   */
  public LossTerms autoencoderStep(
      Stream stream,
      TensorArena arena,
      Tape.Mode mode,
      Input in,
      List<Draw> draws,
      Noise noise,
      boolean adversarial,
      LossTerms.Report report) {
    Tape tape = new Tape(stream, arena, mode);
    LossCollector scalars = new LossCollector();
    List<Pass> passes = forward.passes(tape, in, draws, noise);
    long batch = in.images().shape().dim(0);
    lastPasses = passes;
    Tape judging = new Tape(stream, arena, mode); // whose memory the decoder's gradients use again
    passes.forEach(p -> judging.watch(p.reconstruction()));
    List<Seed> nllSeeds = new ArrayList<>();
    List<Seed> regSeeds = new ArrayList<>();
    for (Pass p : passes) {
      reconstruction.add(judging, p, batch, noise, nllSeeds, scalars);
      Tensor reg = vae.regularization(tape, p.encoded(), p.bottleneck());
      double weight = p.share() * loss.regularizationWeight();
      scalars.add(vae.regularizationName(), reg, p.share());
      scalars.add("total", reg, weight);
      regSeeds.add(tape.seed(reg, weight));
      if (p.explicit() != null) {
        scalars.add("explicit", p.explicit(), 1);
        scalars.add("total", p.explicit(), eq.explicitWeight());
        regSeeds.add(tape.seed(p.explicit(), eq.explicitWeight()));
      }
      if (p.spectrum() != null) {
        reconstruction.addSpectrum(tape, p, batch, regSeeds, scalars);
      }
    }
    List<Tensor> images = passes.stream().map(Pass::reconstruction).toList();
    Map<Tensor, Tensor> ofNll = judging.lastGradients(nllSeeds, images);
    Discriminator d = discriminator;
    if (adversarial && d != null) {
      boolean trainable = d.parameters().isTrainable();
      d.parameters().setTrainable(false);
      new AdversarialLoss(vae, d, loss).seeds(tape, passes, ofNll, regSeeds, scalars);
      d.parameters().setTrainable(trainable);
    } else {
      images.forEach(image -> regSeeds.add(new Seed(image, ofNll.get(image))));
    }
    CodebookUsage usage = vae.codebookUsage().orElse(null);
    if (usage != null) {
      passes.forEach(p -> scalars.add(tally(usage.codes()), codes(p)));
    }
    LossTerms losses = scalars.collect(stream, report);
    tape.backward(regSeeds);
    return losses;
  }

  /** How a batch used a codebook. */
  private static LossTerms.Tally tally(int codes) {
    return used -> {
      CodebookUsage batch = new CodebookUsage(codes);
      batch.add(used);
      Map<String, Double> values = new LinkedHashMap<>();
      values.put("codes_used", (double) batch.used());
      values.put("perplexity", batch.perplexity());
      return values;
    };
  }

  private static @Nullable Tensor codes(Pass p) {
    Autoencoder.Quantization q = p.bottleneck().quantization();
    return q == null ? null : q.index();
  }

  /**
   * The largest number of scalars that a step reports.
   *
   * @param groups groups of samples that share a draw
   * @return the count, for {@link LossTerms.Report}
   */
  public static int reports(int groups) {
    return 16 * groups + 4;
  }

  /**
   * The discriminator's step: computes its loss and adds the gradients to its parameters. The
   * autoencoder gets none.
   *
   * @param stream orders the work
   * @param arena the step arena; with a shared forward pass the one {@link #autoencoderStep} used,
   *     not yet reset
   * @param x images in [-1, 1], {@code [N, H, W, C]}
   * @param draws one per sample; ignored with a shared forward pass
   * @param noise the posterior's noise; ignored with a shared forward pass
   * @return {@code disc}, {@code logits_real}, {@code logits_fake}
   */
  public Losses discriminatorStep(
      Stream stream, TensorArena arena, Tensor x, List<Draw> draws, Noise noise) {
    LossTerms.Report report = report(arena, x, draws);
    return discriminatorStep(stream, arena, new Input(x, null), draws, noise, report)
        .read(report.scalars().toDoubles(stream), report, stream);
  }

  /**
   * The same without waiting: the losses stay on the device.
   *
   * @param stream orders the work
   * @param arena the step arena, as above
   * @param in images, and their encoding if it is known
   * @param draws one per sample; ignored with a shared forward pass
   * @param noise the posterior's noise; ignored with a shared forward pass
   * @param report receives the losses
   * @return what they mean
   */
  public LossTerms discriminatorStep(
      Stream stream,
      TensorArena arena,
      Input in,
      List<Draw> draws,
      Noise noise,
      LossTerms.Report report) {
    Discriminator d = discriminator;
    if (d == null) {
      throw new EqvaeException.Argument("discriminatorStep: this objective has no discriminator");
    }
    List<Pass> passes = lastPasses;
    if (loss.discriminatorForward() == LossOptions.DiscriminatorForward.SEPARATE) {
      Tape inference = new Tape(stream, arena, Tape.Mode.INFERENCE);
      passes = forward.passes(inference, in, draws, noise);
      inference.releaseAll();
    }
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    LossCollector scalars = new LossCollector();
    List<Seed> seeds = new ArrayList<>();
    boolean hinge = loss.ganLoss() == LossOptions.GanKind.HINGE;
    GanLoss.Kind onReal = hinge ? GanLoss.Kind.HINGE_REAL : GanLoss.Kind.SOFTPLUS_REAL;
    GanLoss.Kind onFake = hinge ? GanLoss.Kind.HINGE_FAKE : GanLoss.Kind.SOFTPLUS_FAKE;
    for (Pass p : passes) {
      // two forward passes: batch norm must process real and fake images separately, as released
      judge(tape, d, p.target(), onReal, "logits_real", p.share(), scalars, seeds);
      judge(tape, d, p.reconstruction(), onFake, "logits_fake", p.share(), scalars, seeds);
    }
    LossTerms losses = scalars.collect(stream, report);
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
      LossCollector report,
      List<Seed> seeds) {
    Tensor logits = d.forward(tape, image.alias(), true);
    double mean = 1.0 / logits.shape().elements();
    Tensor value = tape.apply(new GanLoss(kind, mean), logits);
    double weight = 0.5 * loss.discFactor() * share;
    report.add("disc", value, weight);
    report.add(name, tape.apply(new Sum(mean), logits), share);
    seeds.add(tape.seed(value, weight));
  }
}
