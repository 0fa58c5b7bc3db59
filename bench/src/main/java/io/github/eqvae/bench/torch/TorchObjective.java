package io.github.eqvae.bench.torch;

import static io.github.eqvae.bench.torch.Layers.scalar;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.LossTermOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The EQ-VAE objective in libtorch. Sources: arXiv 2502.09509, eqs. 1 to 7; zelaki/eqvae {@code
 * train_eqvae/ldm/models/autoencoder.py}, {@code train_eqvae/ldm/modules/losses/contperceptual.py}.
 */
public final class TorchObjective {
  private final TorchAutoencoder vae;
  private final TorchLatent latent;
  private final Optional<TorchDiscriminator> discriminator;
  private final Optional<TorchLpips> lpips;
  private final EqOptions eq;
  private final LossOptions loss;

  /**
   * Samples that share a draw.
   *
   * @param images {@code [n, C, H, W]}
   * @param draw branch and τ
   * @param noise {@code [n, embed_dim, h, w]} of the latent before τ
   */
  public record Group(Tensor images, Draw draw, Tensor noise, Extras extras) {
    /** Without further random numbers. */
    public Group(Tensor images, Draw draw, Tensor noise) {
      this(images, draw, noise, (what, index, shape) -> null);
    }
  }

  /** Random numbers beside the posterior's noise. */
  @FunctionalInterface
  public interface Extras {
    /**
     * Numbers.
     *
     * @param what which
     * @param index one of several of a kind
     * @param shape {@code [n, C, H, W]} or {@code [n, 1, 1, 1]}
     * @return the numbers, in double precision
     */
    Tensor draw(EqObjective.Extra what, int index, long... shape);
  }

  /** After the forward pass of a group. */
  private record Pass(
      double share,
      Tensor regularization,
      Tensor target,
      Tensor output,
      Optional<Tensor> penalty,
      Extras extras) {}

  /**
   * An objective over given networks.
   *
   * @param vae the autoencoder
   * @param latent what happens between its encoder and decoder
   * @param discriminator none for no adversarial loss
   * @param lpips none for no perceptual loss
   * @param eq how τ is used
   * @param loss the weights
   */
  public TorchObjective(
      TorchAutoencoder vae,
      TorchLatent latent,
      Optional<TorchDiscriminator> discriminator,
      Optional<TorchLpips> lpips,
      EqOptions eq,
      LossOptions loss) {
    this.vae = vae;
    this.latent = latent;
    this.discriminator = discriminator;
    this.lpips = lpips;
    this.eq = eq;
    this.loss = loss;
  }

  private static Tensor resize(Tensor x, long height, long width) {
    return x.size(2) == height && x.size(3) == width
        ? x
        : torch.upsample_bilinear2d(x, new long[] {height, width}, false);
  }

  /** Resize first, then rot90, then flips. */
  private static Tensor transform(Tensor x, SpatialTransform tau, long height, long width) {
    Tensor y = resize(x, height, width);
    if (tau.quarterTurns() != 0) {
      y = torch.rot90(y, tau.quarterTurns(), -1, -2);
    }
    if (tau.flipHorizontal()) {
      y = torch.flip(y, -1);
    }
    return tau.flipVertical() ? torch.flip(y, -2) : y;
  }

  private static Tensor onLatent(Tensor latent, SpatialTransform tau) {
    Tensor z = shifted(latent, tau, 1);
    return transform(
        z,
        tau,
        (long) Math.floor(z.size(2) * tau.scaleHeight()),
        (long) Math.floor(z.size(3) * tau.scaleWidth()));
  }

  /** The image that a decoder gives for the transformed latent has the factor times its sides. */
  private static Tensor onImage(Tensor image, SpatialTransform tau, long factor) {
    Tensor x = shifted(image, tau, factor);
    return transform(
        x,
        tau,
        factor * (long) Math.floor(x.size(2) / factor * tau.scaleHeight()),
        factor * (long) Math.floor(x.size(3) / factor * tau.scaleWidth()));
  }

