package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTest {
  private static final FileLocks.Locking NONE = file -> FileLocks.Outcome.UNSUPPORTED;
  private static final FileLocks.Locking REAL = FileLocks::tryLock;

  @TempDir Path temp;
  private final List<String> notes = new ArrayList<>();

  private FolderLock acquire(Path folder, FileLocks.Locking locking, String host)
      throws IOException {
    return FolderLock.acquire(folder, "train", notes::add, locking, host);
  }

  private static void assertRefused(String part, org.junit.jupiter.api.function.Executable call) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, call);
    assertTrue(e.getMessage().contains(part), e.getMessage());
    assertTrue(e.getMessage().contains("process " + ProcessHandle.current().pid()), e.getMessage());
  }

  /** Seen on a full disk: no word of where, and an empty lock stayed. */
  @Test
  void aFullDiskIsNamed(@TempDir Path folder) throws IOException {
    assumeTrue(Files.exists(Path.of("/dev/full")));
    Path file = folder.resolve(FolderLock.NAME);
    Files.createSymbolicLink(file, Path.of("/dev/full"));
    IOException e =
        assertThrows(IOException.class, () -> FolderLock.acquire(folder, "encode", note -> {}));
    assertTrue(e.getMessage().contains(file + " could not be written: No space"), e.getMessage());
    assertFalse(Files.exists(file, LinkOption.NOFOLLOW_LINKS));
    FolderLock.acquire(folder, "encode", note -> {}).close();
  }

  @Test
  void oneOwnerAtATime() throws IOException {
    Path run = temp.resolve("run");
    try (FolderLock _ = acquire(run, REAL, LockOwner.thisHost())) {
      assertRefused(
          "run is in use by `eqvae train`", () -> acquire(run, REAL, LockOwner.thisHost()));
      Files.writeString(run.resolve("recipe.yaml"), "a");
    }
    assertFalse(Files.exists(run.resolve(FolderLock.NAME)));
    acquire(run, REAL, LockOwner.thisHost()).close();
    assertTrue(Files.exists(run.resolve("recipe.yaml")));
    assertEquals(List.of(), notes);
  }

  @Test
  void whatWasMadeForNothingIsRemoved() throws IOException {
    FolderLock lock = acquire(temp.resolve("a/b"), REAL, LockOwner.thisHost());
    lock.close();
    lock.close();
    assertFalse(Files.exists(temp.resolve("a/b")));
    Path there = Files.createDirectory(temp.resolve("there"));
    acquire(there, REAL, LockOwner.thisHost()).close();
    assertTrue(Files.isDirectory(there));
  }

  @Test
  void aFileIsTakenByItsName() throws IOException {
    Path file = temp.resolve("new/" + "a".repeat(240) + ".ckpt");
    try (FolderLock _ = FolderLock.acquireFile(file, "train", notes::add)) {
      assertRefused(
          file + " is in use by `eqvae train`",
          () -> FolderLock.acquireFile(file, "train", notes::add));
      FolderLock.acquireFile(temp.resolve("new/b"), "train", notes::add).close();
    }
    try (var left = Files.list(temp.resolve("new"))) {
      assertEquals(0, left.count());
    }
    FolderLock.acquireFile(file, "train", notes::add).close();
    assertThrows(
        EqvaeException.Argument.class, () -> FolderLock.acquireFile(temp, "train", notes::add));
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    Path file = Files.writeString(temp.resolve("a.yaml"), "mine");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> acquire(file, REAL, LockOwner.thisHost()));
    assertTrue(e.getMessage().contains("is a file"), e.getMessage());
    assertEquals("mine", Files.readString(file));
  }

  /** Without locks the process itself is asked for. */
  @Test
  void fileSystemsWithoutLocks() throws IOException {
    List<String> said = HeardNotices.listen();
    try (FolderLock _ = acquire(temp, NONE, LockOwner.thisHost())) {
      assertEquals(1, said.size(), said.toString());
      assertTrue(said.getFirst().endsWith(FileLocks.NONE), said.toString());
      assertRefused("is in use", () -> acquire(temp, NONE, LockOwner.thisHost()));
    }
    acquire(temp, NONE, LockOwner.thisHost()).close();
  }

  private void leave(String host, long pid, long started, long secondsAgo) throws IOException {
    LockOwner owner = new LockOwner("train", "u", host, pid, started, "2026-01-01T00:00:00Z", "x");
    Path file = temp.resolve(FolderLock.NAME);
    Files.write(file, owner.bytes());
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(secondsAgo)));
  }

  /** A killed process's folder is free at once on its machine, even if its number is in use. */
  @Test
  void theDeadAreTakenOver() throws Exception {
    Process dead = new ProcessBuilder("true").start();
    dead.waitFor();
    String here = LockOwner.thisHost();
    for (FileLocks.Locking locking : List.of(REAL, NONE)) {
      leave(here, dead.pid(), 0, 1);
      acquire(temp, locking, here).close();
      assertTrue(notes.toString().contains("process " + dead.pid()), notes.toString());
      leave(here, ProcessHandle.current().pid(), 12345, 1); // that number's process before
      acquire(temp, locking, here).close();
      Files.writeString(temp.resolve(FolderLock.NAME), "{\"what\":\"tr"); // killed while writing
      acquire(temp, locking, here).close();
      notes.clear();
    }
  }

  @Test
  void anotherMachineGivesSignsOfLife() throws IOException {
    long pid = ProcessHandle.current().pid();
    leave("node17", pid, 0, 30);
    assertRefused("on node17", () -> acquire(temp, NONE, "node18"));
    assertTrue(Files.exists(temp.resolve(FolderLock.NAME)), "the other's lock stays");
    try (var files = Files.list(temp)) {
      assertEquals(1, files.count(), "nothing else is left");
    }
    for (FileLocks.Locking locking : List.of(REAL, NONE)) {
      leave("node17", pid, 0, FolderLock.STALE.toSeconds() + 10);
      acquire(temp, locking, "node18").close();
    }
    assertFalse(notes.toString().contains("Waiting"), notes.toString());
  }

  /** A container that was killed and started anew has another name, and finds the lock free. */
  @Test
  void aFreeLockOfAnotherMachineIsWaitedFor() throws Exception {
    long pid = ProcessHandle.current().pid();
    leave("node17", pid, 0, FolderLock.STALE.toSeconds() - 5);
    acquire(temp, REAL, "node18").close();
    assertTrue(notes.getFirst().contains("Waiting"), notes.toString());
    assertTrue(notes.getLast().contains("taken over"), notes.toString());

    leave("node17", pid, 0, 30);
    Path file = temp.resolve(FolderLock.NAME);
    CountDownLatch waits = new CountDownLatch(1);
    Thread owner =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    waits.await();
                    Thread.sleep(500);
                    Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
                  } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                });
    assertRefused(
        "sign of life",
        () -> FolderLock.acquire(temp, "train", note -> waits.countDown(), REAL, "node18"));
    owner.join();
    assertTrue(Files.readString(file).contains("node17"), "the other's lock stays");
  }

  /** It was paused for so long that another machine took it for dead. */
  @Test
  void whoLostTheFolderIsTold() throws Exception {
    try (FolderLock lock = acquire(temp, NONE, LockOwner.thisHost())) {
      lock.requireOwned();
      leave("node17", 4711, 0, 0);
      Thread.sleep(1100);
      IOException e = assertThrows(IOException.class, lock::requireOwned);
      assertTrue(e.getMessage().contains("taken over by `eqvae train`"), e.getMessage());
      assertTrue(e.getMessage().contains("process 4711 on node17"), e.getMessage());
    }
    FolderLock lock = acquire(temp.resolve("b"), REAL, LockOwner.thisHost());
    Files.delete(temp.resolve("b").resolve(FolderLock.NAME));
    lock.requireOwned(); // nobody else is there
    lock.close();
  }

  @Test
  void theLockOfAnotherStays() throws IOException {
    FolderLock lock = acquire(temp, NONE, LockOwner.thisHost());
    leave("node17", 1, 0, 0);
    lock.close();
    assertTrue(Files.readString(temp.resolve(FolderLock.NAME)).contains("node17"));
  }

  /** Another process's lock, whatever became of the text in its file. */
  @Test
  void anotherProcessIsSeen() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Holder.class.getName(),
            temp.toString());
    Process other = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try {
      assertEquals('h', other.getInputStream().read());
      EqvaeException e =
          assertThrows(
              EqvaeException.Argument.class, () -> acquire(temp, REAL, LockOwner.thisHost()));
      assertTrue(e.getMessage().contains("process " + other.pid()), e.getMessage());
    } finally {
      other.destroyForcibly().waitFor();
    }
    assertTrue(Files.size(temp.resolve(FolderLock.NAME)) > 0, "killed");
    acquire(temp, REAL, LockOwner.thisHost()).close();
  }

  /** Holds a folder until it is killed. */
  static final class Holder {
    private Holder() {}

    /** Holds it. */
    public static void main(String[] arguments) throws Exception {
      FolderLock lock = FolderLock.acquire(Path.of(arguments[0]), "train", note -> {});
      try {
        FolderLock.acquire(Path.of(arguments[0]), "train", note -> {});
      } catch (EqvaeException.Argument refused) {
        // and this process has it still
      }
      lock.requireOwned(); // which keeps the lock as well
      System.out.print("h");
      System.out.flush();
      Thread.sleep(60_000);
      lock.close();
    }
  }
}
