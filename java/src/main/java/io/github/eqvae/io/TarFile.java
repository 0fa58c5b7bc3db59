package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Tar archives as WebDataset uses them: small files, read and written from front to back. */
public final class TarFile {
  /** Told each file of an archive. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Looks at one file.
     *
     * @param name its name in the archive
     * @param size its size in bytes
     * @param content its bytes, to be read now or not at all; ends after {@code size} bytes
     * @return false to stop
     * @throws IOException if reading fails
     */
    boolean visit(String name, long size, InputStream content) throws IOException;
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

  /**
   * Visits the regular files of an archive in their order; folders, links and devices are left out.
   * Nothing is written anywhere.
   *
   * @param path the archive
   * @param visitor told each file
   * @throws IOException if it cannot be read, or is no tar archive or one cut short
   */
  public static void visit(Path path, Visitor visitor) throws IOException {
    try (InputStream file = new BufferedInputStream(Files.newInputStream(path), 1 << 16);
        TarArchiveInputStream tar = new TarArchiveInputStream(file)) {
      for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
        if (e.isFile()
            && !e.isSparse()
            && !e.isLink()
            && !e.isSymbolicLink()
            && !visitor.visit(e.getName(), e.getSize(), tar)) {
          return;
        }
      }
    } catch (EqvaeException e) {
      throw e; // of the visitor
    } catch (IOException | RuntimeException e) { // the library answers damaged headers with either
      throw new IOException(path + ": not a whole tar archive: " + e.getMessage(), e);
    }
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
