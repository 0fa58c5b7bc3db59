package io.github.eqvae.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;

/**
 * Locks of the operating system on a whole file. They end with the process, however it ends. Some
 * file systems have none (Lustre without {@code flock}, NFS without its lock daemon, some FUSE).
 */
public final class FileLocks {
  /** The note for users of file systems without locks. */
  public static final String NONE =
      "this file system has no locks. Everything works, but make sure that no two runs share a"
          + " folder.";

  private FileLocks() {}

  /** The result of a request for a lock. */
  public enum Outcome {
    /** This process has the lock until the channel is closed. */
    HELD,
    /** Another process, or another channel of this process, has the lock. */
    BUSY,
    /** The file system has no locks. */
    UNSUPPORTED
  }

  /** Requests a lock. */
  @FunctionalInterface
  interface Locking {
    Outcome tryLock(FileChannel file);
  }

  /**
   * Requests the lock of a file, without waiting.
   *
   * @param file a channel that is open for writing
   * @return the result
   */
  public static Outcome tryLock(FileChannel file) {
    try {
      return file.tryLock() == null ? Outcome.BUSY : Outcome.HELD;
    } catch (OverlappingFileLockException e) {
      return Outcome.BUSY;
    } catch (IOException e) {
      return Outcome.UNSUPPORTED; // no locks available, not implemented, not supported
    }
  }
}
