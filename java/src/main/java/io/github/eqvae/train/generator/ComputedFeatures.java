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
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Features that frozen networks compute while the generator trains, as REPA's {@code train.py}
 * does, with the bits that {@code encode --features} stores. The networks have a stream of their
 * own in single precision, so that on a GPU they compute beside the step before.
 */
final class ComputedFeatures implements FeatureSource {
  private final List<Path> paths;
  private final LatentPictures pictures;
  private final Device device;
  private final Stream stream;
  private final List<PatchFeatures> networks;
  private final List<FeatureGrid> grids;

  private ComputedFeatures(GeneratorRecipe recipe, LatentPictures pictures) throws IOException {
    this.pictures = pictures;
    paths = recipe.alignment().encoder();
    device = device(recipe.run());
    stream = new Stream(device);
    try {
      networks = networks(recipe, stream, pictures.side());
    } catch (IOException | RuntimeException | Error e) {
      stream.close();
      device.close();
      throw e;
    }
    grids = networks.stream().map(FeatureGrid::of).toList();
  }

  /**
   * Loads the networks and finds the pictures.
   *
   * @param recipe with an {@code alignment.encoder}
   * @param folder its latents
   * @throws IOException when something cannot be read
   * @throws EqvaeException.Argument when something is missing or does not fit
   */
  static ComputedFeatures open(GeneratorRecipe recipe, LatentFolder folder) throws IOException {
    for (Path path : recipe.alignment().encoder()) {
      if (!Files.exists(path)) {
        throw new EqvaeException.Argument("alignment.encoder: there is no file or folder " + path);
      }
    }
    LatentPictures pictures =
        LatentPictures.open(recipe.data().path(), folder, recipe.alignment().images());
    try {
      return new ComputedFeatures(recipe, pictures);
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

  private static List<PatchFeatures> networks(GeneratorRecipe recipe, Stream stream, int side)
      throws IOException {
    AlignmentRecipe alignment = recipe.alignment();
    List<PatchFeatures> open = new ArrayList<>();
    try {
      for (Path path : alignment.encoder()) {
        FeatureNetworks.Options options = alignment.options(open.size(), tokens(recipe));
        open.add(FeatureNetworks.open(path, stream, side, options));
      }
      return List.copyOf(open);
    } catch (EqvaeException.Argument e) {
      open.forEach(PatchFeatures::close);
      throw new EqvaeException.Argument("alignment.encoder: " + e.getMessage());
    } catch (IOException | RuntimeException | Error e) {
      open.forEach(PatchFeatures::close);
      throw e;
    }
  }

  /** Rows and columns of the generator's tokens. */
  static int tokens(GeneratorRecipe recipe) {
    return recipe.model().side() / recipe.model().patch();
  }

  /**
   * The memory of the networks and of what they compute.
   *
   * @param recipe any
   * @param stream of a device that only plans
   * @return bytes; 0 without {@code alignment.encoder}, or if files are not there
   */
  static long plannedBytes(GeneratorRecipe recipe, Stream stream) {
    if (!recipe.alignment().isOn() || recipe.alignment().encoder().isEmpty()) {
      return 0;
    }
    long before = stream.device().memory().liveBytes();
    try {
      int side = EncodedPictures.read(recipe.data().path()).square().size();
      List<Image> black = List.of(new Image(side, side, 3, new byte[side * side * 3]));
      List<PatchFeatures> networks = networks(recipe, stream, side);
      try {
        networks.forEach(network -> network.of(black));
        return stream.device().memory().liveBytes() - before;
      } finally {
        networks.forEach(PatchFeatures::close);
      }
    } catch (IOException | EqvaeException.Argument | EqvaeException.Unsupported e) {
      return 0; // the run reports what is wrong with the file
    }
  }

  @Override
  public List<FeatureGrid> grids() {
    return grids;
  }

  @Override
  public String origin(int network) {
    return paths.get(network).toString();
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

  /** Refuses a rule that these networks have no use for, and other features beside the latents. */
  void requireAlone(AlignmentRecipe asked, LatentFolder folder) {
    for (int k = 0; k < grids.size(); k++) {
      if (asked.positions() != AlignmentRecipe.Positions.ANY
          && grids.get(k).positions().isEmpty()) {
        throw new EqvaeException.Argument(
            paths.get(k)
                + " has no table of positions to be fitted; leave out alignment.positions");
      }
    }
    folder
        .features()
        .filter(there -> grids.stream().noneMatch(grid -> isSame(grid, there)))
        .ifPresent(
            there -> {
              throw new EqvaeException.Argument(
                  ("there are features beside the latents, %s, and alignment.encoder computes"
                          + " others, %s: leave out alignment.encoder to align with the former, or"
                          + " encode again without --features")
                      .formatted(
                          AlignmentTargets.text(there),
                          grids.stream()
                              .map(AlignmentTargets::text)
                              .collect(Collectors.joining(" and "))));
            });
  }

  private static boolean isSame(FeatureGrid grid, FeatureGrid there) {
    return there.sha256().equals(grid.sha256())
        && there.preprocessing().equals(grid.preprocessing())
        && there.side() == grid.side();
  }

  @Override
  public void read(int[] images, boolean[] mirrored, List<float[]> out) throws IOException {
    List<Image> squares = pictures.squares(images, mirrored);
    for (int k = 0; k < networks.size(); k++) {
      float[] features = networks.get(k).of(squares);
      System.arraycopy(features, 0, out.get(k), 0, features.length);
    }
  }

  @Override
  public void close() {
    networks.forEach(PatchFeatures::close);
    stream.close();
    device.close();
    pictures.close();
  }
}
