package io.github.eqvae.train.generator;

import io.github.eqvae.generator.CodeSampling;
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
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The codes of MaskGIT's run, its loss on held-out ones, and the pictures it shows. */
public final class MaskGitWorkload extends SampledWorkload<MaskGitTask, CodeSampling> {
  private final MaskGitRecipe recipe;
  private final CodeData data;
  private final CodeDecoder decoder;

  /**
   * Opens the codes.
   *
   * @param recipe the recipe
   * @param observer told of real images that cannot be read
   * @throws IOException when they cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when they do not fit the recipe
   */
  MaskGitWorkload(MaskGitRecipe recipe, RunObserver observer) throws IOException {
    this(recipe, new CodeData(recipe), observer);
  }

  private MaskGitWorkload(MaskGitRecipe recipe, CodeData data, RunObserver observer) {
    super(data, recipe.samples().autoencoder(), recipe.distance(), observer);
    this.recipe = recipe;
    this.data = data;
    decoder = new CodeDecoder(recipe, autoencoder());
  }

  @Override
  ParameterStore parameters(MaskGitTask task) {
    return task.network().parameters();
  }

  @Override
  CodeSampling network(Trainer<MaskGitTask> trainer, TensorArena arena) {
    return new CodeSampling(
        trainer.task().network(), trainer.stream(), arena, recipe.samples().batch());
  }

  @Override
  BatchSource batches() {
    return new CodeBatches(recipe, data);
  }

  @Override
  Map<String, Double> heldOut(CodeSampling network) {
    return new HeldOutCodes(recipe, data).measure(network);
  }

  @Override
  String sampler() {
    return RecipeFields.name(recipe.samples().order());
  }

  @Override
  List<Image> measured(CodeSampling network) throws IOException {
    return MaskGitPictures.measured(recipe, decoder).images(network);
  }

  @Override
  List<Image> decoded(int count, Stream stream) throws IOException {
    List<int[]> codes = new ArrayList<>();
    for (int image : data.first(count)) {
      int[] one = new int[data.tokens()];
      data.read(image, false, one, 0);
      codes.add(one);
    }
    return decoder.decode(codes, stream);
  }

  @Override
  Image picture(CodeSampling network) throws IOException {
    return MaskGitPictures.shown(recipe, decoder).picture(network);
  }

  @Override
  ReportData report(Trainer<MaskGitTask> trainer, RunFolder of, Shown shown) throws IOException {
    return MaskGitReport.of(
        recipe,
        of,
        data.describe(),
        trainer.step(),
        shown.picture(),
        shown.validation(),
        shown.distances(),
        trainer.stream().device().info());
  }

  @Override
  Map<String, String> metadata() {
    return recipe.metadata(autoencoder().origin(), data.classes()).toMap();
  }

  @Override
  List<Metric> heldOutMetrics() {
    if (data.heldOut().length == 0) {
      return List.of();
    }
    return List.of(
        new Metric("loss", "loss", false),
        new Metric(MaskGitTask.MASKED_LOSS, MaskGitTask.MASKED_LOSS, false),
        new Metric(HeldOutCodes.ACCURACY, HeldOutCodes.ACCURACY, true));
  }

  @Override
  Map<String, Object> facts() {
    return Map.of("held_out", Math.min(HeldOutCodes.MOST, data.heldOut().length));
  }

  @Override
  String text(Map<String, Double> measured) {
    return measured.containsKey(MaskGitTask.MASKED_LOSS)
        ? String.format(
            Locale.ROOT,
            "hidden codes of held-out pictures: loss %.4f, %.1f %% right%n",
            measured.get(MaskGitTask.MASKED_LOSS),
            100 * measured.get(HeldOutCodes.ACCURACY))
        : "";
  }
}
