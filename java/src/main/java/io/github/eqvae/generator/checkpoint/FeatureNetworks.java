package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.ClassifierPatches;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VisionTransformer;
import io.github.eqvae.generator.VitFeatures;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.model.ClassifierMetadata;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/** Opens feature networks, with whose features a generator can be aligned. */
public final class FeatureNetworks {
  private static final String MODEL = "model.safetensors";

  private FeatureNetworks() {}

  /**
   * Options of a feature network.
   *
   * @param grid rows and columns of the features; 0 for the network's own
   * @param pixels how pictures are prepared for a vision transformer
   * @param positions how a vision transformer's position embeddings are interpolated; REPA follows
   *     timm
   * @param heads number of heads of a vision transformer, if its heads do not have 64 channels
   */
  public record Options(
      int grid, FeaturePixels pixels, PositionResize positions, OptionalInt heads) {
    /** The options of REPA. */
    public static final Options PUBLISHED =
        new Options(0, FeaturePixels.DINOV2, PositionResize.TIMM, OptionalInt.empty());
  }

  /**
   * Opens a network.
   *
   * @param path a DINOv2 vision transformer, with the names of any library, another one with timm's
   *     names, or a classifier that eqvae trained: a file, or the folder of its run
   * @param stream orders the work
   * @param picture side of the pictures, which are square
   * @param options the options
   * @return the network; the caller closes it
   * @throws EqvaeException.Argument if it is neither, or does not suit the pictures or the grid
   * @throws IOException if it cannot be read
   */
  public static PatchFeatures open(Path path, Stream stream, int picture, Options options)
      throws IOException {
    Path file = Files.isRegularFile(path.resolve(MODEL)) ? path.resolve(MODEL) : path;
    if (isClassifier(file)) {
      ImageClassifier classifier = ClassifierFiles.load(file, stream);
      try {
        return new ClassifierPatches(classifier, stream, picture, options.grid());
      } catch (RuntimeException | Error e) {
        classifier.close();
        throw e;
      }
    }
    try (VitCheckpoint checkpoint = VitCheckpoint.open(path, options.heads())) {
      VisionTransformer vit = checkpoint.load(stream, options.positions());
      try {
        return new VitFeatures(
            vit, options.pixels(), options.positions(), stream, picture, options.grid());
      } catch (RuntimeException | Error e) {
        vit.close();
        throw e;
      }
    }
  }

  private static boolean isClassifier(Path file) throws IOException {
    if (!Files.isRegularFile(file) || !file.toString().endsWith(".safetensors")) {
      return false;
    }
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      return ClassifierMetadata.isThere(tensors.metadata());
    }
  }
}
