package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code objective.gan}: the adversarial part of the loss.
 *
 * <p>Source: {@code LPIPSWithDiscriminator} in CompVis latent-diffusion's {@code
 * ldm/modules/losses/contperceptual.py}, with the values of {@code eqvae_config.yaml}. The
 * autoencoder's share of this loss is {@code disc_factor * disc_weight * w * g_loss}.
 *
 * @param enabled train and use a discriminator; default true. If false, the other keys here and
 *     {@code model.discriminator} have no effect. Source: released: contperceptual.py
 * @param discStart {@code disc_start}: first step, in optimiser updates, in which the
 *     discriminator's losses are used; default 0. Source: released: eqvae_config.yaml (LDM's own
 *     training: 50001)
 * @param discWeight {@code disc_weight}: factor of the autoencoder's adversarial loss; default 0.5.
 *     Source: released: eqvae_config.yaml
 * @param discFactor {@code disc_factor}: factor of the adversarial losses of both networks; default
 *     1. Source: released: contperceptual.py
 * @param loss {@code hinge}; {@code non_saturating}, softplus for both networks; or {@code
 *     vanilla}, the other loss of the released code: softplus for the discriminator, and
 *     −mean(logits) for the autoencoder as with {@code hinge}; default {@code hinge}. Source:
 *     released: contperceptual.py
 * @param adaptiveWeight {@code adaptive_weight}: w = |grad of nll| / (|grad of g_loss| + 1e-4),
 *     both with respect to {@code decoder.conv_out.weight}; false means w = 1; default true.
 *     Source: released: contperceptual.py
 * @param adaptiveWeightMax {@code adaptive_weight_max}: w is clamped to [0, this]; default 1e4.
 *     Source: released: contperceptual.py
 * @param batchNorm {@code batch_norm}: with several ranks, {@code per_rank}: the discriminator's
 *     batch norm has the statistics of each rank's batch; {@code synchronised}: those of all ranks'
 *     batches together, as PyTorch's SyncBatchNorm, which needs {@code objective.draw: batch};
 *     default {@code per_rank}. It makes no difference to one rank. Source: released:
 *     eqvae_config.yaml (DDP without SyncBatchNorm)
 */
public record GanRecipe(
    boolean enabled,
    long discStart,
    double discWeight,
    double discFactor,
    LossOptions.GanKind loss,
    boolean adaptiveWeight,
    double adaptiveWeightMax,
    BatchNorm batchNorm) {

  /** Whose images a batch norm has its statistics from. */
  public enum BatchNorm {
    /** Each rank's own. */
    PER_RANK,
    /** All ranks' together. */
    SYNCHRONISED
  }

  /** Whether ranks exchange something while the discriminator judges. */
  boolean isSynchronised() {
    return enabled && batchNorm == BatchNorm.SYNCHRONISED;
  }

  static GanRecipe read(RecipeFields in) {
    return new GanRecipe(
        in.flag("enabled", true),
        in.longInteger("disc_start", 0, 0, Long.MAX_VALUE),
        in.number("disc_weight", 0.5, Range.NOT_NEGATIVE),
        in.number("disc_factor", 1, Range.NOT_NEGATIVE),
        in.choice("loss", LossOptions.GanKind.HINGE),
        in.flag("adaptive_weight", true),
        in.number("adaptive_weight_max", 1e4, Range.POSITIVE),
        in.choice("batch_norm", BatchNorm.PER_RANK));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("enabled", enabled);
    map.put("disc_start", discStart);
    map.put("disc_weight", discWeight);
    map.put("disc_factor", discFactor);
    map.put("loss", RecipeFields.name(loss));
    map.put("adaptive_weight", adaptiveWeight);
    map.put("adaptive_weight_max", adaptiveWeightMax);
    map.put("batch_norm", RecipeFields.name(batchNorm));
    return map;
  }
}
