package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Settings that another program's generator checkpoint may not have. */
final class GeneratorHintsOption {
  private enum Kind {
    DIT(GeneratorProcess.DIT),
    SIT(GeneratorProcess.SIT),
    REPA(GeneratorProcess.REPA);

    private final GeneratorProcess process;

    Kind(GeneratorProcess process) {
      this.process = process;
    }
  }

  @Option(
      names = "--heads",
      paramLabel = "N",
      description =
          "For a generator: attention heads, if its size is not a published one and its tensors do"
              + " not show the number.")
  private Optional<Integer> heads = Optional.empty();

  @Option(
      names = "--codes",
      paramLabel = "N",
      description =
          "For a MaskGIT file of another program: entries of the codebook. Default: the rows of"
              + " the table that remain with 1000 labels, as published.")
  private Optional<Integer> codes = Optional.empty();

  @Option(
      names = "--trained-as",
      paramLabel = "KIND",
      description =
          "For a generator whose file does not say how it was trained: dit (1000 linear steps,"
              + " noise) or sit (velocity on straight paths), which have the same tensors; repa"
              + " (sit with reversed time) if the projectors were removed.")
  private Optional<Kind> kind = Optional.empty();

  boolean isGiven() {
    return heads.isPresent() || kind.isPresent() || codes.isPresent();
  }

  /** Refuses these options beside an autoencoder. */
  void requireNone() {
    if (isGiven()) {
      throw new EqvaeException.Argument(
          "--heads, --trained-as and --codes are for files of generators: leave them out");
    }
  }

  /**
   * Refuses what contradicts a generator of latents: its file says it, or its tensors show it.
   *
   * @param of the file, for messages
   * @param has its attention heads
   * @param trained its diffusion process, if it is known
   */
  void requireFits(Path of, int has, Optional<GeneratorProcess> trained) {
    requireHeads(of, has);
    if (codes.isPresent()) {
      throw new EqvaeException.Argument("--codes is for MaskGIT, and " + of + " makes latents");
    }
    if (kind.isPresent()
        && trained.isPresent()
        && !kind.get().process.getClass().equals(trained.get().getClass())) {
      throw new EqvaeException.Argument(
          "--trained-as "
              + kind.get().name().toLowerCase(Locale.ROOT)
              + " contradicts "
              + of
              + ", which says that it was trained otherwise: leave it out");
    }
  }

  /** Refuses what contradicts a MaskGIT. */
  void requireFits(Path of, MaskGitConfig has) {
    requireHeads(of, has.heads());
    if (kind.isPresent()) {
      throw new EqvaeException.Argument(
          "--trained-as is for generators of latents, and " + of + " is a MaskGIT");
    }
    if (codes.isPresent() && codes.get() != has.codes()) {
      throw new EqvaeException.Argument(
          "--codes %d contradicts %s, which has %d".formatted(codes.get(), of, has.codes()));
    }
  }

  private void requireHeads(Path of, int has) {
    if (heads.isPresent() && heads.get() != has) {
      throw new EqvaeException.Argument(
          "--heads %d contradicts %s, which has %d".formatted(heads.get(), of, has));
    }
  }

  GeneratorHints hints() {
    return new GeneratorHints(
        heads.map(OptionalInt::of).orElseGet(OptionalInt::empty),
        kind.map(k -> k.process),
        codes.map(OptionalInt::of).orElseGet(OptionalInt::empty));
  }
}
