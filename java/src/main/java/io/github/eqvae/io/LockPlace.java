package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What a {@link FolderLock} reserves: a folder, or the name of a file.
 *
 * @param shown its name in messages
 * @param real its real path
 * @param lock the file that names the owner, in the folder or beside the file
 * @param made whether this is a folder that was made for the lock
 */
record LockPlace(Path shown, Path real, Path lock, boolean made) {

  /** A folder, which is made if it does not exist. */
  static LockPlace ofFolder(Path folder) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new EqvaeException.Argument(folder + " is a file; name a folder");
    }
    boolean made = !Files.isDirectory(folder);
    Files.createDirectories(folder);
    Path real = folder.toRealPath();
    return new LockPlace(folder, real, real.resolve(FolderLock.NAME), made);
  }

  /** A file that need not exist; its folder is made. */
  static LockPlace ofFile(Path target) throws IOException {
    Path parent = target.toAbsolutePath().getParent();
    if (parent == null || Files.isDirectory(target)) {
      throw new EqvaeException.Argument(target + " is a folder; name a file");
    }
    Files.createDirectories(parent);
    Path real = parent.toRealPath().resolve(target.getFileName());
    // Not the name plus a suffix: that may be too long.
    byte[] name = target.getFileName().toString().getBytes(StandardCharsets.UTF_8);
    Path lock = real.resolveSibling(FolderLock.NAME + "-" + UUID.nameUUIDFromBytes(name));
    return new LockPlace(target, real, lock, false);
  }

  /** The same place, which its last owner may have removed. */
  LockPlace again() throws IOException {
    return lock.endsWith(FolderLock.NAME) ? ofFolder(shown) : ofFile(shown);
  }

  /** How long ago the file was written, by the clock that dates the files there. */
  Duration age() throws IOException {
    Path now = Files.createTempFile(lock.getParent(), FolderLock.NAME, ".now");
    try {
      return Duration.between(
          Files.getLastModifiedTime(lock).toInstant(), Files.getLastModifiedTime(now).toInstant());
    } finally {
      Files.deleteIfExists(now);
    }
  }

  /** Removes a folder that was made for the lock, if there is nothing else in it. */
  void removeIfEmpty() throws IOException {
    if (!made) {
      return;
    }
    try (Stream<Path> files = Files.list(real)) {
      if (files.anyMatch(f -> !f.equals(lock))) {
        return;
      }
    }
    Files.deleteIfExists(lock);
    Files.deleteIfExists(real);
  }
}
