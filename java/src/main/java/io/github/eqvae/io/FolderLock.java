package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reserves a folder, or the name of a file, for one process while it writes there: two runs in one
 * folder would overwrite each other's files, and both would end without an error.
 *
 * <p>The file {@value #NAME} in the folder names the owner; that of a file is beside it. If the
 * file system has locks, the owner holds one on this file, which ends with its process. The owner
 * also rewrites the file every few seconds. So another machine, which may see neither lock nor
 * process, can tell whether the owner is alive. A folder whose owner is dead is taken over: on the
 * same machine at once, on another one after {@link #STALE}.
 */
public final class FolderLock implements AutoCloseable {
  /** The file's name. */
  public static final String NAME = ".eqvae-lock";

  /** An owner on another machine counts as dead after this time without a sign of life. */
  static final Duration STALE = Duration.ofMinutes(2);

  private static final Duration SIGN_OF_LIFE = Duration.ofSeconds(15);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(1);
  private static final int MAX_BYTES = 1 << 16;

  /** The folders that this process has locked. */
  private static final Map<Path, LockOwner> HERE = new ConcurrentHashMap<>();

  private final LockPlace place;
  private final LockOwner owner;
  private final FileChannel channel;
  private final @Nullable Object key;
  private final CountDownLatch closed = new CountDownLatch(1);
  private long looked = System.nanoTime() - LOOK_EVERY.toNanos();

  private FolderLock(LockPlace place, LockOwner owner, FileChannel channel, @Nullable Object key) {
    this.key = key;
    this.place = place;
    this.owner = owner;
    this.channel = channel;
  }

  /**
   * Takes a folder, which is made if it does not exist.
   *
   * @param folder the folder
   * @param what this process does there, such as {@code train}, for messages to other processes
   * @param note receives a message if a dead owner's lock is taken over
   * @return the lock, to be closed when everything is written
   * @throws EqvaeException.Argument when another process has it; the message says which
   * @throws IOException when the folder cannot be made or written
   */
  public static FolderLock acquire(Path folder, String what, Consumer<String> note)
      throws IOException {
    return acquire(folder, what, note, FileLocks::tryLock, LockOwner.thisHost());
  }

  static FolderLock acquire(
      Path folder, String what, Consumer<String> note, FileLocks.Locking locking, String host)
      throws IOException {
    return acquire(LockPlace.ofFolder(folder), what, note, locking, host);
  }

  /**
   * Takes the name of a file that is to be written. Its folder is made if it does not exist.
   *
   * @param target the file, which need not exist
   * @param what this process does there, such as {@code convert}, for messages to other processes
   * @param note receives a message if a dead owner's lock is taken over
   * @return the lock, to be closed when the file is written
   * @throws EqvaeException.Argument when another process writes it; the message says which
   * @throws IOException when nothing can be written there
   */
  public static FolderLock acquireFile(Path target, String what, Consumer<String> note)
      throws IOException {
    LockPlace place = LockPlace.ofFile(target);
    try {
      return acquire(place, what, note, FileLocks::tryLock, LockOwner.thisHost());
    } catch (FileSystemException answer) {
      throw WriteFailure.of(target, answer);
    }
  }

  private static FolderLock acquire(
      LockPlace place, String what, Consumer<String> note, FileLocks.Locking locking, String host)
      throws IOException {
    Path real = place.real();
    Path file = place.lock();
    LockOwner self = LockOwner.self(what, UUID.randomUUID().toString());
    // Checked first: closing a second channel of the file would end this process's lock (POSIX).
    LockOwner own = HERE.putIfAbsent(real, self);
    if (own != null) {
      throw refusal(place, Optional.of(own), "");
    }
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      FileLocks.Outcome outcome = locking.tryLock(channel);
      Optional<LockOwner> before = LockOwner.parse(read(channel));
      if (outcome == FileLocks.Outcome.BUSY) {
        throw refusal(place, before, "");
      }
      boolean locks = outcome == FileLocks.Outcome.HELD;
      if (before.isPresent()) {
        requireDead(place, before.get(), locks, host, note);
      }
      FolderLock lock = new FolderLock(place, self, channel, key(file));
      try {
        lock.write();
      } catch (IOException full) {
        Files.deleteIfExists(file); // nobody's lock
        throw WriteFailure.of(file, full);
      }
      if (!Files.exists(file)) { // its owner deleted it after it was opened here
        HERE.remove(real, self);
        channel.close();
        return acquire(place.again(), what, note, locking, host);
      }
      if (!locks) {
        pause(); // if two came at once, the one that wrote last has it
        Optional<LockOwner> now = LockOwner.parse(read(channel));
        if (!now.equals(Optional.of(self))) {
          throw refusal(place, now, "");
        }
        Notices.once("locks", FileLocks.NONE);
      }
      before.ifPresent(
          b -> note.accept(place.shown() + " was left by " + b + ", which has ended; taken over"));
      Thread.ofPlatform().daemon().name("eqvae-lock").start(lock::stayAlive);
      return lock;
    } catch (IOException | RuntimeException e) {
      HERE.remove(real, self); // another thread may have taken it since it was released
      if (channel != null) {
        channel.close();
      }
      throw e;
    }
  }

  /**
   * If the file system has locks and the owner was on this machine, a free lock means that the
   * owner has ended.
   */
  private static void requireDead(
      LockPlace place, LockOwner before, boolean locks, String host, Consumer<String> note)
      throws IOException {
    if (before.isOn(host)) {
      if (!locks && before.isAlive()) {
        throw refusal(place, Optional.of(before), "");
      }
      return;
    }
    Duration silent = place.age();
    if (silent.compareTo(STALE) < 0 && locks) {
      waitOut(place, before, silent, note);
    } else if (silent.compareTo(STALE) < 0) {
      throw refusal(
          place,
          Optional.of(before),
          " Its last sign of life is "
              + Math.max(0, silent.toSeconds())
              + " s old. If it was killed, the folder is free once that is "
              + STALE.toSeconds()
              + " s, or when you delete "
              + place.lock()
              + ".");
    }
  }

  /**
   * The owner's lock is free, so it has probably ended (a restarted container has another name).
   * But some file systems do not share locks between machines. Signs of life are visible on all
   * machines.
   */
  private static void waitOut(
      LockPlace place, LockOwner before, Duration silent, Consumer<String> note)
      throws IOException {
    Path file = place.lock();
    Duration rest = STALE.minus(silent);
    note.accept(
        place.shown()
            + " was left by "
            + before
            + ", which seems to have ended: its lock is free. Waiting "
            + (rest.toSeconds() + 1)
            + " s for a sign of life to make sure");
    try {
      FileTime last = Files.getLastModifiedTime(file);
      long from = System.nanoTime();
      while (System.nanoTime() - from < rest.toNanos()) {
        pause();
        if (!Files.getLastModifiedTime(file).equals(last)) {
          throw refusal(place, Optional.of(before), " It has just given a sign of life.");
        }
      }
    } catch (NoSuchFileException e) {
      // the owner has just ended, or the user deleted the file
    }
  }

  private static EqvaeException.Argument refusal(
      LockPlace place, Optional<LockOwner> owner, String more) {
    return new EqvaeException.Argument(
        place.shown()
            + " is in use by "
            + owner.map(LockOwner::toString).orElse("another process")
            + ". Wait until it has ended, or name another place."
            + more);
  }

  /**
   * Identifies a file among others of the same name; null if it does not exist, or the file system
   * has no such identity.
   */
  private static @Nullable Object key(Path file) throws IOException {
    try {
      return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private static byte[] read(FileChannel channel) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(MAX_BYTES, channel.size()));
    int count = 1;
    while (buffer.hasRemaining() && count > 0) {
      count = channel.read(buffer, buffer.position());
    }
    return Arrays.copyOf(buffer.array(), buffer.position());
  }

  /** Long enough for two processes that came at once to see each other. */
  private static void pause() throws IOException {
    try {
      Thread.sleep(200);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while taking a folder");
    }
  }

  /**
   * Throws if this process has lost its folder: after a long pause (a laptop's sleep, a stopped
   * container, a file system out of reach) another process may have taken it over. Call it before
   * anything is written there; it reads the file at most once a second.
   *
   * @throws IOException when another process has the folder; the message says which
   */
  public synchronized void requireOwned() throws IOException {
    long now = System.nanoTime();
    if (closed.getCount() == 0 || now - looked < LOOK_EVERY.toNanos()) {
      return;
    }
    looked = now;
    Optional<LockOwner> other = Optional.empty();
    try {
      Path file = place.lock();
      // Our file is read only with its own channel: closing another one would end this process's
      // lock (POSIX).
      byte[] text = Objects.equals(key(file), key) ? read(channel) : Files.readAllBytes(file);
      other = LockOwner.parse(text);
    } catch (IOException e) {
      // deleted by the user, or out of reach for now: no other owner is visible
    }
    if (other.isPresent() && !other.get().equals(owner)) {
      looked = now - LOOK_EVERY.toNanos(); // who asks again is told again
      throw new IOException(
          place.real()
              + " was taken over by "
              + other.get()
              + ", because this process gave no sign of life for "
              + STALE.toSeconds()
              + " s (was it paused?). This one ends here, so that the two do not mix their files;"
              + " what it wrote before stays");
    }
  }

  /** Releases the folder if the process is asked to end while it still has it. */
  public void releaseAtExit() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::release, "eqvae-unlock"));
  }

  private void release() {
    try {
      close();
    } catch (IOException e) {
      // then others will see that it is dead
    }
  }

  /**
   * Releases the folder. If it was made for this lock and is empty, it is removed. May be called
   * from any thread, and more than once.
   *
   * @throws IOException when the file cannot be removed
   */
  @Override
  public synchronized void close() throws IOException {
    if (closed.getCount() == 0) {
      return;
    }
    closed.countDown();
    HERE.remove(place.real(), owner);
    try (channel) {
      if (isMine()) {
        channel.truncate(0); // a process that opened it before must not take it for a dead owner's
        Files.deleteIfExists(place.lock());
      }
    }
    place.removeIfEmpty();
  }

  /** Whether no other process has taken the folder over. */
  private boolean isMine() throws IOException {
    return LockOwner.parse(read(channel)).equals(Optional.of(owner));
  }

  private void write() throws IOException {
    ByteBuffer text = ByteBuffer.wrap(owner.bytes());
    channel.truncate(text.remaining());
    while (text.hasRemaining()) {
      channel.write(text, text.position());
    }
  }

  private void stayAlive() {
    try {
      while (!closed.await(SIGN_OF_LIFE.toMillis(), TimeUnit.MILLISECONDS)) {
        giveSign();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void giveSign() {
    try {
      if (closed.getCount() > 0 && isMine()) {
        write();
      }
    } catch (IOException e) {
      // The folder is out of reach for now; writing results there will fail with a message.
    }
  }
}
