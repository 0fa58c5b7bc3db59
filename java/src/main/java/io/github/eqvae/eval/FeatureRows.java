package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Feature vectors of a set of images, one row each. They lie in a temporary file, so that 50,000
 * images take no memory: {@link #add} appends, reading is from any thread.
 */
public final class FeatureRows implements AutoCloseable {
  private final int width;
  private final Path path;
  private final FileChannel file;
  private int rows;

  /**
   * No rows yet.
   *
   * @param width numbers of a row
   * @throws IOException when there can be no temporary file
   */
  public FeatureRows(int width) throws IOException {
    this.width = width;
    path = Files.createTempFile("eqvae-features", ".f32");
    file =
        FileChannel.open(
            path,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE);
  }

  /**
   * Appends rows.
   *
   * @param values {@code [n, width]}, row-major
   * @throws IOException when they cannot be written
   */
  public void add(float[] values) throws IOException {
    if (values.length % width != 0) {
      throw new EqvaeException.Argument(
          values.length + " values are no features of " + width + " numbers");
    }
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.nativeOrder());
    bytes.asFloatBuffer().put(values);
    long at = (long) rows * width * Float.BYTES;
    while (bytes.hasRemaining()) {
      at += file.write(bytes, at);
    }
    rows += values.length / width;
  }

  /**
   * How many there are.
   *
   * @return the rows
   */
  public int rows() {
    return rows;
  }

  /**
   * How long each is.
   *
   * @return numbers of a row
   */
  public int width() {
    return width;
  }

  /**
   * Reads rows that follow each other.
   *
   * @param first the first one
   * @param count how many
   * @return {@code [count, width]}
   * @throws UncheckedIOException when they cannot be read
   */
  public float[] read(int first, int count) {
    ByteBuffer bytes =
        ByteBuffer.allocate(count * width * Float.BYTES).order(ByteOrder.nativeOrder());
    long at = (long) first * width * Float.BYTES;
    try {
      while (bytes.hasRemaining()) {
        int read = file.read(bytes, at);
        if (read < 0) {
          throw new IOException(path + " has become shorter");
        }
        at += read;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    float[] out = new float[count * width];
    bytes.flip().order(ByteOrder.nativeOrder()).asFloatBuffer().get(out);
    return out;
  }

  /** Reads these rows, in this order. */
  float[] gather(int[] which) {
    float[] out = new float[which.length * width];
    for (int i = 0; i < which.length; i++) {
      System.arraycopy(read(which[i], 1), 0, out, i * width, width);
    }
    return out;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
