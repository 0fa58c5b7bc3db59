package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.eval.StatisticsFile;
import io.github.eqvae.io.Folders;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options of {@code evaluate} for generated images. */
final class GeneratedOptions {
  @Option(
      names = "--reference",
      paramLabel = "REAL",
      description =
          "Real images to compare with: a folder of pictures, a .npz of images or of statistics, or"
              + " an IDX file. MODEL is then the generated images, a .npz or a folder. Needs"
              + " --inception, --dinov2 or --classifier.")
  private Optional<Path> reference = Optional.empty();

  @Option(
      names = "--protocol",
      paramLabel = "WHOSE",
      description =
          "The protocol, with --inception: adm (default: FID, sFID, IS, precision and recall as DiT"
              + " and SiT report them, and KID) or pytorch_fid (its FID).")
  private Optional<Protocol> protocol = Optional.empty();

  @Option(
      names = "--write-statistics",
      paramLabel = "FILE",
      description =
          "Writes statistics of MODEL's images into a .npz that ADM's evaluation and pytorch-fid"
              + " read (mu, sigma; mu_s, sigma_s). Needs no --reference.")
  private Optional<Path> statistics = Optional.empty();

  @Option(
      names = "--with-images",
      description =
          "With --write-statistics: also writes the images (arr_0), which ADM's precision and"
              + " recall need.")
  private boolean withImages;

  /** Whether generated images are compared, or statistics written. */
  boolean isGiven() {
    return reference.isPresent() || statistics.isPresent();
  }

  /** Refuses these options if no generated images are given. */
  void requireNone() {
    if (protocol.isPresent() || withImages) {
      throw new EqvaeException.Argument(
          "--protocol and --with-images are for generated images: add --reference or"
              + " --write-statistics");
    }
  }

  /** The request. */
  GeneratedEvaluation evaluation(
      Path samples, Optional<Path> inception, ComparedFeatures features) {
    List<Path> named =
        Stream.of(inception.stream(), features.classifiers().stream(), features.dinov2().stream())
            .flatMap(s -> s)
            .toList();
    if (named.size() != 1) {
      throw new EqvaeException.Argument(
          "A Fréchet distance compares features of one network: give --inception FILE, --dinov2"
              + " FILE (see "
              + Invocation.shown("weights")
              + ") or --classifier FILE, the model.safetensors of a run"
              + " whose recipe has task: classifier ("
              + Invocation.shown("recipes")
              + ")");
    }
    Protocol own =
        !features.classifiers().isEmpty()
            ? Protocol.CLASSIFIER
            : features.dinov2().isPresent() ? Protocol.DINOV2 : Protocol.ADM;
    Protocol whose = protocol.orElse(own);
    boolean ofInception = whose == Protocol.ADM || whose == Protocol.PYTORCH_FID;
    if (whose != own && !(ofInception && inception.isPresent())) {
      throw new EqvaeException.Argument(
          "--protocol "
              + whose
              + (ofInception
                  ? " uses Inception's features: give --inception FILE"
                  : whose == Protocol.DINOV2
                      ? " uses DINOv2's features: give --dinov2 FILE"
                      : " uses a classifier's features: give --classifier FILE"));
    }
    if (statistics.isPresent()) {
      Path file = statistics.get();
      requirePlace(file);
      requireOther(file, samples);
      reference.ifPresent(real -> requireOther(file, real));
      requireOurs(file);
    }
    if (withImages && statistics.isEmpty()) {
      throw new EqvaeException.Argument("--with-images needs --write-statistics FILE");
    }
    return new GeneratedEvaluation(
        samples, reference, named.getFirst(), whose, statistics, withImages);
  }

  /** What is measured must not be replaced by its statistics. */
  private static void requireOther(Path file, Path read) {
    try {
      if (Folders.isSame(file, read)) {
        throw new EqvaeException.Argument(
            "--write-statistics " + file + " is one of the files that are read; name another one");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void requirePlace(Path file) {
    if (!file.toString().endsWith(".npz")
        || !Files.isDirectory(file.toAbsolutePath().getParent())) {
      throw new EqvaeException.Argument(
          "--write-statistics " + file + ": name a .npz file in a folder that exists");
    }
  }

  /** Somebody else's file must not be replaced. */
  private static void requireOurs(Path file) {
    if (Files.exists(file) && !isOurs(file)) {
      throw OutputLock.notOurs("--write-statistics " + file, "statistics");
    }
  }

  private static boolean isOurs(Path file) {
    try {
      return StatisticsFile.read(file).flatMap(StatisticsFile::origin).isPresent();
    } catch (IOException | EqvaeException notReadable) {
      return false;
    }
  }
}
