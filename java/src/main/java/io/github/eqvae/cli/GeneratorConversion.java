package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.cli.GeneratorLayoutOption.Layout;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.GeneratorWriter;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.TrainingWriter;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.generator.RunTraining;
import io.github.eqvae.train.generator.TrainedGenerator;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;

/**
 * {@code eqvae convert --to dit} and {@code --to maskgit}: a generator from one file format to
 * another.
 *
 * @param source a file, or the folder of a run or of a checkpoint
 * @param destination the new file
 * @param pickle whether that is a PyTorch file, not safetensors
 * @param layout what a PyTorch file has beside the weights
 * @param dtype the type of the numbers; empty to keep them
 * @param weights which set of weights
 * @param generator settings that the source may not have
 * @param line the command line, for output and notes
 */
record GeneratorConversion(
    Path source,
    Path destination,
    boolean pickle,
    Layout layout,
    Optional<FloatType> dtype,
    Weights weights,
    GeneratorHintsOption generator,
    CommandLine line) {

  /** What was written. */
  private record Written(Map<String, Long> overflows, List<String> missing) {}

  void dit() throws IOException {
    check();
    CheckpointFile file = open();
    try (file;
        GeneratorCheckpoint checkpoint = GeneratorCheckpoint.of(file, weights, generator.hints())) {
      generator.requireFits(source, checkpoint.config().heads(), checkpoint.process());
      say(checkpoint, write(checkpoint));
      if (checkpoint.process().isEmpty()) {
        note(
            source
                + " does not say how this network was trained, so neither does "
                + destination
                + "; to add it: --trained-as dit or sit");
      }
      checkpoint.process().flatMap(GeneratorConversion::unlikeSample).ifPresent(this::note);
    }
    finish();
  }

  /** Sampled by the references' defaults, a network that was trained otherwise gives noise. */
  private static Optional<String> unlikeSample(GeneratorProcess process) {
    String trained = "trained as " + GeneratorInspection.text(process) + "; ";
    return switch (process) {
      case GeneratorProcess.Steps s when !s.equals(GeneratorProcess.DIT) ->
          Optional.of(
              trained
                  + "DiT's sample.py assumes for every network: "
                  + GeneratorInspection.text(GeneratorProcess.DIT));
      case GeneratorProcess.Flow f
          when f.transport().path() != GeneratorProcess.SIT.transport().path()
              || f.transport().prediction() != GeneratorProcess.SIT.transport().prediction() ->
          Optional.of(trained + "give SiT's sample.py the options --path-type and --prediction");
      case GeneratorProcess.Repa r when !r.equals(GeneratorProcess.REPA) ->
          Optional.of(trained + "give REPA's generate.py the option --path-type");
      default -> Optional.empty();
    };
  }

  void maskGit() throws IOException {
    check();
    CheckpointFile file = open();
    // the references keep the average in a file of its own, ema.pth
    Weights which = layout == Layout.TRAINING && hasBoth(file) ? Weights.MODEL : weights;
    try (file;
        MaskGitCheckpoint checkpoint = MaskGitCheckpoint.of(file, which, generator.hints())) {
      generator.requireFits(source, checkpoint.config());
      say(checkpoint, write(checkpoint));
      if (which != weights) {
        note(
            "these are the weights as last trained; the references keep the average in ema.pth,"
                + " which --weights ema without --layout writes");
      }
    }
    finish();
  }

  private Written write(NetworkCheckpoint checkpoint) throws IOException {
    GeneratorWriter writer = new GeneratorWriter(dtype);
    return switch (layout) {
      case TRAINING -> new Written(Map.of(), TrainingWriter.write(destination, checkpoint));
      case BARE -> new Written(writer.writeStateDict(destination, checkpoint), List.of());
      case SAMPLING ->
          new Written(
              pickle
                  ? writer.writeTorch(destination, checkpoint)
                  : writer.writeSafetensors(destination, checkpoint),
              List.of());
    };
  }

  private static boolean hasBoth(CheckpointFile file) {
    return file.sections().keySet().stream().anyMatch(Weights::isAverage);
  }

  private void check() throws IOException {
    if (!pickle && layout != Layout.SAMPLING) {
      throw new EqvaeException.Argument(
          "--layout is for PyTorch files: end " + destination + " with .pt, or leave it out");
    }
    if (layout == Layout.TRAINING && (dtype.isPresent() || weights != Weights.AUTO)) {
      throw new EqvaeException.Argument(
          "--layout training writes all weights with their own numbers: leave out --dtype and"
              + " --weights");
    }
  }

  /** A run's state is in its checkpoints, its final model only has the average. */
  private CheckpointFile open() throws IOException {
    boolean state =
        layout == Layout.TRAINING
            || TrainedGenerator.isInCheckpoints(source, weights)
            || !TrainedGenerator.isRun(source);
    return state && RunTraining.isThere(source)
        ? RunTraining.open(source)
        : CheckpointFile.open(source, weights);
  }

  private void say(NetworkCheckpoint checkpoint, Written written) {
    PrintWriter stderr = line.getErr();
    if (layout != Layout.TRAINING) {
      WeightsOption.say(stderr, source, checkpoint.weightsNote());
      boolean state =
          checkpoint.file().value(TrainingWriter.OPTIMIZER).isPresent()
              || checkpoint.file().value(TrainingWriter.MASKGIT_OPTIMIZER).isPresent();
      if (state) {
        note("left out: the optimiser's state; --layout training writes it to a .pt");
      }
    }
    if (layout == Layout.BARE) {
      note(
          "a bare file says neither the number of heads nor how the network was trained: commands"
              + " may ask for --heads and --trained-as");
    }
    written.missing().forEach(what -> note(source + ": " + what));
    ConversionNotes notes = new ConversionNotes(stderr);
    notes.leftOut(new LinkedHashMap<>(checkpoint.others()));
    notes.notFinite(checkpoint.notFinite());
    notes.overflows(written.overflows());
  }

  private void note(String text) {
    line.getErr().println("eqvae: note: " + text);
  }

  private void finish() {
    line.getErr().flush();
    line.getOut().println("wrote " + destination);
    line.getOut().flush();
  }
}
