package io.github.eqvae.train.generator;

import io.github.eqvae.latents.FeatureGrid;
import java.io.IOException;
import java.util.List;

/** Features of the pictures of a folder of latents, by the number of the latent. */
interface FeatureSource extends AutoCloseable {
  /** The networks and their grids. */
  List<FeatureGrid> grids();

  /** The file or folder that those of a network come from, for messages. */
  String origin(int network);

  /** What to do if they should be of another network, for messages. */
  String advice();

  /** How they come about, to be added to a line; empty if they are only read. */
  String how();

  /**
   * Gets features. Used by one thread.
   *
   * @param images numbers in the folder
   * @param mirrored whether those of the mirrored picture are wanted, for each
   * @param out receives {@code [N, T, width]} of each network at its beginning
   * @throws IOException when something cannot be read
   */
  void read(int[] images, boolean[] mirrored, List<float[]> out) throws IOException;

  @Override
  void close();
}
