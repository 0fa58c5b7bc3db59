package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.io.Image;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Features of 50,000 images, 51 MB, go through a Java of 24 MB: statistics and a kernel distance.
 */
class FeatureMemoryTest {
  private static final int IMAGES = 50_000;
  private static final int WIDTH = 256;

  @Test
  @Tag("full")
  @Execution(ExecutionMode.CONCURRENT)
  void featuresTakeNoMemory() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx24m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Measuring.class.getName())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    assertEquals("50000 rows, finite", said.strip());
  }

  /** Random features. */
  private static final class Stub implements ImageFeatures {
    private final Random random = new Random(1);

    @Override
    public Protocol protocol() {
      return Protocol.CLASSIFIER;
    }

    @Override
    public String name() {
      return "stub";
    }

    @Override
    public int size() {
      return WIDTH;
    }

    @Override
    public Values of(List<Image> images) {
      float[] pooled = new float[images.size() * WIDTH];
      for (int i = 0; i < pooled.length; i++) {
        pooled[i] = random.nextFloat();
      }
      return new Values(pooled, new float[0], new float[0]);
    }

    @Override
    public void close() {}
  }

  /** Adds as many images as a published comparison has. */
  static final class Measuring {
    private Measuring() {}

    public static void main(String[] arguments) throws IOException {
      try (FeatureSet set = new FeatureSet(new Stub(), 100)) {
        Image image = new Image(1, 1, 1, new byte[1]);
        for (int i = 0; i < IMAGES; i++) {
          set.add(image);
        }
        FeatureRows rows = set.features().orElseThrow();
        double[] covariance = set.pooled().covariance();
        double trace = 0;
        for (int i = 0; i < WIDTH; i++) {
          trace += covariance[i * WIDTH + i];
        }
        double kernel = KernelDistance.of(rows, rows, 2, 200, 1).mean();
        boolean finite = Double.isFinite(trace) && Double.isFinite(kernel);
        System.out.println(rows.rows() + " rows, " + (finite ? "finite" : "not finite"));
      }
    }
  }
}
