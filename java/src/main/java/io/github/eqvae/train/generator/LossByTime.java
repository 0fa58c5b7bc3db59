package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.BitsPerDimension;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Likelihood;
import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.StepNoise;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.run.TrainingRun;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures a generator by time: for a diffusion each step's part of the variational bound ({@link
 * BitsPerDimension}); for a path the loss in parts of the time, and the likelihood of the data. It
 * uses the run's held-out latents, and the same noise in every measurement.
 *
 * @param images the largest number of latents
 * @param times parts of the clock: a diffusion is respaced to so many steps
 * @param likelihood steps of a {@link Likelihood}, by Heun's rule; 0 for none
 */
public record LossByTime(int images, int times, int likelihood) {
  private static final long SIGNS = 3;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there is nothing to measure
   */
  public LossByTime {
    if (images < 1 || times < 1 || likelihood < 0) {
      throw new EqvaeException.Argument(
          "A loss by time needs at least one latent and one time, and no negative number of steps");
    }
  }

  /**
   * Measures.
   *
   * @param run a run with the weights in place that are to be measured
   * @param data its latents
   * @return the figures
   * @throws EqvaeException.Argument when nothing is held out, or the process is not one of those
   */
  TimedLosses measure(TrainingRun<GeneratorTask> run, LatentData data) {
    GeneratorRecipe recipe = (GeneratorRecipe) run.recipe();
    int count = Math.min(images, data.heldOut().length);
    if (count == 0) {
      throw new EqvaeException.Argument(
          run.folder().path()
              + " holds no latents out: its data.validation is 0. Measure a run that holds some"
              + " out.");
    }
    if (likelihood > 0 && !(recipe.process() instanceof TransportRecipe)) {
      throw new EqvaeException.Argument(
          "--likelihood is for a path (sit, lightningdit); for a diffusion the bound is printed");
    }
    Trainer<GeneratorTask> trainer = run.trainer();
    try (TensorArena arena = new TensorArena(trainer.stream().device(), "loss by time")) {
      Denoising network = new Denoising(trainer.task().network(), trainer.stream(), arena);
      HeldOutLoss held = new HeldOutLoss(recipe, data);
      List<TimedLosses.Row> rows = new ArrayList<>();
      Map<String, Double> totals = new LinkedHashMap<>();
      if (recipe.process() instanceof DiffusionRecipe diffusion) {
        bound(recipe, diffusion, held, network, count, rows, totals);
      } else {
        parts(held, network, count, rows, totals);
      }
      if (likelihood > 0 && recipe.process() instanceof TransportRecipe path) {
        likelihood(recipe, path, held, network, count, totals);
      }
      return new TimedLosses(trainer.step(), run.isAveraged(), count, rows, totals);
    }
  }

  private void parts(
      HeldOutLoss held,
      Denoising network,
      int count,
      List<TimedLosses.Row> rows,
      Map<String, Double> totals) {
    double[] losses = held.byPart(network, count, times);
    for (int part = 0; part < times; part++) {
      rows.add(new TimedLosses.Row((part + 0.5) / times, Map.of("loss", losses[part])));
    }
    totals.put("loss", Arrays.stream(losses).average().orElseThrow());
  }

  /** As {@code calc_bpd_loop} of facebookresearch/DiT, from the noisiest step on. */
  private void bound(
      GeneratorRecipe recipe,
      DiffusionRecipe diffusion,
      HeldOutLoss held,
      Denoising network,
      int count,
      List<TimedLosses.Row> rows,
      Map<String, Double> totals) {
    int steps = Math.min(times, diffusion.steps());
    GaussianDiffusion process = diffusion.process().process().respaced(Integer.toString(steps));
    BitsPerDimension bits =
        new BitsPerDimension(process, recipe.model().channels(), false); // latents are not bounded
    double[][] sums = new double[steps][3];
    double prior = 0;
    int batch = recipe.samples().batch();
    for (int from = 0; from < count; from += batch) {
      HeldOutLoss.Latents latents = held.latents(from, Math.min(count, from + batch));
      int n = latents.images().length;
      float[][] start = samples(latents.values(), n);
      for (float[] sample : start) {
        prior += bits.prior(sample);
      }
      for (int t = 0; t < steps; t++) {
        float[][] noise = samples(held.noise(latents, t, steps), n);
        float[] noisy = new float[latents.values().length];
        for (int i = 0; i < n; i++) {
          float[] sample = process.corrupt(start[i], noise[i], t);
          System.arraycopy(sample, 0, noisy, i * sample.length, sample.length);
        }
        double time = process.schedule().originalStep(t);
        float[][] said = samples(network.of(latents.labels()).predict(noisy, time), n);
        for (int i = 0; i < n; i++) {
          BitsPerDimension.Step step = bits.step(start[i], noise[i], said[i], t);
          sums[t][0] += step.bits();
          sums[t][1] += step.startError();
          sums[t][2] += step.noiseError();
        }
      }
    }
    double total = prior / count;
    for (int t = steps - 1; t >= 0; t--) {
      Map<String, Double> values = new LinkedHashMap<>();
      values.put("vb", sums[t][0] / count);
      values.put("xstart_mse", sums[t][1] / count);
      values.put("mse", sums[t][2] / count);
      total += sums[t][0] / count;
      rows.add(new TimedLosses.Row(process.schedule().originalStep(t), values));
    }
    totals.put("prior_bpd", prior / count);
    totals.put("total_bpd", total);
  }

  private void likelihood(
      GeneratorRecipe recipe,
      TransportRecipe path,
      HeldOutLoss held,
      Denoising network,
      int count,
      Map<String, Double> totals) {
    Likelihood way =
        new Likelihood(path.process().transport(), OdeSampler.Method.HEUN2, likelihood);
    FixedNoise random = new FixedNoise(recipe.run().seed(), SIGNS);
    double nats = 0;
    double bits = 0;
    int batch = recipe.samples().batch();
    for (int from = 0; from < count; from += batch) {
      HeldOutLoss.Latents latents = held.latents(from, Math.min(count, from + batch));
      int[] images = latents.images();
      StepNoise signs =
          (call, size) -> {
            float[] drawn = new float[size];
            int each = size / images.length;
            for (int i = 0; i < images.length; i++) {
              random.fill(images[i], call + 1, drawn, i * each, each);
            }
            return drawn;
          };
      Likelihood.Result result =
          way.of(network.differentiable(latents.labels()), latents.values(), images.length, signs);
      nats += Arrays.stream(result.nats()).sum();
      bits += Arrays.stream(result.bitsPerDimension()).sum();
    }
    totals.put("log_likelihood", nats / count);
    totals.put("bits_per_dimension", bits / count);
  }

  private static float[][] samples(float[] all, int count) {
    float[][] out = new float[count][];
    int each = all.length / count;
    for (int i = 0; i < count; i++) {
      out[i] = Arrays.copyOfRange(all, i * each, (i + 1) * each);
    }
    return out;
  }
}
