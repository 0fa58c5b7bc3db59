package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Stream;

/**
 * How evenly the codes of a codebook are used. Perplexity is e to the entropy of the codes'
 * frequencies: the number of codes if all are equally frequent, 1 if there is only one.
 */
public final class CodebookUsage {
  private final long[] counts;
  private long total;

  /**
   * A count of no vectors.
   *
   * @param codes vectors in the codebook
   */
  public CodebookUsage(int codes) {
    counts = new long[codes];
  }

  /**
   * Adds vectors.
   *
   * @param index the code of each
   */
  public void add(int... index) {
    for (int k : index) {
      if (k < 0 || k >= counts.length) {
        throw new EqvaeException.Argument(
            "Codebook: there is no code " + k + " among " + counts.length);
      }
      counts[k]++;
    }
    total += index.length;
  }

  /**
   * Adds the vectors of a batch.
   *
   * @param bottleneck has the codes; nothing is added if there are none
   * @param stream waited for
   */
  public void add(Autoencoder.Bottleneck bottleneck, Stream stream) {
    Autoencoder.Quantization q = bottleneck.quantization();
    if (q != null) {
      add(q.index().toInts(stream));
    }
  }

  /**
   * The size of the codebook.
   *
   * @return number of codes
   */
  public int codes() {
    return counts.length;
  }

  /**
   * How many codes occurred.
   *
   * @return number of codes with at least one vector
   */
  public int used() {
    int used = 0;
    for (long c : counts) {
      used += c > 0 ? 1 : 0;
    }
    return used;
  }

  /**
   * exp(−Σ p·log p) over the codes' frequencies p.
   *
   * @return the perplexity, 1 to {@link #codes}; NaN without vectors
   */
  public double perplexity() {
    double entropy = 0;
    for (long c : counts) {
      if (c > 0) {
        double p = c / (double) total;
        entropy -= p * Math.log(p);
      }
    }
    return total == 0 ? Double.NaN : Math.exp(entropy);
  }
}
