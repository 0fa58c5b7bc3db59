package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pillow's resize, against the same filters written plainly in double precision. */
class PillowResizeTest {
  private static double cubic(double x) {
    double a = Math.abs(x);
    return a < 1
        ? 1.5 * a * a * a - 2.5 * a * a + 1
        : a < 2 ? -0.5 * a * a * a + 2.5 * a * a - 4 * a + 2 : 0;
  }

  private static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1 : 0;
  }

  /** One line, resized; not rounded. */
  private static double[] line(double[] in, int to, boolean cubic) {
    double scale = (double) in.length / to;
    double wide = Math.max(1, scale);
    double[] out = new double[to];
    for (int i = 0; i < to; i++) {
      double center = (i + 0.5) * scale;
      double total = 0;
      for (int j = 0; j < in.length; j++) {
        double at = (j + 0.5 - center) / wide;
        double w = cubic ? cubic(at) : box(at);
        out[i] += w * in[j];
        total += w;
      }
      out[i] /= total;
    }
    return out;
  }

  @ParameterizedTest
  @CsvSource({"37,16,BICUBIC", "16,37,BICUBIC", "50,25,BOX", "51,25,BOX", "300,256,BICUBIC"})
  void isTheFilterWithinHalfALevel(int from, int to, PillowResize.Filter filter) {
    byte[] data = new byte[from * 3];
    new Random(from).nextBytes(data);
    Image row = new Image(from, 1, 3, data);
    Image resized = PillowResize.resize(row, to, 1, filter);
    Image column = PillowResize.resize(new Image(1, from, 3, data), 1, to, filter);
    assertArrayEquals(resized.data(), column.data(), "the two passes differ");
    for (int c = 0; c < 3; c++) {
      double[] in = new double[from];
      for (int i = 0; i < from; i++) {
        in[i] = row.sample(i, 0, c);
      }
      double[] expected = line(in, to, filter == PillowResize.Filter.BICUBIC);
      for (int i = 0; i < to; i++) {
        double v = Math.clamp(expected[i], 0, 255);
        assertEquals(v, resized.sample(i, 0, c), 0.501, filter + " at " + i);
      }
    }
  }

  @Test
  void theCropOfAdmHalvesThenResizesThenCuts() {
    // 530×640 is halved once (265 ≥ 256), resized to 256×309, cut at row 26.
    byte[] data = new byte[530 * 640];
    Arrays.fill(data, (byte) 77);
    Image gray = new Image(530, 640, 1, data);
    Image square = new Transform.AdmCenterCrop(256).apply(gray, new SampleRandom(0, 0, 0));
    assertEquals(256, square.width());
    assertEquals(256, square.height());
    for (byte b : square.data()) {
      assertEquals(77, b, "a plain image must stay plain");
    }
  }
}
