package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import java.nio.file.Path;
import java.util.List;

/**
 * Features that lie beside the latents ({@code encode --features}).
 *
 * @param path the folder's
 * @param folder the latents; stays the caller's
 * @param grid the network and its grid
 */
record CachedFeatures(Path path, LatentFolder folder, FeatureGrid grid) implements FeatureSource {
  /**
   * Looks for features.
   *
   * @throws EqvaeException.Argument if there are none
   */
  static CachedFeatures of(Path path, LatentFolder folder) {
    FeatureGrid there =
        folder
            .features()
            .orElseThrow(
                () ->
                    new EqvaeException.Argument(
                        path
                            + " has no features to align with; encode again with --features"
                            + " NETWORK, name the network with alignment.encoder, or set"
                            + " alignment.coefficient=0"));
    return new CachedFeatures(path, folder, there);
  }

  @Override
  public List<FeatureGrid> grids() {
    return List.of(grid);
  }

  @Override
  public String origin(int network) {
    return path.toString();
  }

  @Override
  public String advice() {
    return "encode with --features of that network";
  }

  @Override
  public String how() {
    return "";
  }

  /** Refuses features whose positions were fitted in another way: they are other features. */
  void requirePositions(String asked) {
    if (grid.positions().filter(asked::equals).isEmpty()) {
      throw new EqvaeException.Argument(
          path
              + ": "
              + grid.positions()
                  .map(rule -> "its features have positions fitted as " + FileNames.shown(rule))
                  .orElse(
                      "its index.json does not say how positions were fitted (networks without"
                          + " such a table have none)")
              + ", the recipe wants those of "
              + asked
              + " (alignment.positions); encode again with --features-positions "
              + asked
              + ", or set alignment.positions=any");
    }
  }

  @Override
  public void read(int[] images, boolean[] mirrored, List<float[]> out) {
    int each = grid.side() * grid.side() * grid.width();
    for (int i = 0; i < images.length; i++) {
      folder.readFeatures(images[i], mirrored[i], out.getFirst(), i * each);
    }
  }

  @Override
  public void close() {}
}
