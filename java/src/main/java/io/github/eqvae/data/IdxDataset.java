package io.github.eqvae.data;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Retrying;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.GZIPInputStream;

/**
 * Gray pictures in the IDX format of MNIST: magic 0 0 8 3, then count, height and width as
 * big-endian ints, then the bytes; plain or gzip, recognised by content. The whole file is held in
 * memory.
 */
public final class IdxDataset implements ImageDataset {
  private static final String IMAGES = "images-idx3-ubyte";
  private static final String LABELS = "labels-idx1-ubyte";

  /** Limit of the unpacked bytes. The largest data set of the MNIST family (EMNIST) has 0.6 GB. */
  private static final long MAX_BYTES = 1L << 30;

  private final int height;
  private final int width;
  private final byte[] pixels;
  private final byte[] labels;
  private final int size;

  private IdxDataset(Idx images, byte[] labels) {
    this.size = images.dimensions[0];
    this.height = images.dimensions[1];
    this.width = images.dimensions[2];
    this.pixels = images.data;
    this.labels = labels;
  }

  /**
   * Whether a file has the name of MNIST's image files.
   *
   * @param file a path
   * @return true if {@code images-idx3-ubyte} is in its name
   */
  public static boolean isImages(Path file) {
    return String.valueOf(file.getFileName()).contains(IMAGES);
  }

  /**
   * The file of labels beside a file of pictures: for {@code t10k-images-idx3-ubyte.gz} it is
   * {@code t10k-labels-idx1-ubyte.gz}.
   *
   * @param images the file of pictures
   * @return the file; empty if it does not exist, or {@code images} has another name than MNIST's
   *     files
   */
  public static Optional<Path> labelsBeside(Path images) {
    String name = String.valueOf(images.getFileName());
    return Optional.of(images.resolveSibling(name.replace(IMAGES, LABELS)))
        .filter(labels -> isImages(images) && Files.isRegularFile(labels));
  }

  /**
   * Reads pictures without labels.
   *
   * @param images a file of unsigned bytes in three dimensions
   * @return the data set
   * @throws IOException if the file cannot be read or is not such a file
   */
  public static IdxDataset open(Path images) throws IOException {
    return new IdxDataset(read(images, 3), new byte[0]);
  }

  /**
   * Reads pictures with labels.
   *
   * @param images a file of unsigned bytes in three dimensions
   * @param labels a file of as many unsigned bytes in one dimension
   * @return the data set
   * @throws IOException if a file cannot be read or is not such a file, or the counts differ
   */
  public static IdxDataset open(Path images, Path labels) throws IOException {
    Idx pictures = read(images, 3);
    Idx classes = read(labels, 1);
    if (classes.dimensions[0] != pictures.dimensions[0]) {
      throw new IOException(
          labels
              + " has "
              + classes.dimensions[0]
              + " labels, "
              + images
              + " has "
              + pictures.dimensions[0]
              + " images; expected equal counts");
    }
    return new IdxDataset(pictures, classes.data);
  }

  private record Idx(int[] dimensions, byte[] data) {}

  private static Idx read(Path file, int rank) throws IOException {
    try (InputStream raw = new BufferedInputStream(Retrying.open(file), 1 << 16)) {
      raw.mark(2);
      boolean gzip = raw.read() == 0x1f && raw.read() == 0x8b;
      raw.reset();
      DataInputStream input = new DataInputStream(gzip ? new GZIPInputStream(raw, 1 << 16) : raw);
      int magic = input.readInt();
      if (magic != (0x0800 | rank)) {
        throw new IOException(
            "%s: not an IDX file of unsigned bytes in %d dimensions: magic %08x, expected %08x"
                .formatted(file, rank, magic, 0x0800 | rank));
      }
      int[] dimensions = new int[rank];
      long bytes = 1;
      for (int i = 0; i < rank; i++) {
        dimensions[i] = input.readInt();
        if (dimensions[i] < 1 || dimensions[i] > MAX_BYTES / bytes) {
          throw new IOException(
              file
                  + ": dimensions "
                  + Arrays.toString(dimensions)
                  + ", expected each at least 1"
                  + " and at most "
                  + MAX_BYTES
                  + " bytes together");
        }
        bytes *= dimensions[i];
      }
      // The array grows with the data, so that a false header cannot make it allocate a gigabyte.
      byte[] data = input.readNBytes((int) bytes);
      if (data.length != bytes) {
        throw new IOException(
            file + ": cut short: " + data.length + " bytes of data, expected " + bytes);
      }
      if (input.read() != -1) {
        throw new IOException(file + ": has more than the " + bytes + " bytes its header claims");
      }
      return new Idx(dimensions, data);
    } catch (EOFException e) {
      throw new IOException(file + ": cut short", e);
    }
  }

  /**
   * The pictures' width.
   *
   * @return in pixels
   */
  public int width() {
    return width;
  }

  /**
   * The pictures' height.
   *
   * @return in pixels
   */
  public int height() {
    return height;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public Image load(int index) {
    Objects.checkIndex(index, size);
    int bytes = height * width;
    return new Image(
        width, height, 1, Arrays.copyOfRange(pixels, index * bytes, (index + 1) * bytes));
  }

  @Override
  public String name(int index) {
    return Integer.toString(Objects.checkIndex(index, size));
  }

  @Override
  public OptionalInt label(int index) {
    Objects.checkIndex(index, size);
    return labels.length == 0 ? OptionalInt.empty() : OptionalInt.of(labels[index] & 0xff);
  }
}
