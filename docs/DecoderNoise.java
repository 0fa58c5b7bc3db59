import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.tensor.Device;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.zip.GZIPInputStream;

/**
 * How much an error in the latents shows in the pictures: the PSNR between decoded latents and the
 * same latents with a tenth of their standard deviation of noise, once with noise of low and once
 * of high frequencies. {@code java docs/DecoderNoise.java MODEL PICTURES.gz}, with eqvae's classes
 * in the class path; docs/record-experiment.sh calls it. Prints a line of JSON.
 */
public final class DecoderNoise {
  private static final int COUNT = 400;
  private static final int SIDE = 32;
  private static final double AMOUNT = 0.1;

  /** Low frequencies: at most so many periods in the width of the latents. */
  private static final int LOW = 2;

  private DecoderNoise() {}

  public static void main(String[] paths) throws IOException {
    try (Device device = Device.open("cpu");
        Vae vae = Vae.load(Path.of(paths[0]), device)) {
      Latents latents = vae.encode(pictures(Path.of(paths[1])));
      ImageBatch clean = vae.decode(latents);
      float[] noise = new float[latents.values().length];
      Random random = new Random(0);
      for (int i = 0; i < noise.length; i++) {
        noise[i] = (float) random.nextGaussian();
      }
      float[] low = low(latents, noise);
      float[] high = noise.clone();
      for (int i = 0; i < high.length; i++) {
        high[i] -= low[i];
      }
      System.out.printf(
          Locale.ROOT,
          "{\"model\": \"%s\", \"noise\": %s, \"psnr_low\": %.3f, \"psnr_high\": %.3f}%n",
          paths[0],
          AMOUNT,
          psnr(clean, vae.decode(noisy(latents, low))),
          psnr(clean, vae.decode(noisy(latents, high))));
    }
  }

  /** The first pictures of an IDX file, with a black border. */
  private static ImageBatch pictures(Path idx) throws IOException {
    try (DataInputStream in = new DataInputStream(new GZIPInputStream(Files.newInputStream(idx)))) {
      in.readInt(); // format
      in.readInt(); // pictures
      int rows = in.readInt();
      int columns = in.readInt();
      float[] pixels = new float[COUNT * SIDE * SIDE];
      Arrays.fill(pixels, -1);
      for (int n = 0; n < COUNT; n++) {
        for (int y = 0; y < rows; y++) {
          int row = (n * SIDE + y + (SIDE - rows) / 2) * SIDE + (SIDE - columns) / 2;
          for (int x = 0; x < columns; x++) {
            pixels[row + x] = in.readUnsignedByte() / 127.5f - 1;
          }
        }
      }
      return new ImageBatch(COUNT, SIDE, SIDE, 1, pixels);
    }
  }

  /** The part of the noise with low frequencies: a projection along the rows, then the columns. */
  private static float[] low(Latents of, float[] noise) {
    int channels = of.channels();
    float[] rows = low(noise, of.width(), channels);
    return low(rows, of.height(), of.width() * channels);
  }

  /** Along an axis of this length; values beside each other on it lie so far apart. */
  private static float[] low(float[] values, int length, int stride) {
    float[] out = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      int at = i / stride % length;
      double sum = 0;
      for (int k = 0; k < length; k++) {
        double weight = 1;
        for (int f = 1; f <= LOW; f++) {
          weight += 2 * Math.cos(2 * Math.PI * f * (k - at) / length);
        }
        sum += weight / length * values[i + (k - at) * stride];
      }
      out[i] = (float) sum;
    }
    return out;
  }

  private static Latents noisy(Latents latents, float[] noise) {
    double scale = AMOUNT * deviation(latents.values()) / deviation(noise);
    float[] values = latents.values().clone();
    for (int i = 0; i < values.length; i++) {
      values[i] += (float) (scale * noise[i]);
    }
    return new Latents(
        latents.count(),
        latents.height(),
        latents.width(),
        latents.channels(),
        values,
        latents.scaled());
  }

  private static double deviation(float[] values) {
    double sum = 0;
    double squares = 0;
    for (float v : values) {
      sum += v;
      squares += (double) v * v;
    }
    double mean = sum / values.length;
    return Math.sqrt(squares / values.length - mean * mean);
  }

  /** Of pictures between -1 and 1. */
  private static double psnr(ImageBatch a, ImageBatch b) {
    double squares = 0;
    for (int i = 0; i < a.pixels().length; i++) {
      double d = a.pixels()[i] - b.pixels()[i];
      squares += d * d;
    }
    return 10 * Math.log10(4 / (squares / a.pixels().length));
  }
}
