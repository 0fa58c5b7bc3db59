package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.latents.EncodedPictures;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.ranks.LocalRank;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Features that a frozen network computes while the generator trains, as REPA's {@code train.py}
 * does, with the bits that {@code encode --features} stores. The network has a stream of its own in
 * single precision, so that on a GPU it computes beside the step before.
 */
final class ComputedFeatures implements FeatureSource {
  private final Path path;
  private final LatentPictures pictures;
  private final Device device;
  private final Stream stream;
  private final PatchFeatures network;
  private final FeatureGrid grid;

  private ComputedFeatures(Path path, GeneratorRecipe recipe, LatentPictures pictures)
      throws IOException {
    this.path = path;
    this.pictures = pictures;
    device = device(recipe.run());
    stream = new Stream(device);
    try {
      network = network(path, recipe, stream, pictures.side());
      grid = FeatureGrid.of(network);
    } catch (IOException | RuntimeException | Error e) {
      stream.close();
      device.close();
      throw e;
    }
  }

  /**
   * Loads the network and finds the pictures.
   *
   * @param recipe with an {@code alignment.encoder}
   * @param folder its latents
   * @throws IOException when something cannot be read
   * @throws EqvaeException.Argument when something is missing or does not fit
   */
  static ComputedFeatures open(GeneratorRecipe recipe, LatentFolder folder) throws IOException {
    Path path = recipe.alignment().encoder().orElseThrow();
    if (!Files.exists(path)) {
      throw new EqvaeException.Argument("alignment.encoder: there is no file or folder " + path);
    }
    LatentPictures pictures =
        LatentPictures.open(recipe.data().path(), folder, recipe.alignment().images());
    try {
      return new ComputedFeatures(path, recipe, pictures);
    } catch (IOException | RuntimeException | Error e) {
      pictures.close();
      throw e;
    }
  }

  private static Device device(RunRecipe run) {
    try {
      return Device.ofRank(run.device(), run.threads(), LocalRank.of(System.getenv()));
    } catch (EqvaeException.Environment e) {
      return Device.open("cpu", run.threads()); // a dry run for a machine that is not this one
    }
  }

  private static PatchFeatures network(Path path, GeneratorRecipe recipe, Stream stream, int side)
      throws IOException {
    try {
      return FeatureNetworks.open(path, stream, side, recipe.alignment().options(tokens(recipe)));
    } catch (EqvaeException.Argument e) {
      throw new EqvaeException.Argument("alignment.encoder: " + e.getMessage());
    }
  }

  /** Rows and columns of the generator's tokens. */
  static int tokens(GeneratorRecipe recipe) {
    return recipe.model().side() / recipe.model().patch();
  }

  /**
   * The memory of the network and of what it computes.
   *
   * @param recipe any
   * @param stream of a device that only plans
   * @return bytes; 0 without {@code alignment.encoder}, or if files are not there
   */
  static long plannedBytes(GeneratorRecipe recipe, Stream stream) {
    AlignmentRecipe alignment = recipe.alignment();
    if (!alignment.isOn() || alignment.encoder().isEmpty()) {
      return 0;
    }
    long before = stream.device().memory().liveBytes();
    try {
      int side = EncodedPictures.read(recipe.data().path()).square().size();
      try (PatchFeatures network = network(alignment.encoder().get(), recipe, stream, side)) {
        network.of(List.of(new Image(side, side, 3, new byte[side * side * 3])));
        return stream.device().memory().liveBytes() - before;
      }
    } catch (IOException | EqvaeException.Argument | EqvaeException.Unsupported e) {
      return 0; // the run reports what is wrong with the file
    }
  }

  @Override
  public FeatureGrid grid() {
    return grid;
  }

  @Override
  public String origin() {
    return path.toString();
  }

  @Override
  public String advice() {
    return "name that network's file with alignment.encoder";
  }

  @Override
  public String how() {
    return "; computed while it trains, from the pictures in "
        + FileNames.shown(pictures.path().toString());
  }

  /** Refuses a rule that this network has no use for, and other features beside the latents. */
  void requireAlone(AlignmentRecipe asked, LatentFolder folder) {
    if (asked.positions() != AlignmentRecipe.Positions.ANY && grid.positions().isEmpty()) {
      throw new EqvaeException.Argument(
          path + " has no table of positions to be fitted; leave out alignment.positions");
    }
    FeatureGrid there = folder.features().orElse(grid);
    boolean same =
        there.sha256().equals(grid.sha256())
            && there.preprocessing().equals(grid.preprocessing())
            && there.side() == grid.side();
    if (!same) {
      throw new EqvaeException.Argument(
          ("there are features beside the latents, %s (weights %s, %d×%d, input: %s), and"
                  + " alignment.encoder computes others, %s (weights %s, %d×%d, input: %s): leave"
                  + " out alignment.encoder to align with the former, or encode again without"
                  + " --features")
              .formatted(
                  FileNames.shown(there.network()),
                  AlignmentTargets.shown(there.sha256()),
                  there.side(),
                  there.side(),
                  FileNames.shown(there.preprocessing()),
                  grid.network(),
                  AlignmentTargets.shown(grid.sha256()),
                  grid.side(),
                  grid.side(),
                  grid.preprocessing()));
    }
  }

  @Override
  public void read(int[] images, boolean[] mirrored, float[] out) throws IOException {
    float[] features = network.of(pictures.squares(images, mirrored));
    System.arraycopy(features, 0, out, 0, features.length);
  }

  @Override
  public void close() {
    network.close();
    stream.close();
    device.close();
    pictures.close();
  }
}
