package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The weights that a recipe's {@code model.init_from} names.
 *
 * @param from the file; empty if the recipe names none
 * @param weights which of the file's
 * @param hints what the tensors do not show
 * @param opener opens a file
 * @param config the shape of the network in a file
 * @param wanted the shape that the recipe's network has
 * @param trained how a file's network was trained otherwise than this run trains it; empty if it
 *     was not, or does not say
 * @param <C> the kind of checkpoint
 */
record InitialWeights<C extends NetworkCheckpoint>(
    Optional<Path> from,
    Weights weights,
    GeneratorHints hints,
    Opener<C> opener,
    Function<C, Record> config,
    Record wanted,
    Function<C, Optional<String>> trained) {
  /** Opens a checkpoint. */
  interface Opener<C> {
    C open(Path path, Weights weights, GeneratorHints hints) throws IOException;
  }

  /** Those of a network on latents. */
  static InitialWeights<GeneratorCheckpoint> of(GeneratorRecipe recipe) {
    DitConfig wanted = recipe.model().config();
    return new InitialWeights<>(
        recipe.model().initFrom(),
        recipe.model().initWeights(),
        // The tensors do not show how many heads there are.
        new GeneratorHints(OptionalInt.of(wanted.heads()), Optional.empty()),
        GeneratorCheckpoint::open,
        GeneratorCheckpoint::config,
        wanted,
        checkpoint -> otherProcess(checkpoint.process(), recipe.process().process()));
  }

  /** Those of MaskGIT. */
  static InitialWeights<MaskGitCheckpoint> of(MaskGitRecipe recipe) {
    MaskGitConfig wanted = recipe.model().config();
    return new InitialWeights<>(
        recipe.model().initFrom(),
        recipe.model().initWeights(),
        // The tensors do not show how many heads there are, nor which rows of the table are codes.
        new GeneratorHints(
            OptionalInt.of(wanted.heads()), Optional.empty(), OptionalInt.of(wanted.codes())),
        MaskGitCheckpoint::open,
        MaskGitCheckpoint::config,
        wanted,
        checkpoint -> Optional.empty());
  }

  /** Networks of DiT, SiT and REPA have the same tensors, but read time in other ways. */
  private static Optional<String> otherProcess(
      Optional<GeneratorProcess> theirs, GeneratorProcess ours) {
    return theirs
        .filter(process -> !process.equals(ours))
        .map(
            process ->
                name(process).equals(name(ours))
                    ? "was trained as " + name(ours) + ", but with other settings than this run has"
                    : "was trained as "
                        + name(process)
                        + ", this run trains as "
                        + name(ours)
                        + ", whose time and target differ: the network must learn them anew");
  }

  private static String name(GeneratorProcess process) {
    return switch (process) {
      case GeneratorProcess.Steps _ -> "dit";
      case GeneratorProcess.Flow _ -> "sit";
      case GeneratorProcess.Repa _ -> "repa";
    };
  }

  private C open(Path path) throws IOException {
    C checkpoint = opener.open(path, weights, hints);
    Record found = config.apply(checkpoint);
    if (!found.equals(wanted)) {
      checkpoint.close();
      throw new EqvaeException.Argument(
          "model.init_from: "
              + path
              + " is of another network than the recipe:\n  "
              + String.join("\n  ", differences(found))
              + "\nChange section model, or name another checkpoint; "
              + Invocation.shown("inspect", path)
              + " shows it.");
    }
    return checkpoint;
  }

  /** What differs from the wanted shape, one line each. */
  private List<String> differences(Record found) {
    List<String> lines = new ArrayList<>();
    for (RecordComponent part : wanted.getClass().getRecordComponents()) {
      Object ours = value(part, wanted);
      Object theirs = value(part, found);
      if (!ours.equals(theirs)) {
        String key = part.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
        lines.add(key + ": the recipe has " + ours + ", the checkpoint " + theirs);
      }
    }
    return lines;
  }

  private static Object value(RecordComponent part, Record of) {
    try {
      return part.getAccessor().invoke(of);
    } catch (ReflectiveOperationException e) {
      throw new EqvaeException.Internal("a network's shape could not be read", e);
    }
  }

  /**
   * Checks that the file fits.
   *
   * @return which weights are taken if it has two sets of them; how it was trained otherwise
   */
  List<String> check() throws IOException {
    if (from.isEmpty()) {
      return List.of();
    }
    try (C checkpoint = open(from.get())) {
      Stream<String> notes =
          Stream.concat(
              trained.apply(checkpoint).stream(),
              checkpoint.weightsNote().stream()
                  .map(note -> note.replace("--weights ", "model.init_weights=")));
      return notes.map(note -> "model.init_from: " + from.get() + ": " + note).toList();
    }
  }

  /** Fills a network from the file, if the recipe names one. */
  boolean load(Consumer<C> fill) throws IOException {
    if (from.isEmpty()) {
      return false;
    }
    try (C checkpoint = open(from.get())) {
      fill.accept(checkpoint);
    }
    return true;
  }
}
