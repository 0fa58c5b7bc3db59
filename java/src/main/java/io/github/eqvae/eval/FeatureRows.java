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
 * Feature vectors of a set of images, one row each, in a temporary file, so that 50,000 images need
 * no memory. Only one thread may append; any thread may read.
 */
public final class FeatureRows implements AutoCloseable {
  private final int width;
  private final Path path;
  private final FileChannel file;
  private int rows;

  /**
   * Creates an empty set.
   *
   * @param width length of a row
   * @throws IOException when the temporary file cannot be created
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
          values.length + " values are not whole rows of features of " + width + " numbers");
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
   * The number of rows.
   *
   * @return the count
   */
  public int rows() {
    return rows;
  }

  /**
   * The length of a row.
   *
   * @return numbers per row
   */
  public int width() {
    return width;
  }

  /**
   * Reads consecutive rows.
   *
   * @param first number of the first row
   * @param count number of rows
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
          throw new IOException(path + " was truncated by another program");
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
