package io.github.eqvae.eval;

import java.util.stream.IntStream;

/**
 * Mean and covariance of feature vectors for a Fréchet distance, in double precision, over a stream
 * of batches. There may be fewer samples than dimensions; the covariance is then singular.
 *
 * <p>Σxxᵀ − n·mmᵀ would lose digits if the mean is large compared with the standard deviation, as
 * after a ReLU. Samples are collected into blocks of {@value #BLOCK}; a block is centred on its own
 * mean before its products are summed. Blocks are combined with the formula of Chan, Golub and
 * LeVeque ("Algorithms for computing the sample variance", 1983): for n and m samples, and the
 * difference δ of the means,
 *
 * <p>M = M₁ + M₂ + δδᵀ·nm/(n + m)
 *
 * <p>Blocks depend only on the order of the samples, so the batch size does not change the bits of
 * the result. Not thread-safe.
 */
public final class FeatureStatistics {
  /** Samples per block: enough to read the d×d sums rarely, few enough to stay in cache. */
  private static final int BLOCK = 64;

  private final int dimension;
  private final double[] block;
  private int pending; // samples in the block
  private long count; // samples outside the block
  private final double[] mean;

  /** Σ(x − mean)(x − mean)ᵀ, row-major; only the upper triangle is stored. */
  private final double[] scatter;

  /**
   * Creates empty statistics.
   *
   * @param dimension length of a feature vector: 2048 for Inception's last pooling
   */
  public FeatureStatistics(int dimension) {
    if (dimension < 1 || dimension > 32768) {
      throw new IllegalArgumentException(
          "features have 1 to 32768 dimensions (the covariance holds d² doubles), got "
              + dimension);
    }
    this.dimension = dimension;
    block = new double[BLOCK * dimension];
    mean = new double[dimension];
    scatter = new double[dimension * dimension];
  }

  /**
   * Adds samples.
   *
   * @param features {@code [n, dimension]}, row-major
   * @throws IllegalArgumentException when the length is not a multiple of the dimension or a
   *     feature is not finite; then no sample is added
   */
  public void add(float[] features) {
    if (features.length % dimension != 0) {
      throw new IllegalArgumentException(
          features.length + " values are not whole samples of " + dimension + " features");
    }
    for (int i = 0; i < features.length; i++) {
      if (!Float.isFinite(features[i])) {
        throw new IllegalArgumentException(
            "feature %d of sample %d is %s".formatted(i % dimension, i / dimension, features[i]));
      }
    }
    for (int from = 0; from < features.length; from += dimension) {
      int to = pending * dimension;
      for (int j = 0; j < dimension; j++) {
        block[to + j] = features[from + j];
      }
      if (++pending == BLOCK) {
        flush();
      }
    }
  }

  /** Adds the block to mean and scatter. */
  private void flush() {
    if (pending == 0) {
      return;
    }
    int n = pending;
    double[] blockMean = new double[dimension];
    for (int k = 0; k < n; k++) {
      for (int j = 0; j < dimension; j++) {
        blockMean[j] += block[k * dimension + j];
      }
    }
    for (int j = 0; j < dimension; j++) {
      blockMean[j] /= n;
    }
    for (int k = 0; k < n; k++) {
      for (int j = 0; j < dimension; j++) {
        block[k * dimension + j] -= blockMean[j];
      }
    }
    for (int k = n; k % 4 != 0; k++) { // sums add four samples at a time
      java.util.Arrays.fill(block, k * dimension, (k + 1) * dimension, 0);
    }
    IntStream.range(0, dimension).parallel().forEach(i -> addProducts(i, n));
    combine(n, blockMean);
    pending = 0;
  }

  /** Adds the block's products with feature i to row i, each sum in the order of the samples. */
  private void addProducts(int i, int n) {
    int d = dimension;
    int row = i * d;
    for (int k = 0; k < n; k += 4) {
      int x = k * d;
      double a = block[x + i];
      double b = block[x + d + i];
      double c = block[x + 2 * d + i];
      double e = block[x + 3 * d + i];
      for (int j = i; j < d; j++) {
        scatter[row + j] +=
            a * block[x + j]
                + b * block[x + d + j]
                + c * block[x + 2 * d + j]
                + e * block[x + 3 * d + j];
      }
    }
  }

  /**
   * Adds the mean and the rank-one term of Chan's formula, for a part whose scatter is already
   * added.
   */
  private void combine(long n, double[] otherMean) {
    double[] delta = new double[dimension];
    for (int j = 0; j < dimension; j++) {
      delta[j] = otherMean[j] - mean[j];
    }
    double share = n / (double) (count + n);
    double weight = count * share;
    if (weight != 0) {
      IntStream.range(0, dimension)
          .parallel()
          .forEach(
              i -> {
                double f = weight * delta[i];
                for (int j = i; j < dimension; j++) {
                  scatter[i * dimension + j] += f * delta[j];
                }
              });
    }
    for (int j = 0; j < dimension; j++) {
      mean[j] += share * delta[j];
    }
    count += n;
  }

  /**
   * Adds all samples of other statistics, which do not change, to join parts of a data set.
   *
   * @param other statistics of the same dimension
   */
  public void merge(FeatureStatistics other) {
    if (other.dimension != dimension) {
      throw new IllegalArgumentException(
          "statistics of "
              + other.dimension
              + " dimensions cannot be added to statistics of "
              + dimension);
    }
    flush();
    other.flush();
    if (other.count == 0) {
      return;
    }
    double[] otherMean = other.mean.clone();
    long n = other.count;
    for (int i = 0; i < scatter.length; i++) {
      scatter[i] += other.scatter[i];
    }
    combine(n, otherMean);
  }

  /**
   * Length of a feature vector.
   *
   * @return the dimension
   */
  public int dimension() {
    return dimension;
  }

  /**
   * The number of samples that were added.
   *
   * @return the count
   */
  public long count() {
    return count + pending;
  }

  /**
   * The mean.
   *
   * @return {@code [dimension]}, a copy
   * @throws IllegalStateException without samples
   */
  public double[] mean() {
    require(1);
    flush();
    return mean.clone();
  }

  /**
   * The unbiased covariance, divided by n − 1 as {@code numpy.cov} does.
   *
   * @return {@code [dimension, dimension]}, row-major, symmetric, a copy
   * @throws IllegalStateException with fewer than two samples
   */
  public double[] covariance() {
    require(2);
    flush();
    double[] out = new double[scatter.length];
    for (int i = 0; i < dimension; i++) {
      for (int j = i; j < dimension; j++) {
        double value = scatter[i * dimension + j] / (count - 1);
        out[i * dimension + j] = value;
        out[j * dimension + i] = value;
      }
    }
    return out;
  }

  private void require(int samples) {
    if (count() < samples) {
      throw new IllegalStateException(
          "statistics need at least " + samples + " samples, there are " + count());
    }
  }
}