  /** The part that a shift leaves in the frame. */
  private static Tensor shifted(Tensor x, SpatialTransform tau, long factor) {
    long down = factor * tau.shiftDown();
    long right = factor * tau.shiftRight();
    return x.narrow(2, Math.max(0, -down), x.size(2) - Math.abs(down))
        .narrow(3, Math.max(0, -right), x.size(3) - Math.abs(right));
  }

  private static Tensor blended(Tensor x, double share) {
    return x.mul(scalar(1 - share))
        .add(torch.roll(x, new long[] {-1}, new long[] {0}).mul(scalar(share)));
  }

  /** What the decoder gets: RAE's and DeTok's noise. */
  private Tensor noisy(Tensor z, Extras extras) {
    LatentNoise noise = loss.terms().latentNoise();
    if (noise.kind() == LatentNoise.Kind.NONE) {
      return z;
    }
    Tensor eps =
        extras.draw(EqObjective.Extra.LATENT_NOISE, 0, z.size(0), z.size(1), z.size(2), z.size(3));
    if (noise.kind() == LatentNoise.Kind.FIXED) {
      return z.add(eps.mul(scalar(noise.strength())));
    }
    Tensor u = extras.draw(EqObjective.Extra.LATENT_NOISE_SHARE, 0, z.size(0), 1, 1, 1);
    Tensor kept = noise.kind() == LatentNoise.Kind.MIX ? z.sub(z.mul(u)) : z;
    return kept.add(eps.mul(u).mul(scalar(noise.strength())));
  }

  private List<Pass> forward(List<Group> groups) {
    long batch = groups.stream().mapToLong(g -> g.images().size(0)).sum();
    List<Pass> passes = new ArrayList<>();
    for (Group g : groups) {
      SpatialTransform tau = g.draw().transform();
      boolean explicit = eq.regularizer() == EqOptions.Regularizer.EXPLICIT;
      Tensor x = g.images();
      long factor = vae.downsamplingFactor();
      if (g.draw().branch() == Draw.Branch.LOW_RESOLUTION) {
        x = onImage(x, tau, factor);
      }
      Tensor encoded = vae.encode(x);
      Tensor z = latent.sample(encoded, g.noise());
      Tensor target = x;
      Optional<Tensor> penalty = Optional.empty();
      if (g.draw().branch() == Draw.Branch.EQUIVARIANT) {
        Tensor transformed = onImage(x, tau, factor);
        if (explicit) {
          penalty = Optional.of(penalty(x.size(0), encoded, transformed, tau));
        } else {
          z = onLatent(blended(z, g.draw().blend()), tau);
          target = onImage(blended(x, g.draw().blend()), tau, factor);
        }
      }
      TorchLatent.Bottleneck bottleneck = latent.bottleneck(z);
      passes.add(
          new Pass(
              x.size(0) / (double) batch,
              latent.regularization(encoded, bottleneck),
              target,
              vae.decode(noisy(bottleneck.value(), g.extras())),
              penalty,
              g.extras()));
    }
    return passes;
  }

  /** Eq. 4. */
  private Tensor penalty(long n, Tensor encoded, Tensor transformed, SpatialTransform tau) {
    Tensor a = onLatent(latent.mode(encoded), tau);
    Tensor b = latent.mode(vae.encode(transformed));
    if (eq.explicitStopGradient()) {
      b = b.detach();
    }
    Tensor d = a.sub(b).square();
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    return released ? d.sum().div(scalar(n)) : d.mean();
  }

  /** |target − output|, LPIPS broadcast to every element, by the released or the mean rule. */
  private Tensor nll(Pass p, long batch) {
    boolean released = loss.normalization() == LossOptions.Normalization.RELEASED;
    Tensor d = p.target().sub(p.output());
    LossTermOptions more = loss.terms();
    Tensor r = loss.pixelLoss() == LossOptions.PixelLossKind.L1 ? d.abs() : d.square();
    r = r.add(d.square().mul(scalar(more.l2Weight())));
    if (lpips.isPresent()) {
      Tensor distance = lpips.get().distance(p.target(), p.output()).reshape(-1, 1, 1, 1);
      r = r.add(distance.mul(scalar(loss.perceptualWeight())));
    }
    r = r.div(scalar(Math.exp(loss.logvar()))).add(scalar(loss.logvar()));
    return released ? r.sum().div(scalar(batch)) : r.mean().mul(scalar(p.share()));
  }

