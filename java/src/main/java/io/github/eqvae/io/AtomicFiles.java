package io.github.eqvae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes files so that a reader sees either the old content or the new one, also after a loss of
 * power: temporary file in the same directory, fsync, rename, fsync of the directory.
 */
public final class AtomicFiles {
  private static final String SUFFIX = ".eqvae-tmp";

  /** Writes a file's content. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes the content from the channel's position 0 on.
     *
     * @param channel open for writing; the caller closes it
     * @throws IOException if writing fails
     */
    void writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFiles() {}

  /**
   * Writes or replaces a file.
   *
   * @param target the file; its directory must exist
   * @param content writes the bytes
   * @throws IOException if anything fails; the target is then unchanged and no temporary file
   *     remains
   */
  public static void write(Path target, Content content) throws IOException {
    Path file = target.toAbsolutePath();
    Path directory = file.getParent();
    if (directory == null || Files.isDirectory(file)) {
      throw new IOException(target + " is a directory, expected the name of a file");
    }
    // Not the target's name plus a suffix: that may be too long, or not valid text.
    Path temporary = directory.resolve("." + UUID.randomUUID() + SUFFIX);
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException | RuntimeException | Error e) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException second) {
        e.addSuppressed(second);
      }
      if (e instanceof IOException failed) {
        throw WriteFailure.of(target, failed);
      }
      throw e;
    }
    syncDirectory(directory);
  }

  /**
   * Writes or replaces a file.
   *
   * @param target the file; its directory must exist
   * @param bytes its content
   * @throws IOException if anything fails; the target is then untouched
   */
  public static void write(Path target, byte[] bytes) throws IOException {
    write(target, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
  }

  /**
   * Writes or replaces a text file in UTF-8.
   *
   * @param target the file; its directory must exist
   * @param text its content
   * @throws IOException if anything fails; the target is then untouched
   */
  public static void write(Path target, String text) throws IOException {
    write(target, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Gives a finished directory its final name: flushes it, renames it, flushes its parent
   * directory. The files in it must have been written with this class.
   *
   * @param temporary the finished directory
   * @param target its final name, in the same file system; must not exist
   * @throws IOException if the target exists or the rename fails
   */
  public static void moveDirectory(Path temporary, Path target) throws IOException {
    if (Files.exists(target)) {
      throw new IOException(target + " exists already, expected a new name");
    }
    syncDirectory(temporary);
    Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    Path parent = target.toAbsolutePath().getParent();
    if (parent != null) {
      syncDirectory(parent);
    }
  }

  /**
   * Makes the names in a directory durable. If the file system cannot flush a directory (CIFS, some
   * FUSE), one note says so; renames are then only as durable as the file system makes them.
   *
   * @param directory the directory
   * @throws IOException if it cannot be opened, or the disk failed
   */
  public static void syncDirectory(Path directory) throws IOException {
    syncDirectory(
        directory,
        path -> {
          try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
          }
        });
  }

  /** Flushes a directory; tests use their own file systems. */
  interface Flush {
    void flush(Path directory) throws IOException;
  }

  static void syncDirectory(Path directory, Flush flush) throws IOException {
    try {
      flush.flush(directory);
    } catch (IOException e) {
      if (!Files.isDirectory(directory) || PassingIoException.isDiskFailure(e)) {
        throw e;
      }
      Notices.once(
          "fsync of folders",
          "the file system of "
              + directory
              + " cannot flush folders ("
              + e.getMessage()
              + "). Only if this machine loses power, the newest files may be missing afterwards.");
    }
  }

  /**
   * Deletes the temporary files that killed processes left in a directory. Call it only if no other
   * process writes there.
   *
   * @param directory the directory
   * @return how many there were
   * @throws IOException if the directory cannot be listed or a file not deleted
   */
  public static int removeLeftovers(Path directory) throws IOException {
    int removed = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, ".*" + SUFFIX)) {
      for (Path file : files) {
        Files.delete(file);
        removed++;
      }
    }
    return removed;
  }

  /** Writes all of a buffer: one call of a channel may write less. */
  static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
