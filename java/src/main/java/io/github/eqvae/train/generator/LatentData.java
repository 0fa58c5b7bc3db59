package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The latents that a recipe names, as its network sees them: checked against the recipe, scaled,
 * split into what is trained on and what is held out. May be read by several threads, but for
 * {@link #targets}.
 */
public final class LatentData extends FolderData {
  /** Networks are made for inputs with an RMS of 1. Outside of this range there is a warning. */
  private static final double LEAST_RMS = 0.8;

  private static final double MOST_RMS = 1.25;

  /** The largest number of latents that the RMS is measured on. */
  private static final int MEASURED = 512;

  /** A log variance that stands for no deviation: the smallest that is not clamped. */
  private static final float NONE = -30;

  private final GeneratorRecipe recipe;
  private final LatentScaling scaling;
  private final Optional<AlignmentTargets> targets;

  /**
   * Opens the latents.
   *
   * @param recipe names them, and says what they are to be
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they do not fit the recipe; the message says what to do
   */
  public LatentData(GeneratorRecipe recipe) throws IOException {
    super(
        LatentFolder.open(recipe.data().path()),
        recipe.data().path(),
        recipe.model().classes(),
        recipe.data().flips(),
        recipe.run().seed());
    this.recipe = recipe;
    try {
      scaling = scaling();
      check();
      targets =
          recipe.alignment().isOn()
              ? Optional.of(AlignmentTargets.of(recipe, folder))
              : Optional.empty();
    } catch (IOException | RuntimeException | Error e) {
      super.close();
      throw e;
    }
    try {
      split(recipe.data().validation(), "latents");
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private LatentScaling scaling() {
    LatentsRecipe.Scaling asked = recipe.data().scaling();
    if (folder.isScaled()) {
      if (asked != LatentsRecipe.Scaling.INDEX && asked != LatentsRecipe.Scaling.NONE) {
        throw wrong(
            "these latents were scaled as they were encoded; data.scaling can only be index");
      }
      return LatentScaling.of(1, 0);
    }
    return switch (asked) {
      case NONE -> LatentScaling.of(1, 0);
      case INDEX ->
          folder
              .scaling()
              .map(s -> s.requireChannels(folder.channels()))
              .orElseThrow(
                  () ->
                      wrong(
                          "index.json has no scaling: the autoencoder has none. Take one of the"
                              + " latents' statistics: data.scaling=factor"));
      case FACTOR -> LatentScaling.of(1 / deviation(), 0);
      case SHIFT -> LatentScaling.of(1 / deviation(), statistic("mean"));
      case CHANNELS ->
          LatentScaling.channels(
              recipe.data().path().toString(),
              folder.statistics("channel_mean"),
              folder.statistics("channel_std"));
    };
  }

  private double deviation() {
    return LatentScaling.requireDeviation(
        recipe.data().path() + ": the latent", statistic("mean"), statistic("std"));
  }

  private double statistic(String name) {
    List<Double> found = folder.statistics(name);
    if (found.size() != 1) {
      throw wrong("index.json has no statistics; set data.scaling=index or none");
    }
    return found.getFirst();
  }

  private void check() {
    NetworkRecipe model = recipe.model();
    if (scaling.gathers()) {
      throw wrong(
          "the scaling gathers squares of 2×2 into channels, which training does not; encode with"
              + " --scaled");
    }
    if (folder.channels() != model.channels() || folder.side() != model.side()) {
      throw wrong(
          "latents of %d×%d×%d, the recipe's network is for %d×%d×%d; set model.side=%d and"
                  .formatted(
                      folder.side(),
                      folder.side(),
                      folder.channels(),
                      model.side(),
                      model.side(),
                      model.channels(),
                      folder.side())
              + " model.channels="
              + folder.channels());
    }
    if (drawsPosterior() && folder.content() != Content.MOMENTS) {
      throw wrong(
          "it holds one latent of each picture, no posterior to draw from; encode with --posterior"
              + " moments, or set data.posterior=mode");
    }
    if (model.classes() > 0) {
      requireLabels(
          "the latents have no labels, and the network has "
              + model.classes()
              + " classes; set model.classes=0, or encode labelled pictures");
    }
  }

  private boolean drawsPosterior() {
    return recipe.data().posterior() == LatentsRecipe.Posterior.SAMPLE;
  }

  /**
   * How the autoencoder's latents became what the network sees; none if they were scaled before.
   */
  LatentScaling appliedScaling() {
    return scaling;
  }

  @Override
  public LatentScaling wholeScaling() {
    return folder.isScaled() ? folder.scaling().orElse(scaling) : scaling;
  }

  @Override
  public Optional<AlignmentTargets> targets() {
    return targets;
  }

  /**
   * How many latents there are.
   *
   * @return such as {@code 9,000 latents to train on, 1,000 held out}
   */
  @Override
  public String describe() {
    return String.format(
            Locale.ROOT,
            "%s to train on%s, %,d held out; the network sees them with an RMS of %.3f",
            Counts.of(trainingSize(), "latent"),
            flips() ? " and as many mirrored" : "",
            heldOut().length,
            rms())
        + targets.map(t -> "; aligned with features of " + t.describe()).orElse("");
  }

  @Override
  public List<String> notes() {
    double rms = rms();
    List<String> notes = new ArrayList<>();
    if (!(rms >= LEAST_RMS && rms <= MOST_RMS)) {
      notes.add(
          String.format(
              Locale.ROOT,
              "the network sees latents with an RMS of %.3f, and noise with one of 1: schedules and"
                  + " published settings are made for about 1. data.scaling=factor takes 1/std of"
                  + " these latents",
              rms));
    }
    if (lacksFlips()) {
      notes.add(
          "there are no latents of mirrored pictures, so data.flips does nothing; encode --hflip"
              + " makes them");
    }
    return notes;
  }

  /**
   * The root mean square of the network's inputs, posterior noise included.
   *
   * @return of up to 512 latents, evenly spaced
   */
  public double rms() {
    int count = Math.min(MEASURED, trainingSize());
    int c = recipe.model().channels();
    double sum = 0;
    float[] moments = new float[elements() * (drawsPosterior() ? 2 : 1)];
    for (int i = 0; i < count; i++) {
      read(spaced(i, count), false, moments, 0);
      for (int k = 0; k < elements(); k++) {
        int at = drawsPosterior() ? k / c * 2 * c + k % c : k;
        double deviation = drawsPosterior() ? Math.exp(moments[at + c]) : 0; // its square
        sum += (double) moments[at] * moments[at] + deviation;
      }
    }
    return Math.sqrt(sum / ((double) count * elements()));
  }

  /** How many numbers a latent has. */
  int elements() {
    NetworkRecipe model = recipe.model();
    return model.side() * model.side() * model.channels();
  }

  /**
   * Reads an image's input of the network: mean and log variance if it is drawn from the posterior,
   * {@code [H, W, 2C]}, else the latent {@code [H, W, C]}.
   *
   * @param image its number in the folder
   * @param mirrored of the mirrored picture
   * @param out receives it
   * @param at where in {@code out}
   * @throws EqvaeException.Argument if it is not finite
   */
  void read(int image, boolean mirrored, float[] out, int at) {
    int c = recipe.model().channels();
    int pixels = elements() / c;
    boolean moments = folder.content() == Content.MOMENTS;
    float[] stored = new float[elements() * (moments ? 2 : 1)];
    folder.read(image, mirrored, stored);
    int each = drawsPosterior() ? 2 * c : c;
    for (int k = 0; k < c; k++) {
      double zero = scaling.scale(0, k);
      double factor = scaling.scale(1, k) - zero;
      for (int p = 0; p < pixels; p++) {
        out[at + p * each + k] = (float) (factor * stored[k * pixels + p] + zero);
        if (drawsPosterior()) {
          double deviation = factor * stored[(c + k) * pixels + p];
          out[at + p * each + c + k] = Math.max(NONE, (float) (2 * Math.log(deviation)));
        }
      }
    }
    for (int i = at; i < at + pixels * each; i++) {
      if (!Float.isFinite(out[i])) {
        throw wrong(
            "the latent of "
                + FileNames.shown(folder.name(image))
                + " is not finite (NaN or infinite), so nothing can be learned from it."
                + " The autoencoder diverged, or overflowed in fp16: encode again, with another"
                + " one or without this picture");
      }
    }
  }

  @Override
  public void close() {
    targets.ifPresent(AlignmentTargets::close);
    super.close();
  }

  /**
   * A latent to measure on: of moments, a fixed draw from the posterior.
   *
   * @param image its number in the folder
   * @param noise of the draw
   * @param out receives {@code [H, W, C]}
   * @param at where in {@code out}
   */
  void draw(int image, FixedNoise noise, float[] out, int at) {
    int count = elements();
    if (!drawsPosterior()) {
      read(image, false, out, at);
      return;
    }
    int c = recipe.model().channels();
    float[] moments = new float[2 * count];
    read(image, false, moments, 0);
    noise.fill(image, FixedNoise.START, out, at, count);
    for (int k = 0; k < count; k++) {
      int from = k / c * 2 * c + k % c;
      double deviation = Math.exp(0.5 * moments[from + c]);
      out[at + k] = (float) (moments[from] + deviation * out[at + k]);
    }
  }
}
