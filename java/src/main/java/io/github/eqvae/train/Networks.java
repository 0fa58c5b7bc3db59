package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tensor.Stream;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The networks a recipe asks for, on one device. */
public final class Networks implements AutoCloseable {
  private final Recipe recipe;
  private final AutoencoderKl vae;
  private final @Nullable Discriminator discriminator;
  private final @Nullable Lpips lpips;

  /**
   * Builds the networks with random weights of the recipe's seed; LPIPS is loaded.
   *
   * @param recipe the recipe
   * @param stream orders the work; its device holds the networks
   * @throws EqvaeException.Argument when a size does not fit or the LPIPS weights are missing
   */
  public Networks(Recipe recipe, Stream stream) {
    this(recipe, stream, true);
  }

  private Networks(Recipe recipe, Stream stream, boolean loadLpips) {
    this.recipe = recipe;
    ModelRecipe m = recipe.model();
    long seed = recipe.run().seed();
    vae = new AutoencoderKl(config(m), stream, seed, true);
    Discriminator d = null;
    Lpips p = null;
    try {
      if (recipe.objective().gan().enabled()) {
        d = new Discriminator(
            m.outCh(), m.discriminator().ndf(), m.discriminator().nLayers(), stream, seed);
        requireRoom(d);
      }
      if (recipe.objective().perceptualWeight() > 0) {
        p = new Lpips(64, stream, seed);
        if (loadLpips) {
        }
      }
    } catch (RuntimeException e) {
      vae.close();
      close(d);
      close(p);
      throw e;
    }
    discriminator = d;
    lpips = p;
  }

  /**
   * The same networks without reading any file: for memory plans.
   *
   * @param recipe the recipe
   * @param stream orders the work
   * @return the networks
   */
  static Networks planned(Recipe recipe, Stream stream) {
    return new Networks(recipe, stream, false);
  }

  private static Path weights(Optional<Path> path) {
    return path.orElseThrow(
        () -> new EqvaeException.Argument("objective.lpips_weights names no file"));
  }

  /** The smallest image τ can produce must still give the discriminator one patch to judge. */
  private void requireRoom(Discriminator d) {
    ObjectiveRecipe o = recipe.objective();
    boolean scales =
        o.scaling() != EqOptions.Scaling.NONE
            && o.equivarianceProbability() + o.lowResolutionPriorProbability() > 0;
    double smallest =
        !scales ? 1 : o.scaleSet() == EqOptions.ScaleSet.DISCRETE_32 ? 0.25 : o.scaleMin();
    int f = vae.config().downsamplingFactor();
    int side = f * Math.max(1, (int) (recipe.data().resolution() / f * smallest));
    if (side < d.smallestSide()) {
      d.close();
      throw new EqvaeException.Argument(
          "The discriminator with n_layers " + recipe.model().discriminator().nLayers()
              + " needs images of at least " + d.smallestSide() + " pixels, but the smallest scale"
              + " gives " + side + ". Lower model.discriminator.n_layers or raise"
              + " data.resolution.");
    }
  }

  /**
   * The autoencoder a recipe describes.
   *
   * @param m section {@code model}
   * @return its configuration
   */
  public static AutoencoderConfig config(ModelRecipe m) {
    return new AutoencoderConfig(
        m.inChannels(),
        m.outCh(),
        m.ch(),
        m.chMult(),
        m.numResBlocks(),
        m.attnResolutions(),
        m.resolution(),
        m.zChannels(),
        m.embedDim(),
        m.normNumGroups(),
        true,
        m.midBlockAddAttention());
  }

  /**
   * How the recipe draws τ.
   *
   * @param o section {@code objective}
   * @return the options
   */
  public static EqOptions eqOptions(ObjectiveRecipe o) {
    return new EqOptions(
        o.equivarianceProbability(),
        o.lowResolutionPriorProbability(),
        EqOptions.Scaling.valueOf(o.scaling().name()),
        EqOptions.ScaleSet.valueOf(o.scaleSet().name()),
        o.scaleMin(),
        o.scaleMax(),
        o.rotations().stream().map(degrees -> degrees / 90).toList(),
        EqOptions.Flips.valueOf(o.flips().name()),
        Interpolation.valueOf(o.interpolation().name()),
        EqOptions.DrawPer.valueOf(o.draw().name()),
        EqOptions.Regularizer.valueOf(o.regularizer().name()),
        o.explicitWeight(),
        o.explicitStopGradient());
  }

  /**
   * The recipe's loss weights.
   *
   * @param o section {@code objective}
   * @return the options
   */
  public static LossOptions lossOptions(ObjectiveRecipe o) {
    return new LossOptions(
        LossOptions.PixelLossKind.valueOf(o.pixelLoss().name()),
        o.perceptualWeight(),
        o.logvarInit(),
        o.klWeight(),
        LossOptions.Normalization.valueOf(o.lossNormalization().name()),
        o.gan().discWeight(),
        o.gan().discFactor(),
        o.gan().discStart(),
        o.gan().adaptiveWeight(),
        o.gan().adaptiveWeightMax(),
        LossOptions.GanKind.valueOf(o.gan().loss().name()),
        LossOptions.DiscriminatorForward.valueOf(o.discriminatorForward().name()));
  }

  /**
   * The objective over these networks.
   *
   * @return a new objective
   */
  public EqObjective objective() {
    return new EqObjective(
        vae, discriminator, lpips, eqOptions(recipe.objective()), lossOptions(recipe.objective()));
  }

  /**
   * The autoencoder.
   *
   * @return the model, owned by this
   */
  public AutoencoderKl vae() {
    return vae;
  }

  /**
   * The discriminator.
   *
   * @return the model, owned by this; empty when the recipe has none
   */
  public Optional<Discriminator> discriminator() {
    return Optional.ofNullable(discriminator);
  }

  /**
   * The perceptual distance.
   *
   * @return the network, owned by this; empty when the recipe has none
   */
  public Optional<Lpips> lpips() {
    return Optional.ofNullable(lpips);
  }

  private static void close(@Nullable AutoCloseable resource) {
    try {
      if (resource != null) {
        resource.close();
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EqvaeException.Internal("closing a network failed", e);
    }
  }

  @Override
  public void close() {
    close(lpips);
    close(discriminator);
    vae.close();
  }
}
