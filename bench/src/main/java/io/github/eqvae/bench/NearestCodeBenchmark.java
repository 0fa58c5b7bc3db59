package io.github.eqvae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The nearest codes of the latents of 16 images, in the larger codebook of taming's VQ-GAN f16. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class NearestCodeBenchmark {
  /** Who searches. */
  public enum By {
    /** This library, device {@code cpu}. */
    EQVAE,
    /** libtorch: |z|² + |e|² − 2·z·eᵀ as taming writes it, then argmin. */
    TORCH_PRODUCT,
    /** libtorch: cdist, then argmin. */
    TORCH_CDIST
  }

  /** Vectors. */
  @Param("4096")
  public int vectors;

  /** Codes. */
  @Param("16384")
  public int codes;

  /** Numbers in a vector. */
  @Param("256")
  public int length;

  /** Who runs it. */
  @Param public By by;

  private Work work;

  static Work work(int vectors, int codes, int length, By by) {
    return by == By.EQVAE
        ? new EqvaeNearestCode(vectors, codes, length)
        : new TorchNearestCode(vectors, codes, length, by == By.TORCH_CDIST);
  }

  /** Prepares tensors. */
  @Setup
  public void prepare() {
    work = work(vectors, codes, length, by);
  }

  /** One search. */
  @Benchmark
  public void search() {
    work.run();
  }

  /** Frees tensors. */
  @TearDown
  public void close() {
    work.close();
  }
}
