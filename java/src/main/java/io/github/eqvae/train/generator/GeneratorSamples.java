package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.DiffusionSampler;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.RepaSampler;
import io.github.eqvae.diffusion.Sampler;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.diffusion.StepNoise;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Samples that a run makes while it trains, each time from the same noise and labels. */
final class GeneratorSamples {
  private static final int COLUMNS = 8;

  /** SiT's last step, as published, in parts of the clock. */
  private static final double LAST_STEP = 0.04;

  /** Make the noise of pictures that are shown different from that of samples that are measured. */
  private static final long SHOWN = 3;

  private static final long MEASURED = 4;

  private final GeneratorRecipe recipe;
  private final SamplesRecipe settings;
  private final long purpose;
  private final SampleDecoder decoder;

  private GeneratorSamples(
      GeneratorRecipe recipe, SamplesRecipe settings, long purpose, SampleDecoder decoder) {
    this.recipe = recipe;
    this.settings = settings;
    this.purpose = purpose;
    this.decoder = decoder;
  }

  /** Those that the report and the folder of samples show. */
  static GeneratorSamples shown(GeneratorRecipe recipe, SampleDecoder decoder) {
    return new GeneratorSamples(recipe, recipe.samples(), SHOWN, decoder);
  }

  /** Those that are compared with real images, of each class in turn. */
  static GeneratorSamples measured(GeneratorRecipe recipe, SampleDecoder decoder) {
    SamplesRecipe shown = recipe.samples();
    DistanceRecipe distance = recipe.distance();
    SamplesRecipe settings =
        new SamplesRecipe(
            shown.autoencoder(),
            distance.count(),
            IntStream.range(0, recipe.model().classes()).boxed().toList(),
            shown.sampler(),
            distance.steps(),
            distance.guidance(),
            shown.batch());
    return new GeneratorSamples(recipe, settings, MEASURED, decoder);
  }

  /** The labels shown, one per picture. */
  int[] labels() {
    List<Integer> asked = settings.labels();
    int classes = recipe.model().classes();
    int[] labels = new int[settings.count()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] =
          classes == 0
              ? 0
              : asked.isEmpty() ? i % Math.min(classes, COLUMNS) : asked.get(i % asked.size());
    }
    return labels;
  }

  /** Rows of pictures, a column for each label where they fit. */
  Image picture(Denoising network) throws IOException {
    List<Image> tiles = images(network);
    int classes = recipe.model().classes();
    int columns = LabelledGrid.columns(settings.labels().size(), classes, tiles.size());
    return classes == 0
        ? LabelledGrid.of(tiles, columns)
        : LabelledGrid.of(tiles, labels(), columns);
  }

  /** Samples as pictures. */
  List<Image> images(Denoising network) throws IOException {
    return decoder.decode(latents(network), settings.count(), network.stream());
  }

  /** Samples of the network, {@code [count, H, W, C]}. */
  float[] latents(Denoising network) {
    int count = settings.count();
    int batch = settings.batch();
    int each = elements();
    int[] labels = labels();
    float[] all = new float[count * each];
    for (int from = 0; from < count; from += batch) {
      int n = Math.min(batch, count - from);
      float[] part = sample(network, from, Arrays.copyOfRange(labels, from, from + n));
      System.arraycopy(part, 0, all, from * each, part.length);
    }
    return all;
  }

  private int elements() {
    NetworkRecipe m = recipe.model();
    return m.side() * m.side() * m.channels();
  }

  private float[] sample(Denoising network, int first, int... labels) {
    float[] start = drawn(first, labels.length, FixedNoise.START);
    StepNoise noise = (step, count) -> drawn(first, labels.length, 1 + step);
    return sampler().sample(guided(network, labels), start, noise);
  }

  private float[] drawn(int first, int n, int step) {
    FixedNoise noise = new FixedNoise(recipe.run().seed(), purpose);
    int each = elements();
    float[] out = new float[n * each];
    for (int i = 0; i < n; i++) {
      noise.fill(first + i, step, out, i * each, each);
    }
    return out;
  }

  private Denoiser guided(Denoising network, int... labels) {
    Denoiser labelled = asked(network, labels);
    if (settings.guidance() == 1) {
      return labelled;
    }
    int[] none = new int[labels.length];
    Arrays.fill(none, recipe.model().classes());
    return Guidance.of(settings.guidance())
        .guide(labelled, asked(network, none), recipe.model().channels());
  }

  private Denoiser asked(Denoising network, int... labels) {
    return recipe.process() instanceof DiffusionRecipe
        ? network.of(labels)
        : network.withoutVariance(labels);
  }

  private Sampler sampler() {
    SamplesRecipe.Sampler method = settings.sampler().of(recipe.process());
    int steps = settings.steps();
    return switch (recipe.process()) {
      case DiffusionRecipe d -> {
        GaussianDiffusion spaced = d.process().process().respaced(Integer.toString(steps));
        int channels = recipe.model().channels();
        yield method == SamplesRecipe.Sampler.DDPM
            ? DiffusionSampler.ancestral(spaced, channels)
            : DiffusionSampler.ddim(spaced, channels, 0);
      }
      case TransportRecipe t -> path(t.process().transport(), method, steps);
      case RepaRecipe r -> new RepaSampler(r.path(), ofRepa(method), steps);
    };
  }

  private static RepaSampler.Method ofRepa(SamplesRecipe.Sampler method) {
    return switch (method) {
      case SDE -> RepaSampler.Method.EULER_MARUYAMA;
      case EULER -> RepaSampler.Method.EULER;
      default -> RepaSampler.Method.HEUN;
    };
  }

  private static Sampler path(Transport transport, SamplesRecipe.Sampler method, int steps) {
    return switch (method) {
      case SDE ->
          new SdeSampler(
              transport,
              SdeSampler.Method.EULER,
              SdeSampler.Form.SIGMA,
              1,
              SdeSampler.Last.MEAN,
              LAST_STEP,
              steps);
      case EULER -> new OdeSampler(transport, OdeSampler.Method.EULER, steps);
      default -> new OdeSampler(transport, OdeSampler.Method.HEUN2, steps);
    };
  }
}
