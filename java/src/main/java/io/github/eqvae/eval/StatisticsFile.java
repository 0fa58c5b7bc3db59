package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Statistics of a set of images in a {@code .npz}: in the format of pytorch-fid ({@code mu}, {@code
 * sigma}) or openai/guided-diffusion (also {@code mu_s} and {@code sigma_s} of the spatial
 * features, and perhaps the images, {@code arr_0}). Files that eqvae writes also record their
 * origin, in arrays that both programs ignore.
 *
 * @param pooled statistics for the FID
 * @param spatial statistics for the sFID
 * @param origin the origin; empty for files of other programs
 */
public record StatisticsFile(
    GaussianStatistics pooled, Optional<GaussianStatistics> spatial, Optional<Origin> origin) {
  private static final String MADE = "eqvae_made";
  private static final String IMAGES = "eqvae_images";

  /** The largest size of these arrays in bytes. */
  private static final long SMALL = 1 << 16;

  /**
   * The origin of statistics.
   *
   * @param protocol the protocol
   * @param weightsSha256 SHA-256 of the file of the network's weights
   * @param images number of images
   */
  public record Origin(String protocol, String weightsSha256, long images) {}

  /**
   * Reads a file.
   *
   * @param file a {@code .npz}
   * @return its statistics; empty if it has none, in which case it may have images
   * @throws IOException when it cannot be read or is broken
   */
  public static Optional<StatisticsFile> read(Path file) throws IOException {
    Optional<GaussianStatistics> pooled = GaussianStatistics.readPooled(file);
    if (pooled.isEmpty()) {
      return Optional.empty();
    }
    Map<String, NpyArray> made = NpzFile.read(file, List.of(MADE, IMAGES), SMALL);
    Optional<Origin> origin = Optional.empty();
    if (made.size() == 2) {
      try {
        List<String> words = made.get(MADE).toTexts();
        origin = Optional.of(new Origin(words.get(0), words.get(1), made.get(IMAGES).toInts()[0]));
      } catch (EqvaeException.Argument | IndexOutOfBoundsException e) {
        throw new IOException(
            file + ": " + MADE + " and " + IMAGES + " were not written by eqvae", e);
      }
    }
    return Optional.of(
        new StatisticsFile(pooled.get(), GaussianStatistics.readSpatial(file), origin));
  }

  /**
   * The arrays of a file.
   *
   * @return arrays by name, in the order of guided-diffusion's files
   */
  public Map<String, NpyArray> arrays() {
    Map<String, NpyArray> arrays = new LinkedHashMap<>(pooled.arrays(spatial));
    origin.ifPresent(
        o -> {
          arrays.put(MADE, NpyArray.texts(List.of(o.protocol(), o.weightsSha256())));
          arrays.put(IMAGES, NpyArray.longs(new long[] {o.images()}, 1));
        });
    return arrays;
  }

  /**
   * Checks that these statistics may be compared with those of a network.
   *
   * @param file their file, for the message
   * @param protocol the network's protocol
   * @param weightsSha256 SHA-256 of its weights
   * @throws EqvaeException.Argument when they are of another protocol, or of other weights
   */
  public void require(Path file, Protocol protocol, String weightsSha256) {
    origin.ifPresent(
        o -> {
          if (!o.protocol().equals(protocol.toString())) {
            throw new EqvaeException.Argument(
                "%s holds statistics by the protocol %s, which cannot be compared with %s's"
                    .formatted(file, o.protocol(), protocol));
          }
          if (!o.weightsSha256().equals(weightsSha256)) {
            throw new EqvaeException.Argument(
                ("%s holds statistics of a network with other weights (SHA-256 %.12s…, now"
                        + " %.12s…)")
                    .formatted(file, o.weightsSha256(), weightsSha256));
          }
        });
    if (protocol == Protocol.PYTORCH_FID && spatial.isPresent() && origin.isEmpty()) {
      throw new EqvaeException.Argument(
          file
              + " has spatial statistics (mu_s), so it was made by guided-diffusion's evaluation"
              + " and cannot be used with pytorch-fid's protocol: leave --protocol out");
    }
  }
}
