package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.eval.SharedBatches;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.WriteFailure;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.AutoencoderWorkload;
import io.github.eqvae.train.autoencoder.MeasuredModel;
import io.github.eqvae.train.autoencoder.RunReports;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.SettingChange;
import io.github.eqvae.train.report.Report;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * {@code evaluate} of an autoencoder's run.
 *
 * @param run its folder
 * @param data a folder of pictures, or a file of MNIST's form; empty for the run's own held-out
 *     images
 * @param settings overrides of its recipe
 * @param sample seed of samples of the posterior; empty for its mode
 * @param weights which are measured
 * @param json where the figures go, too
 * @param device where to compute
 */
record RunEvaluation(
    Path run,
    Optional<Path> data,
    List<String> settings,
    Optional<Long> sample,
    Weights weights,
    JsonOption json,
    DeviceOption device) {
  /** The folder of a run in which several ranks keep results until all is done. */
  static final String PARTS = "evaluation.parts";

  /** Settings that change how a run is computed, but not the result. */
  private static final Set<String> HOW =
      Set.of(
          "run.device",
          "run.threads",
          "run.precision",
          "data.workers",
          "data.cache_megabytes",
          "data.cache_latents_megabytes");

  /** Measures, prints and keeps the figures. */
  int print(SharedBatches shared, PrintWriter stdout, PrintWriter stderr) throws IOException {
    RunFolder folder = new RunFolder(run);
    List<String> overrides = new ArrayList<>(settings);
    device.addTo(overrides);
    data.ifPresent(
        d -> {
          boolean idx = Files.isRegularFile(d) && IdxDataset.isImages(d);
          if (!Files.isDirectory(d) && !idx) {
            throw new EqvaeException.Argument(
                "--data "
                    + d
                    + " is neither a folder nor a file of MNIST's form (…images-idx3-ubyte)");
          }
          overrides.addFirst("evaluation.images=" + Integer.MAX_VALUE); // unless --set says less
          overrides.addAll(
              List.of(
                  "data.kind=" + (idx ? "idx" : "image_folder"),
                  RecipeReader.set("data.path", d.toString()),
                  "data.validation=0",
                  "data.validation_path=null"));
          if (!idx) {
            overrides.add("data.pad=0"); // the margin belongs to pictures of MNIST's size
          }
        });
    AutoencoderRecipe recipe = folder.readRecipe(overrides, List.of(AutoencoderRecipe.KIND));
    Console console = new Console(stderr);
    AutoencoderWorkload images = recipe.workload(console);
    try (TrainingRun<AutoencoderTask> measured =
        new TrainingRun<>(recipe, images, folder, console)) {
      measured.trainer().resume(folder.latest(recipe, console));
      useWanted(measured);
      Optional<MeasuredModel> figures =
          images.evaluate(
              measured,
              sample.map(OptionalLong::of).orElse(OptionalLong.empty()),
              why -> console.note(why + " in evaluation.inception_weights (docs/rfid.md)"),
              shared);
      if (figures.isEmpty()) {
        return 0; // another rank has them
      }
      MeasuredModel result = figures.get();
      if (data.isPresent()) {
        result = result.on(data.get());
      }
      result.requireFinite(run);
      PrintWriter text = json.text(stdout, stderr);
      text.print(result.text() + images.leftOut());
      Optional<String> other = notTheRuns(TrainedModel.recipe(run), recipe);
      if (other.isPresent()) {
        text.println(
            "these figures were not written into "
                + run
                + ": its evaluation.json is for the run's own weights and images (measured now: "
                + other.get()
                + ")"
                + (json.isGiven() ? "" : "; --json FILE keeps them"));
      } else {
        text.flush();
        text.println(keep(recipe, folder, result, stderr));
      }
      text.flush();
      json.write(result.json(), stdout);
      shared.finish();
    }
    return 0;
  }

  /** Writes the result into the run's folder, if its training has ended; returns a message. */
  private static String keep(
      AutoencoderRecipe recipe, RunFolder folder, MeasuredModel result, PrintWriter err)
      throws IOException {
    FolderLock lock;
    try {
      lock = folder.lock("evaluate", new Console(err)::note);
    } catch (EqvaeException.Argument taken) {
      return "nothing was written: " + taken.getMessage();
    } catch (FileSystemException answer) { // the run's folder may not be writable
      return "nothing was written into "
          + folder.evaluation().getParent()
          + ": "
          + WriteFailure.reason(answer)
          + "; --json FILE keeps the figures";
    }
    try (lock) {
      AtomicFiles.write(folder.evaluation(), result.json());
      AtomicFiles.write(folder.report(), Report.html(RunReports.single(recipe, folder, result)));
    }
    return "report " + folder.report();
  }

  /** Options with which the metrics are not those of the run's model on its own images. */
  private Optional<String> notTheRuns(AutoencoderRecipe own, AutoencoderRecipe now) {
    List<String> other = new ArrayList<>();
    data.ifPresent(d -> other.add("--data " + d));
    sample.ifPresent(seed -> other.add("--sample " + seed));
    if (weights == Weights.MODEL) {
      other.add("--weights model");
    }
    if (data.isEmpty()) {
      own.changes(now).stream()
          .map(SettingChange::key)
          .filter(key -> !key.startsWith("evaluation.") && !HOW.contains(key))
          .forEach(key -> other.add("--set " + key));
    }
    return other.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", other));
  }

  private void useWanted(TrainingRun<AutoencoderTask> measured) {
    TrainedModel.requireAverage(run, weights);
    if (weights != Weights.MODEL) {
      measured.useAverage();
    }
    Trainer<AutoencoderTask> trainer = measured.trainer();
    FiniteWeights.require(run.toString(), trainer.task().vae().parameters(), trainer.stream());
  }
}