  private static Tensor plus(Tensor sum, Tensor term) {
    return sum == null ? term : sum.add(term);
  }

  private static double norm(Tensor of, Tensor last) {
    Tensor g =
        torch
            .grad(
                new TensorVector(of),
                new TensorVector(last),
                new TensorVector(),
                new BoolOptional(true),
                false,
                false)
            .get(0);
    return g.norm().item().toDouble();
  }

  /**
   * The autoencoder's step; gradients are added to the parameters'.
   *
   * @param groups the batch
   * @param adversarial whether the discriminator takes part
   * @param report whether to read the losses back
   * @return the losses by name, empty without report
   */
  public Map<String, Double> autoencoderStep(
      List<Group> groups, boolean adversarial, boolean report) {
    long batch = groups.stream().mapToLong(g -> g.images().size(0)).sum();
    Tensor nll = null;
    Tensor reg = null;
    Tensor gLoss = null;
    Tensor penalty = null;
    discriminator.ifPresent(d -> d.parameters().setTrainable(false));
    for (Pass p : forward(groups)) {
      nll = plus(nll, nll(p, batch));
      reg = plus(reg, p.regularization().mul(scalar(p.share())));
      if (p.penalty().isPresent()) {
        penalty = plus(penalty, p.penalty().get());
      }
      if (adversarial) {
        Tensor logits = discriminator.orElseThrow().forward(p.output());
        Tensor g =
            loss.ganLoss() != LossOptions.GanKind.NON_SATURATING
                ? logits.mean().neg()
                : torch.softplus(logits.neg()).mean();
        gLoss = plus(gLoss, g.mul(scalar(p.share())));
      }
    }
    Tensor total = nll.add(reg.mul(scalar(loss.regularizationWeight())));
    if (penalty != null) {
      total = total.add(penalty.mul(scalar(eq.explicitWeight())));
    }
    Map<String, Double> out = new LinkedHashMap<>();
    if (adversarial) {
      double weight = 1;
      if (loss.adaptiveWeight()) {
        Tensor last = vae.parameters().get("decoder.conv_out.weight");
        weight = norm(nll, last) / (norm(gLoss, last) + 1e-4);
        weight = Math.clamp(weight, 0, loss.adaptiveMaximum());
      }
      weight *= loss.discWeight() * loss.discFactor();
      total = total.add(gLoss.mul(scalar(weight)));
      out.put("d_weight", weight);
      out.put("g_loss", gLoss.item().toDouble());
    }
    total.backward();
    discriminator.ifPresent(d -> d.parameters().setTrainable(true));
    if (report) {
      out.put("nll", nll.item().toDouble());
      out.put(latent.name(), reg.item().toDouble());
      out.put("total", total.item().toDouble());
      if (penalty != null) {
        out.put("explicit", penalty.item().toDouble());
      }
    }
    return out;
  }

  /**
   * The discriminator's step; gradients are added to its parameters'.
   *
   * @param groups the batch
   * @return {@code disc}
   */
  public Map<String, Double> discriminatorStep(List<Group> groups) {
    TorchDiscriminator d = discriminator.orElseThrow();
    List<Pass> passes;
    try (var guard = new org.bytedeco.pytorch.NoGradGuard()) {
      passes = forward(groups);
    }
    Tensor sum = null;
    for (Pass p : passes) {
      Tensor real = d.forward(p.target());
      Tensor fake = d.forward(p.output());
      Tensor both;
      if (loss.ganLoss() == LossOptions.GanKind.HINGE) {
        both =
            torch
                .relu(real.neg().add(scalar(1)))
                .mean()
                .add(torch.relu(fake.add(scalar(1))).mean());
      } else {
        both = torch.softplus(real.neg()).mean().add(torch.softplus(fake).mean());
      }
      sum = plus(sum, both.mul(scalar(0.5 * loss.discFactor() * p.share())));
    }
    sum.backward();
    return Map.of("disc", sum.item().toDouble());
  }
}
