package io.github.eqvae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CheckedInputStream;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * One array of a {@code .npz} file. Its elements are read in order, a part at a time, so that an
 * array of any size needs only the memory of one part; one in Fortran order needs that of all,
 * twice. Members may be stored or deflated, and larger than 4 GB (ZIP64).
 */
public final class NpyStream implements AutoCloseable {
  private static final int LARGEST = Integer.MAX_VALUE - 8;

  private final ZipFile zip;
  private final ZipArchiveEntry entry;
  private final CheckedInputStream in;
  private final String name;
  private final NpyHeader header;
  private long taken;

  /** All elements in their order, if the file has another one; else null. */
  private @Nullable ByteBuffer all;

  private NpyStream(ZipFile zip, ZipArchiveEntry entry, String name) throws IOException {
    this.zip = zip;
    this.entry = entry;
    this.name = name;
    in = NpzFile.content(zip, entry, name);
    header = NpyHeader.read(in, name);
  }

  /**
   * Opens an array.
   *
   * @param path a {@code .npz} file
   * @param array the array's name, such as {@code arr_0}
   * @return the stream before the first element, to be closed by the caller; empty if the file has
   *     no such array
   * @throws IOException if the file cannot be read, is not a .npz file, or breaks a rule of the
   *     format
   */
  public static Optional<NpyStream> open(Path path, String array) throws IOException {
    ZipFile zip = NpzFile.open(path);
    try {
      ZipArchiveEntry entry = zip.getEntry(array + NpzFile.SUFFIX);
      if (entry == null) {
        zip.close();
        return Optional.empty();
      }
      return Optional.of(new NpyStream(zip, entry, path + ": " + entry.getName()));
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  /**
   * The element type.
   *
   * @return as of {@link NpyArray}
   */
  public String descr() {
    return header.descr();
  }

  /**
   * The dimensions.
   *
   * @return a copy, outermost first
   */
  public long[] shape() {
    return header.shape().clone();
  }

  /**
   * Reads the next elements.
   *
   * @param bytes how many bytes of them
   * @return exactly so many
   * @throws IOException if the file ends too early, or its content is broken; the message says
   *     where
   */
  public byte[] next(int bytes) throws IOException {
    if (header.order().isPlain()) {
      return take(bytes);
    }
    if (all == null) {
      if (header.bytes() > LARGEST) {
        throw new IOException(
            "%s: %d bytes of elements in Fortran order, the limit is %d; save np.ascontiguousarray(a)"
                .formatted(name, header.bytes(), LARGEST));
      }
      all = ByteBuffer.wrap(NpyArray.plain(header, take((int) header.bytes())));
    }
    if (bytes > all.remaining()) {
      throw beyond(bytes);
    }
    byte[] data = new byte[bytes];
    all.get(data);
    return data;
  }

  private IOException beyond(int bytes) {
    return new IOException(name + ": " + bytes + " bytes beyond the last element");
  }

  /** The next bytes of the file. */
  private byte[] take(int bytes) throws IOException {
    if (taken + bytes > header.bytes()) {
      throw beyond(bytes);
    }
    byte[] data;
    try {
      data = in.readNBytes(bytes); // allocates as it reads
    } catch (PassingIoException e) {
      throw e;
    } catch (IOException e) { // a broken deflate stream
      throw new IOException(name + ": broken after " + taken + " bytes: " + e.getMessage(), e);
    }
    taken += data.length;
    if (data.length < bytes) {
      throw new IOException(
          "%s: ends after %d of %d bytes of elements %s"
              .formatted(name, taken, header.bytes(), Arrays.toString(header.shape())));
    }
    if (taken == header.bytes()) {
      NpzFile.check(in, entry, name);
    }
    return data;
  }

  @Override
  public void close() throws IOException {
    in.close();
    zip.close();
  }
}
