import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * Pictures whose pixels are the same, in another order for each: what a distance between sets of
 * pictures is compared with. {@code java docs/ShuffledPixels.java IN.gz OUT.gz}, both IDX.
 */
public final class ShuffledPixels {
  private ShuffledPixels() {}

  public static void main(String[] paths) throws IOException {
    Random random = new Random(0);
    try (DataInputStream in = new DataInputStream(new GZIPInputStream(open(paths[0])));
        DataOutputStream out =
            new DataOutputStream(new GZIPOutputStream(Files.newOutputStream(Path.of(paths[1]))))) {
      out.writeInt(in.readInt()); // format
      int images = in.readInt();
      int rows = in.readInt();
      int columns = in.readInt();
      out.writeInt(images);
      out.writeInt(rows);
      out.writeInt(columns);
      byte[] pixels = new byte[rows * columns];
      for (int i = 0; i < images; i++) {
        in.readFully(pixels);
        for (int k = pixels.length - 1; k > 0; k--) { // Fisher and Yates
          int other = random.nextInt(k + 1);
          byte b = pixels[k];
          pixels[k] = pixels[other];
          pixels[other] = b;
        }
        out.write(pixels);
      }
    }
  }

  private static java.io.InputStream open(String path) throws IOException {
    return Files.newInputStream(Path.of(path));
  }
}
