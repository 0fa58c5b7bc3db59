package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Tar archives as in WebDataset: small files, read and written from front to back. */
public final class TarFile {
  /** Gets each file of an archive. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Visits one file.
     *
     * @param name its name in the archive
     * @param size its size in bytes
     * @param content its bytes, which can only be read during this call; ends after {@code size}
     *     bytes
     * @return false to stop
     * @throws IOException if reading fails
     */
    boolean visit(String name, long size, InputStream content) throws IOException;

    /**
     * Visits a link, a device or a file with holes, which has no bytes to read.
     *
     * @param name its name in the archive
     * @param what it is
     * @throws IOException to end the pass
     */
    default void other(String name, String what) throws IOException {}
  }

  /** Puts files into an archive. */
  public interface Sink {
    /**
     * Adds a file.
     *
     * @param name its name
     * @param content its bytes
     * @throws IOException if writing fails
     */
    void add(String name, byte[] content) throws IOException;
  }

  /** Writes the files of an archive. */
  @FunctionalInterface
  public interface Content {
    /**
     * Adds all files.
     *
     * @param sink receives them
     * @throws IOException if writing fails
     */
    void writeTo(Sink sink) throws IOException;
  }

  private TarFile() {}

  /** Size of a header; contents are padded to a multiple of it. */
  private static final int RECORD = 512;

  /** Position of the magic word in a header. */
  private static final int MAGIC_AT = 257;

  /** File endings of archives; whether an archive is compressed is recognised by content. */
  private static final List<String> ENDINGS = List.of(".tar", ".tar.gz", ".tgz");

  /** First bytes of archives of other kinds. */
  private static final Map<String, String> MAGIC =
      Map.of(
          "fd377a585a00", "packed by xz",
          "425a68", "packed by bzip2",
          "28b52ffd", "packed by Zstandard",
          "504b0304", "a zip archive",
          "377abcaf271c", "a 7z archive",
          "526172211a07", "a RAR archive");

  /**
   * Whether a file's name is that of an archive.
   *
   * @param file the file
   * @return true for {@code x.tar}, {@code x.TAR.GZ}, {@code x.tgz}
   */
  public static boolean isArchiveName(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /** The end of the reasons of {@link #refusal}. */
  private static final String ADVICE =
      ", which is not read: unpack it, or pack it again as .tar or .tar.gz";

  /**
   * Why an archive of a kind that is not read is skipped.
   *
   * @param start its first six bytes, or more
   * @return what it is and what to do; empty for other files
   */
  public static Optional<String> refusal(byte[] start) {
    String hex = HexFormat.of().formatHex(start, 0, Math.min(start.length, 6));
    return MAGIC.entrySet().stream()
        .filter(e -> hex.startsWith(e.getKey()))
        .findFirst()
        .map(e -> "is " + e.getValue() + ADVICE);
  }

  /**
   * Whether a reason is about an archive, not about a broken picture.
   *
   * @param refusal what {@link #refusal} gave
   * @return true if so
   */
  public static boolean isRefusal(String refusal) {
    return refusal.endsWith(ADVICE);
  }

  /**
   * Visits the regular files of an archive in their order; folders are skipped. The archive may be
   * compressed by gzip. Nothing is written to disk.
   *
   * @param path the archive
   * @param visitor told each file
   * @throws IOException if it cannot be read, is not a tar archive, or is truncated
   */
  public static void visit(Path path, Visitor visitor) throws IOException {
    visit(path, visitor, offset -> {});
  }

  /**
   * The same, and says where contents lie.
   *
   * @param path the archive
   * @param visitor told each file
   * @param offsets told, before the visitor gets a file, at which byte of the unpacked archive its
   *     content begins
   * @throws IOException if it cannot be read, is not a tar archive, or is truncated
   */
  public static void visit(Path path, Visitor visitor, LongConsumer offsets) throws IOException {
    boolean[] calling = {false};
    try (InputStream file = new BufferedInputStream(Retrying.open(path), 1 << 16);
        InputStream unpacked = unpacked(path, file);
        TarArchiveInputStream tar = new TarArchiveInputStream(unpacked, RECORD, RECORD)) {
      RawNames raw = new RawNames(path);
      String last = "";
      long end = Long.MAX_VALUE; // of the last file, in the unpacked archive
      for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
        String name = raw.next(e.getName());
        last = name;
        end = e.isSparse() ? Long.MAX_VALUE : tar.getBytesRead() + padded(e.getSize());
        offsets.accept(tar.getBytesRead());
        calling[0] = true;
        if (e.isLink() || e.isSymbolicLink()) {
          visitor.other(name, "a link to " + FileNames.shown(e.getLinkName()));
        } else if (e.isSparse()) {
          visitor.other(name, "a file with holes");
        } else if (e.isFile() && !visitor.visit(name, e.getSize(), tar)) {
          return;
        }
        calling[0] = false;
      }
      if (tar.getBytesRead() % RECORD != 0) { // the library takes a cut header for the end
        throw new EOFException("it ends within the header of a file");
      }
      if (tar.getBytesRead() == end && unpacked.read() < 0) {
        sayNoEnd(path, last);
        return;
      }
      requireEnd(path, unpacked);
    } catch (EqvaeException | PassingIoException e) {
      throw e; // an error of the visitor or of the file system
    } catch (IOException
        | RuntimeException e) { // the library throws either of them for damaged headers
      if (calling[0] && !isDamage(e)) {
        throw e;
      }
      throw new IOException(path + ": not a complete tar archive: " + e.getMessage(), e);
    }
  }

  private static long padded(long size) {
    return (size + RECORD - 1) / RECORD * RECORD;
  }

  /** Only warns: some programs write no end-of-archive blocks, and GNU tar reads such archives. */
  private static void sayNoEnd(Path path, String last) {
    Notices.once(
        "the end of " + path,
        FileNames.shown(path.toString())
            + " has no end-of-archive blocks: it stops after "
            + FileNames.shown(last)
            + ", and files after it may be lost. Compare its size with that of the original, or"
            + " copy it again");
  }

  /**
   * Names whose bytes are not UTF-8. The library replaces them by {@code ?}, so two files could get
   * the same name. If a name contains this character, the headers are read again, byte for byte.
   */
  private static final class RawNames {
    private final Path path;
    private final List<String> bytes = new ArrayList<>();
    private int count;

    RawNames(Path path) {
      this.path = path;
    }

    String next(String name) throws IOException {
      int number = count++;
      if (name.indexOf('?') < 0 && name.indexOf('\uFFFD') < 0) {
        return name;
      }
      if (bytes.isEmpty()) {
        readAgain();
      }
      String latin = number < bytes.size() ? bytes.get(number) : name;
      // Extended headers are UTF-8 by definition, and the same in both readings.
      return latin.equals(name) || latin.chars().anyMatch(c -> c > 0xff)
          ? name
          : FileNames.decode(latin.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void readAgain() throws IOException {
      try (InputStream file = new BufferedInputStream(Retrying.open(path), 1 << 16);
          TarArchiveInputStream tar =
              new TarArchiveInputStream(unpacked(path, file), "ISO-8859-1")) {
        for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
          bytes.add(e.getName());
        }
      }
    }
  }

  /** The error of reading a file's content when the archive is truncated or damaged. */
  private static boolean isDamage(Exception e) {
    return e instanceof EOFException
        || e instanceof ZipException
        || String.valueOf(e.getMessage()).contains("Truncated TAR archive");
  }

  /**
   * Refuses joined archives: reading stops at the end of the first one, so the rest would be lost.
   */
  private static void requireEnd(Path path, InputStream rest) throws IOException {
    byte[] record = new byte[RECORD];
    while (rest.readNBytes(record, 0, RECORD) == RECORD) {
      if (Arrays.equals(record, new byte[RECORD])) {
        continue;
      }
      if (new String(record, MAGIC_AT, 5, StandardCharsets.ISO_8859_1).equals("ustar")) {
        throw new EqvaeException.Argument(
            path
                + " has another tar archive after its end, as `cat` joins them; the files in that"
                + " one would be lost. Keep the archives apart, or unpack this one with `tar"
                + " --ignore-zeros` and pack it again");
      }
      return; // something else, without pictures
    }
  }

  /**
   * Whether an archive is compressed by gzip, by its content.
   *
   * @param path the archive
   * @return true if it must be read from its beginning to be unpacked
   * @throws IOException if it cannot be read
   */
  public static boolean isCompressed(Path path) throws IOException {
    try (InputStream file = Retrying.open(path)) {
      return isGzip(file.readNBytes(2));
    }
  }

  private static boolean isGzip(byte[] start) {
    return start.length > 1 && start[0] == 0x1f && start[1] == (byte) 0x8b;
  }

  private static InputStream unpacked(Path path, InputStream file) throws IOException {
    file.mark(ForeignFile.START_BYTES);
    byte[] start = file.readNBytes(ForeignFile.START_BYTES);
    file.reset();
    if (start.length == 0) {
      throw new EqvaeException.Argument(path + " is empty (0 bytes): copy or download it again");
    }
    Optional<String> other = refusal(start);
    if (other.isPresent()) { // the content decides, not the name
      throw new EqvaeException.Argument(path + " " + other.get());
    }
    // Headers of a tar archive are padded with zeros; web pages, texts and LFS pointers have none.
    boolean gzip = isGzip(start);
    boolean text = new String(start, StandardCharsets.ISO_8859_1).indexOf('\0') < 0;
    Optional<String> instead =
        text && !gzip ? ForeignFile.what(start, start.length) : Optional.empty();
    if (instead.isPresent()) {
      throw new EqvaeException.Argument(path + " is no tar archive: " + instead.get());
    }
    return gzip ? new BufferedInputStream(new GZIPInputStream(file, 1 << 16), 1 << 16) : file;
  }

  /**
   * Writes or replaces an archive, atomically. The same files give the same bytes: times and owners
   * are zero.
   *
   * @param path the archive; its directory must exist
   * @param content adds the files
   * @throws IOException if writing fails
   */
  public static void write(Path path, Content content) throws IOException {
    AtomicFiles.write(
        path,
        channel -> {
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
          TarArchiveOutputStream tar = new TarArchiveOutputStream(out, "UTF-8");
          tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
          content.writeTo(
              (name, bytes) -> {
                TarArchiveEntry entry = new TarArchiveEntry(name);
                entry.setSize(bytes.length);
                entry.setModTime(0);
                entry.setIds(0, 0);
                tar.putArchiveEntry(entry);
                tar.write(bytes);
                tar.closeArchiveEntry();
              });
          tar.finish();
          out.flush();
        });
  }
}
