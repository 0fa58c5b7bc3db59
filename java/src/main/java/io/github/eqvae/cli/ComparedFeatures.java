package io.github.eqvae.cli;

import io.github.eqvae.train.recipe.RecipeReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Options of {@code evaluate} that name networks whose features are compared. */
final class ComparedFeatures {
  @Option(
      names = "--classifier",
      paramLabel = "FILE",
      description =
          "A classifier (task: classifier). Of an autoencoder: the Fréchet distance of the"
              + " reconstructions from the images; may be given several times. With --reference:"
              + " the figures of generated images, if you do not have Inception's weights.")
  private List<Path> classifiers = new ArrayList<>();

  @Option(
      names = "--dinov2",
      paramLabel = "FILE",
      description =
          "DINOv2: the same distances on its features, as dgm-eval computes them (FD). FILE is one"
              + " that `eqvae weights dinov2` wrote, or one of torch.hub, timm or transformers.")
  private Optional<Path> dinov2 = Optional.empty();

  List<Path> classifiers() {
    return classifiers;
  }

  Optional<Path> dinov2() {
    return dinov2;
  }

  /** Whether a network is named. */
  boolean isGiven() {
    return !classifiers.isEmpty() || dinov2.isPresent();
  }

  /** Settings of an autoencoder's run that name them. */
  List<String> settings() {
    List<String> settings = new ArrayList<>();
    if (!classifiers.isEmpty()) {
      settings.add(
          RecipeReader.set(
              "evaluation.classifiers", classifiers.stream().map(Path::toString).toList()));
    }
    dinov2.ifPresent(
        file -> settings.add(RecipeReader.set("evaluation.dinov2_weights", file.toString())));
    return settings;
  }
}
