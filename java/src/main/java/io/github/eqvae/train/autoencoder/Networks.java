package io.github.eqvae.train.autoencoder;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.Measures;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SpectrumMatching;
import io.github.eqvae.model.SsimLoss;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The networks a recipe asks for, on one device. */
final class Networks implements AutoCloseable {
  private final AutoencoderRecipe recipe;
  private final Autoencoder vae;
  private final @Nullable Discriminator discriminator;
  private final @Nullable Lpips lpips;
  private final @Nullable SsimLoss ssim;
  private final @Nullable SpectrumMatching spectrum;

  /**
   * Builds the networks with random weights of the recipe's seed; LPIPS is loaded.
   *
   * @param recipe the recipe
   * @param stream orders the work; its device holds the networks
   * @throws IOException when the LPIPS weights cannot be read
   * @throws EqvaeException.Argument when a size does not fit or the LPIPS weights are not those of
   *     LPIPS-VGG
   */
  public Networks(AutoencoderRecipe recipe, Stream stream) throws IOException {
    this(recipe, stream, true);
  }

  private Networks(AutoencoderRecipe recipe, Stream stream, boolean loadLpips) throws IOException {
    this.recipe = recipe;
    ModelRecipe m = recipe.model();
    long seed = recipe.run().seed();
    vae = m.build(stream, seed);
    Discriminator d = null;
    Lpips p = null;
    try {
      if (m.freeze() != ModelRecipe.Freeze.NONE) {
        vae.parameters().freeze(m.freeze()::keeps);
      }
      if (m.paddingMode() == PaddingMode.REFLECT) {
        requireSide(2 * vae.config().downsamplingFactor(), "model.padding_mode: reflect");
      }
      if (recipe.objective().gan().enabled()) {
        d =
            new Discriminator(
                m.outCh(), m.discriminator().ndf(), m.discriminator().nLayers(), stream, seed);
        requireRoom(d);
      }
      if (recipe.objective().perceptualWeight() > 0
          || recipe.objective().lpipsWeights().isPresent()) {
        p = new Lpips(64, stream, seed);
        if (loadLpips) {
          ModelFile.load(weights(recipe.objective().lpipsWeights()), p.parameters(), stream);
        }
      }
    } catch (RuntimeException | IOException e) {
      vae.close();
      close(d);
      close(p);
      throw e;
    }
    discriminator = d;
    lpips = p;
    LossTermsRecipe terms = recipe.objective().terms();
    ssim = terms.ssimWeight() > 0 ? new SsimLoss(m.outCh(), stream) : null;
    spectrum =
        terms.spectrumWeight() > 0
            ? new SpectrumMatching(m.inChannels(), vae.config().embedDim(), encodedSides(), stream)
            : null;
    DType activations = recipe.run().activations(stream.device());
    vae.computeIn(activations);
    if (d != null) {
      d.computeIn(activations);
    }
    if (p != null) {
      p.computeIn(activations);
    }
    if (p != null && recipe.run().keepsPackedWeights(stream.device())) {
      p.parameters().keepPacked(stream); // the run does this for its own groups
    }
  }

  /**
   * The same networks without reading any file: for memory plans.
   *
   * @param recipe the recipe
   * @param stream orders the work
   * @return the networks
   */
  static Networks planned(AutoencoderRecipe recipe, Stream stream) {
    try {
      return new Networks(recipe, stream, false);
    } catch (IOException e) {
      throw new EqvaeException.Internal("a plan read a file", e);
    }
  }

  private static Path weights(Optional<Path> path) {
    return path.orElseThrow(
        () -> new EqvaeException.Argument("objective.lpips_weights names no file"));
  }

  /** The side of the smallest image τ can produce. */
  private int smallestSide() {
    ObjectiveRecipe o = recipe.objective();
    boolean scales =
        o.scaling() != EqOptions.Scaling.NONE
            && o.equivarianceProbability() + o.lowResolutionPriorProbability() > 0;
    double smallest =
        !scales ? 1 : o.scaleSet() == EqOptions.ScaleSet.CONTINUOUS ? o.scaleMin() : 0.25;
    int f = vae.config().downsamplingFactor();
    int shift = o.equivarianceProbability() > 0 ? o.translation() : 0;
    return f * Math.max(1, (int) ((recipe.data().resolution() / f - shift) * smallest));
  }

  /** The sides of latents as the encoder makes them: τ comes after, but for smaller images. */
  private SortedSet<Integer> encodedSides() {
    ObjectiveRecipe o = recipe.objective();
    int whole = recipe.data().resolution() / vae.config().downsamplingFactor();
    boolean small = o.scaling() != EqOptions.Scaling.NONE && o.lowResolutionPriorProbability() > 0;
    double least = o.scaleSet() == EqOptions.ScaleSet.CONTINUOUS ? o.scaleMin() : 0.25;
    int from = small ? SpatialTransform.scaled(whole, least) : whole;
    return new TreeSet<>(IntStream.rangeClosed(from, whole).boxed().toList());
  }

  private void requireSide(int least, String key) {
    if (smallestSide() < least) {
      throw new EqvaeException.Argument(
          key
              + " needs images of at least "
              + least
              + " pixels, but the smallest that τ makes has "
              + smallestSide()
              + ". Raise data.resolution, or draw no scales that small.");
    }
  }

  /** The smallest image τ can produce must still give the discriminator one patch to judge. */
  private void requireRoom(Discriminator d) {
    int side = smallestSide();
    if (side < d.smallestSide()) {
      d.close();
      throw new EqvaeException.Argument(
          "The discriminator with n_layers "
              + recipe.model().discriminator().nLayers()
              + " needs images of at least "
              + d.smallestSide()
              + " pixels, but the smallest scale"
              + " gives "
              + side
              + ". Lower model.discriminator.n_layers or raise"
              + " data.resolution.");
    }
  }

  /**
   * The objective over these networks.
   *
   * @return a new objective
   */
  public EqObjective objective() {
    return new EqObjective(
        vae,
        discriminator,
        new Measures(lpips, ssim, spectrum),
        recipe.objective().eqOptions(),
        recipe.objective().lossOptions(recipe.model().kind()));
  }

  /**
   * The autoencoder.
   *
   * @return the model, owned by this
   */
  public Autoencoder vae() {
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
    close(spectrum);
    close(ssim);
    close(lpips);
    close(discriminator);
    vae.close();
  }
}
