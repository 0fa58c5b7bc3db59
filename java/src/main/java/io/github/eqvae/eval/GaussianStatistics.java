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
 * Mean and covariance of images' features, for a Fréchet distance. Reads and writes files of
 * pytorch-fid ({@code mu}, {@code sigma}) and of openai/guided-diffusion (also {@code mu_s}, {@code
 * sigma_s} of the spatial features).
 *
 * @param mean {@code [d]}
 * @param covariance {@code [d, d]}, row-major, symmetric
 */
public record GaussianStatistics(double[] mean, double[] covariance) {
  private static final String SPATIAL = "_s";

  /** Largest array in bytes: guided-diffusion's have about 2048² doubles. */
  private static final long LIMIT = 1L << 28;

  /**
   * Statistics of collected features.
   *
   * @param features at least two samples
   * @return their statistics
   */
  public static GaussianStatistics of(FeatureStatistics features) {
    return new GaussianStatistics(features.mean(), features.covariance());
  }

  /**
   * Reads the statistics of pooled features.
   *
   * @param file an {@code .npz} file
   * @return mean and covariance
   * @throws IOException when it is not such a file, or has no statistics
   */
  public static GaussianStatistics read(Path file) throws IOException {
    return readPooled(file)
        .orElseThrow(
            () ->
                new IOException(
                    file
                        + " holds no statistics: expected the arrays mu and sigma, as pytorch-fid"
                        + " and guided-diffusion write them"));
  }

  /** Empty if the file has no statistics; it may have images. */
  static Optional<GaussianStatistics> readPooled(Path file) throws IOException {
    return read(file, "");
  }

  /**
   * Reads the statistics of spatial features, for the sFID.
   *
   * @param file an {@code .npz} file
   * @return mean and covariance; empty if the file has none
   * @throws IOException when it cannot be read
   */
  public static Optional<GaussianStatistics> readSpatial(Path file) throws IOException {
    return read(file, SPATIAL);
  }

  private static Optional<GaussianStatistics> read(Path file, String suffix) throws IOException {
    String mu = "mu" + suffix;
    String sigma = "sigma" + suffix;
    Map<String, NpyArray> arrays = NpzFile.read(file, List.of(mu, sigma), LIMIT);
    if (arrays.size() < 2) {
      return Optional.empty();
    }
    long[] m = arrays.get(mu).shape();
    long[] s = arrays.get(sigma).shape();
    if (m.length != 1 || s.length != 2 || s[0] != m[0] || s[1] != m[0]) {
      throw new IOException(
          file + ": " + mu + " and " + sigma + " are not a mean [d] and a covariance [d, d]");
    }
    try {
      return Optional.of(
          new GaussianStatistics(arrays.get(mu).toDoubles(), arrays.get(sigma).toDoubles()));
    } catch (EqvaeException.Argument e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Writes statistics.
   *
   * @param file an {@code .npz} file, which is replaced if it exists
   * @param pooled written as {@code mu} and {@code sigma}
   * @param spatial written as {@code mu_s} and {@code sigma_s}
   * @throws IOException when it cannot be written
   */
  public static void write(
      Path file, GaussianStatistics pooled, Optional<GaussianStatistics> spatial)
      throws IOException {
    NpzFile.write(file, pooled.arrays(spatial));
  }

  /** The arrays under the names of both programs. */
  Map<String, NpyArray> arrays(Optional<GaussianStatistics> spatial) {
    Map<String, NpyArray> arrays = new LinkedHashMap<>();
    put(arrays, "");
    spatial.ifPresent(s -> s.put(arrays, SPATIAL));
    return arrays;
  }

  private void put(Map<String, NpyArray> arrays, String suffix) {
    long d = mean.length;
    arrays.put("mu" + suffix, NpyArray.doubles(mean, d));
    arrays.put("sigma" + suffix, NpyArray.doubles(covariance, d, d));
  }

  /**
   * The Fréchet distance to other features of the same network.
   *
   * @param other the other features' statistics
   * @return at least 0
   */
  public double distance(GaussianStatistics other) {
    return compare(other).distance();
  }

  /**
   * The Fréchet distance with its residual.
   *
   * @param other statistics of features of the same network
   * @return the distance and its residual
   * @throws EqvaeException.Argument when the numbers of either are not those of a distribution
   */
  public FrechetDistance.Result compare(GaussianStatistics other) {
    if (other.mean.length != mean.length) {
      throw new EqvaeException.Argument(
          "Statistics of %d and of %d features cannot be compared: they are of different networks"
              .formatted(mean.length, other.mean.length));
    }
    try {
      return FrechetDistance.of(mean, covariance, other.mean, other.covariance);
    } catch (IllegalArgumentException e) { // of a file; another thread wraps it
      String why = (e.getCause() == null ? e : e.getCause()).getMessage();
      throw new EqvaeException.Argument(
          "The statistics (mu, sigma) cannot be compared: "
              + why
              + ". Write them again, in double or single precision");
    }
  }
}
