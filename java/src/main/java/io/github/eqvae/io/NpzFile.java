package io.github.eqvae.io;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;

/** Arrays by name in one file, as NumPy's {@code np.savez} writes and {@code np.load} reads. */
public final class NpzFile {
  static final String SUFFIX = ".npy";
  private static final int MAX_ENTRIES = 10_000;
  private static final int BUFFER = 1 << 16;

  /** The earliest time that a ZIP file can have. */
  private static final LocalDateTime EPOCH = LocalDateTime.of(1980, 1, 1, 0, 0, 0);

  private NpzFile() {}

  /**
   * Reads some of the arrays.
   *
   * @param path the file
   * @param wanted the names to read, if present; others are skipped
   * @param limit the largest number of bytes of all their elements
   * @return name to array
   * @throws IOException if it cannot be read, is not a .npz file, or breaks a rule of the format
   */
  public static Map<String, NpyArray> read(Path path, List<String> wanted, long limit)
      throws IOException {
    Map<String, NpyArray> arrays = new LinkedHashMap<>();
    long left = limit;
    try (ZipFile zip = open(path)) {
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        String name = entry.getName().replaceFirst("\\.npy$", "");
        if (!entry.getName().endsWith(SUFFIX) || !wanted.contains(name)) {
          continue;
        }
        String member = path + ": " + entry.getName();
        try (CheckedInputStream in = content(zip, entry, member)) {
          NpyArray array = NpyArray.read(in, member, left);
          check(in, entry, member);
          left -= array.data().length;
          arrays.put(name, array);
        }
      }
      return arrays;
    }
  }

  /** A member's content, unpacked, with a checksum of what was read of it. */
  static CheckedInputStream content(ZipFile zip, ZipArchiveEntry entry, String member)
      throws IOException {
    try {
      InputStream content = new BufferedInputStream(zip.getInputStream(entry), BUFFER);
      return new CheckedInputStream(content, new CRC32());
    } catch (ZipException e) { // a compression that is not read
      throw new IOException(member + ": " + e.getMessage(), e);
    }
  }

  /** Compares the checksum after an array, as NumPy does: only where the member ends with it. */
  static void check(CheckedInputStream in, ZipArchiveEntry entry, String member)
      throws IOException {
    if (in.read() < 0 && in.getChecksum().getValue() != entry.getCrc()) {
      throw new IOException(member + ": its checksum does not match; the file is damaged");
    }
  }

  /**
   * Opens an archive of a few arrays. Commons Compress also reads ZIP64 fields of small members,
   * which some programs write and {@code java.util.zip} refuses.
   */
  static ZipFile open(Path path) throws IOException {
    return open(path, Retrying.channel(path));
  }

  static ZipFile open(Path path, SeekableByteChannel channel) throws IOException {
    ZipFile zip;
    try {
      zip = ZipFile.builder().setSeekableByteChannel(channel).get();
    } catch (IOException e) {
      channel.close();
      Throwable cause = e.getCause() == null ? e : e.getCause(); // the library wraps it
      if (cause instanceof PassingIoException passing) {
        throw passing;
      }
      throw new IOException(
          path + " is not a .npz file: " + foreign(path).orElse(cause.getMessage()), e);
    }
    try {
      Set<String> seen = new HashSet<>();
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        if (!seen.add(entry.getName())) {
          throw new IOException(path + " holds " + entry.getName() + " twice");
        }
        if (seen.size() > MAX_ENTRIES) {
          throw new IOException(
              path + " holds more than " + MAX_ENTRIES + " files, expected a few arrays");
        }
      }
      return zip;
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  /** What it is instead, for example a web page in place of a download. */
  private static Optional<String> foreign(Path path) throws IOException {
    try (InputStream in = Retrying.open(path)) {
      return ForeignFile.what(in.readNBytes(ForeignFile.START_BYTES), Files.size(path));
    }
  }

  /** Writes its checksum and size before its content. */
  private static ZipEntry stored(String name, long bytes, CRC32 crc) {
    ZipEntry entry = new ZipEntry(name + SUFFIX);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes);
    entry.setCrc(crc.getValue());
    entry.setTimeLocal(EPOCH);
    return entry;
  }

  /**
   * Writes or replaces a file, atomically and without compression.
   *
   * @param path the file; its directory must exist
   * @param arrays name to array; the same arrays give the same bytes
   * @throws IOException if writing fails
   */
  public static void write(Path path, Map<String, NpyArray> arrays) throws IOException {
    AtomicFiles.write(
        path,
        channel -> {
          OutputStream out = Channels.newOutputStream(channel);
          ZipOutputStream zip =
              new ZipOutputStream(out); // not closed: the channel belongs to the caller
          for (Map.Entry<String, NpyArray> e : arrays.entrySet()) {
            ByteArrayOutputStream header = new ByteArrayOutputStream();
            NpyArray array = e.getValue();
            array.write(header);
            byte[] bytes = header.toByteArray();
            CRC32 crc = new CRC32();
            crc.update(bytes);
            zip.putNextEntry(stored(e.getKey(), bytes.length, crc));
            zip.write(bytes);
            zip.closeEntry();
          }
          zip.finish();
          zip.flush();
        });
  }

  /**
   * An array whose elements are in files, so it may be larger than memory.
   *
   * @param name of the array
   * @param descr the element type, as of {@link NpyArray}
   * @param shape the dimensions, outermost first
   * @param parts files with the elements, one after the other, and nothing else
   */
  public record Stored(String name, String descr, long[] shape, List<Path> parts) {}

  /**
   * Writes or replaces a file of one array, atomically and without compression. The array may be
   * larger than memory.
   *
   * @param path the file; its directory must exist
   * @param name of the array
   * @param descr the element type, as of {@link NpyArray}
   * @param shape the dimensions, outermost first
   * @param data a file with the elements and nothing else
   * @throws IOException if reading or writing fails
   */
  public static void write(Path path, String name, String descr, long[] shape, Path data)
      throws IOException {
    write(path, List.of(new Stored(name, descr, shape, List.of(data))));
  }

  /**
   * Writes or replaces a file, atomically and without compression.
   *
   * @param path the file; its directory must exist
   * @param arrays what goes into it
   * @throws IOException if reading or writing fails
   */
  public static void write(Path path, List<Stored> arrays) throws IOException {
    AtomicFiles.write(
        path,
        channel -> {
          ZipOutputStream zip = new ZipOutputStream(Channels.newOutputStream(channel));
          for (Stored array : arrays) {
            byte[] header = NpyArray.header(array.descr(), array.shape());
            CRC32 crc = new CRC32();
            crc.update(header);
            long bytes = header.length;
            for (Path part : array.parts()) {
              try (InputStream in = new CheckedInputStream(Files.newInputStream(part), crc)) {
                bytes += in.transferTo(OutputStream.nullOutputStream());
              }
            }
            zip.putNextEntry(stored(array.name(), bytes, crc));
            zip.write(header);
            for (Path part : array.parts()) {
              Files.copy(part, zip);
            }
            zip.closeEntry();
          }
          zip.finish();
          zip.flush();
        });
  }
}
