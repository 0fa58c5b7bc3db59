package io.github.eqvae.train.generator;

import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.io.Image;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.report.ReportData;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The latents of a generator's run, its loss on held-out ones, and the pictures it shows. */
public final class GeneratorWorkload extends SampledWorkload<GeneratorTask, Denoising> {
  /** Makes this draw from the posterior different from those of other measurements. */
  private static final long REAL_LATENTS = 5;

  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final SampleDecoder decoder;

  /**
   * Opens the latents.
   *
   * @param recipe the recipe
   * @param observer told of real images that cannot be read
   * @throws IOException when they cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when they do not fit the recipe
   */
  GeneratorWorkload(GeneratorRecipe recipe, RunObserver observer) throws IOException {
    this(recipe, new LatentData(recipe), observer);
  }

  private GeneratorWorkload(GeneratorRecipe recipe, LatentData data, RunObserver observer) {
    super(data, recipe.samples().autoencoder(), recipe.distance(), observer);
    this.recipe = recipe;
    this.data = data;
    decoder = new SampleDecoder(recipe, data, autoencoder());
  }

  /**
   * Measures the loss of a network by time.
   *
   * @param run the weights that are in place
   * @param asked what to measure
   * @return the figures
   */
  public TimedLosses losses(TrainingRun<GeneratorTask> run, LossByTime asked) {
    return asked.measure(run, data);
  }

  @Override
  ParameterStore parameters(GeneratorTask task) {
    return task.network().parameters();
  }

  @Override
  Denoising network(Trainer<GeneratorTask> trainer, TensorArena arena) {
    return new Denoising(trainer.task().network(), trainer.stream(), arena);
  }

  @Override
  BatchSource batches() {
    return new LatentBatches(recipe, data);
  }

  @Override
  Map<String, Double> heldOut(Denoising network) throws IOException {
    Map<String, Double> values =
        new LinkedHashMap<>(new HeldOutLoss(recipe, data).measure(network));
    if (data.targets().isPresent()) {
      values.put(QuarterLosses.ALIGNMENT, new HeldOutAlignment(recipe, data).measure(network));
    }
    return values;
  }

  @Override
  String sampler() {
    return RecipeFields.name(recipe.samples().sampler().of(recipe.process()));
  }

  @Override
  List<Image> measured(Denoising network) throws IOException {
    return GeneratorSamples.measured(recipe, decoder).images(network);
  }

  @Override
  List<Image> decoded(int count, Stream stream) throws IOException {
    int[] images = data.first(count);
    FixedNoise noise = new FixedNoise(recipe.run().seed(), REAL_LATENTS);
    float[] latents = new float[images.length * data.elements()];
    for (int i = 0; i < images.length; i++) {
      data.draw(images[i], noise, latents, i * data.elements());
    }
    return decoder.decode(latents, images.length, stream);
  }

  @Override
  Image picture(Denoising network) throws IOException {
    return GeneratorSamples.shown(recipe, decoder).picture(network);
  }

  @Override
  ReportData report(Trainer<GeneratorTask> trainer, RunFolder of, Shown shown) throws IOException {
    return GeneratorReport.of(
        recipe,
        of,
        data,
        trainer.step(),
        shown.picture(),
        shown.validation(),
        shown.distances(),
        trainer.stream().device().info());
  }

  @Override
  Map<String, String> metadata() {
    return new GeneratorMetadata(
            recipe.model().config(),
            recipe.process().process(),
            autoencoder().origin(),
            data.classes(),
            data.targets().map(t -> t.origin(recipe)))
        .toMap();
  }

  @Override
  List<Metric> heldOutMetrics() {
    return data.heldOut().length == 0 ? List.of() : List.of(new Metric("loss", "loss", false));
  }

  @Override
  Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("latents_rms", data.rms());
    facts.put("held_out", Math.min(HeldOutLoss.MOST, data.heldOut().length));
    return facts;
  }

  @Override
  String text(Map<String, Double> measured) {
    return measured.containsKey("loss")
        ? String.format(Locale.ROOT, "loss on held-out latents %.4f%n", measured.get("loss"))
        : "";
  }
}
