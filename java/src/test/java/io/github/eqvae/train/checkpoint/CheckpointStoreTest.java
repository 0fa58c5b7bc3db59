package io.github.eqvae.train.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.HeardNotices;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.testing.FolderInMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointStoreTest {
  @TempDir(factory = FolderInMemory.class)
  Path temp;

  private static byte[] bytes(long step, int length) {
    byte[] bytes = new byte[length];
    new Random(step).nextBytes(bytes);
    return bytes;
  }

  /**
   * Two blobs, one of several chunks and an odd length, and a state, all different for each step.
   */
  private static Map<String, Blob> blobs(long step) {
    Map<String, Blob> blobs = new LinkedHashMap<>();
    blobs.put("weights.bin", Blob.of(ByteBuffer.wrap(bytes(step, 1001))));
    blobs.put("ema.bin", Blob.of(ByteBuffer.wrap(bytes(step + 1000, 10))));
    return blobs;
  }

  private static Path save(CheckpointStore store, long step) throws IOException {
    return store.save(step, blobs(step), Map.of("step", step, "epoch", 3));
  }

  private static void assertHolds(Checkpoint checkpoint, long step) throws IOException {
    assertEquals(step, checkpoint.step());
    assertEquals(step, checkpoint.state("step", Long.class));
    byte[] weights = new byte[1001];
    checkpoint.read("weights.bin", ByteBuffer.wrap(weights));
    assertArrayEquals(bytes(step, 1001), weights);
    byte[] ema = new byte[10];
    checkpoint.read("ema.bin", ByteBuffer.wrap(ema));
    assertArrayEquals(bytes(step + 1000, 10), ema);
  }

  private Set<String> list() throws IOException {
    try (Stream<Path> paths = Files.list(temp)) {
      return new TreeSet<>(
          paths.map(p -> p.getFileName().toString()).filter(n -> !n.equals(".lock")).toList());
    }
  }

  @Test
  void whatWasSavedIsReadBack() throws IOException {
    CheckpointStore store = new CheckpointStore(temp.resolve("not/yet/there"), 3);
    assertEquals(Optional.empty(), store.latest().checkpoint());
    Path path = save(store, 7);
    assertEquals("step-00000007", path.getFileName().toString());
    CheckpointStore.Latest latest = store.latest();
    assertEquals(List.of(), latest.refused());
    Checkpoint checkpoint = latest.checkpoint().orElseThrow();
    assertHolds(checkpoint, 7);
    assertHolds(CheckpointStore.open(path), 7);
    assertEquals(List.of("weights.bin", "ema.bin"), List.copyOf(checkpoint.names()));
    assertEquals(1001, checkpoint.length("weights.bin"));
    assertEquals(path, checkpoint.directory());
  }

  @Test
  void nativeMemoryOfSeveralChunksRoundTrips() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long count = CheckpointFiles.CHUNK * 2L / Float.BYTES + 3;
      MemorySegment out = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      for (long i = 0; i < count; i++) {
        out.setAtIndex(ValueLayout.JAVA_FLOAT, i, i * 0.5f);
      }
      Path path =
          new CheckpointStore(temp, 1)
              .save(1, Map.of("w", Blob.of(out), "empty", Blob.of(arena.allocate(0))), Map.of());
      MemorySegment in = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      Checkpoint checkpoint = CheckpointStore.open(path);
      checkpoint.read("w", in);
      checkpoint.read("empty", arena.allocate(0));
      assertEquals(-1, out.mismatch(in));
    }
  }

  @Test
  void stateRoundTripsWithExactTypes() throws IOException {
    Map<String, Object> state =
        Map.of(
            "seed",
            Long.MAX_VALUE,
            "epoch",
            3,
            "loss",
            0.1,
            "ema",
            0.1f,
            "done",
            true,
            "recipe",
            "run:\n  steps: 1 # ünïcode \"quoted\"\n",
            "list",
            List.of(1, 2.5, "x"),
            "nested",
            Map.of("a", Map.of("b", -1)));
    Path path = new CheckpointStore(temp, 1).save(1, Map.of(), state);
    Map<String, Object> read = CheckpointStore.open(path).state();
    Map<String, Object> expected = new LinkedHashMap<>(state);
    expected.put("epoch", 3L);
    expected.put("ema", (double) 0.1f);
    expected.put("list", List.of(1L, 2.5, "x"));
    expected.put("nested", Map.of("a", Map.of("b", -1L)));
    assertEquals(expected, read);
  }

  @Test
  void stateThatWouldNotReadBackEqualIsRefused() {
    CheckpointStore store = new CheckpointStore(temp, 1);
    for (Object value : List.of(Double.NaN, Float.POSITIVE_INFINITY, new int[1], List.of('c'))) {
      assertThrows(
          IllegalArgumentException.class, () -> store.save(1, Map.of(), Map.of("x", value)));
    }
  }

  @Test
  void wrongStateAndBlobAccessIsExplained() throws IOException {
    Checkpoint checkpoint = CheckpointStore.open(save(new CheckpointStore(temp, 1), 1));
    assertMessage("state 'nope' is missing", () -> checkpoint.state("nope", Long.class));
    assertMessage(
        "'step' is a Long, expected a String", () -> checkpoint.state("step", String.class));
    assertMessage("it has no 'x'; it has weights.bin, ema.bin", () -> checkpoint.length("x"));
    assertMessage(
        "weights.bin has 1001 bytes, expected 1000; the checkpoint belongs to another model",
        () -> checkpoint.read("weights.bin", ByteBuffer.allocate(1000)));
  }

  private static void assertMessage(String part, Executable call) {
    IOException e = assertThrows(InvalidCheckpointException.class, call);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ".", "..", "a/b", "../x", ".hidden", "a b", "manifest.json", "state.json"})
  void unsafeBlobNamesAreRefused(String name) {
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new CheckpointStore(temp, 1)
                .save(1, Map.of(name, Blob.of(ByteBuffer.allocate(1))), Map.of()));
  }

  @Test
  void keepsTheNewest() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 2);
    for (long step : new long[] {1, 2, 10, 123_456_789_012L}) {
      save(store, step);
    }
    assertEquals(Set.of("step-00000010", "step-123456789012"), list());
    assertHolds(store.latest().checkpoint().orElseThrow(), 123_456_789_012L);
  }

  @Test
  void laterStepsOfAnAbandonedRunNeitherCountNorVanish() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 1);
    save(new CheckpointStore(temp, 9), 100);
    save(new CheckpointStore(temp, 9), 300);
    save(store, 200);
    assertEquals(Set.of("step-00000200", "step-00000300"), list());
  }

  @Test
  void sameStepIsReplaced() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 2);
    store.save(5, Map.of("old.bin", Blob.of(ByteBuffer.allocate(3))), Map.of());
    save(store, 5);
    assertEquals(Set.of("step-00000005"), list());
    assertHolds(store.latest().checkpoint().orElseThrow(), 5);
  }

  /**
   * The situations in which a save can be cut short: fresh step, old ones deleted, step replaced.
   */
  enum Situation {
    FIRST(3, List.of(), 2),
    NEXT(3, List.of(1L), 2),
    PRUNING(1, List.of(1L), 2),
    REPLACING(1, List.of(2L), 2),
    REPLACING_AND_PRUNING(1, List.of(1L, 2L), 2);

    private final int keep;
    private final List<Long> before;
    private final long saving;

    Situation(int keep, List<Long> before, long saving) {
      this.keep = keep;
      this.before = before;
      this.saving = saving;
    }
  }

  @ParameterizedTest
  @EnumSource(Situation.class)
  void anyFailureAtAnyPointLeavesAValidCheckpoint(Situation situation) throws IOException {
    int operations = attempt(situation, never()).count();
    // Four files with create, write and sync; two directories made or synced; one rename.
    assertTrue(operations >= 4 * 3 + 3, operations + " operations");
    for (var mode : FaultyFileOps.Mode.values()) {
      for (var moment : FaultyFileOps.Moment.values()) {
        for (int failing = 0; failing < operations; failing++) {
          FaultyFileOps ops = new FaultyFileOps(failing, mode, moment);
          assertThrows(IOException.class, () -> attempt(situation, ops));
          assertStillGood(situation, mode + " " + moment + " operation " + failing);
        }
      }
    }
  }

  private static FaultyFileOps never() {
    return new FaultyFileOps(
        Integer.MAX_VALUE, FaultyFileOps.Mode.KILLED, FaultyFileOps.Moment.BEFORE);
  }

  private FaultyFileOps attempt(Situation situation, FaultyFileOps ops) throws IOException {
    deleteAll();
    for (long step : situation.before) {
      save(new CheckpointStore(temp, 9), step);
    }
    save(new CheckpointStore(temp, situation.keep, ops), situation.saving);
    return ops;
  }

  private void assertStillGood(Situation situation, String where) throws IOException {
    CheckpointStore store = new CheckpointStore(temp, situation.keep);
    CheckpointStore.Latest latest = store.latest();
    assertEquals(List.of(), latest.refused(), where);
    for (String name : list()) {
      if (name.startsWith("step-")) {
        CheckpointStore.open(temp.resolve(name)); // throws if only half of it is there
      }
    }
    if (!situation.before.isEmpty()) {
      long step = latest.checkpoint().orElseThrow().step();
      assertTrue(step >= situation.before.getLast(), where + " lost the newest checkpoint");
      assertHolds(latest.checkpoint().orElseThrow(), step);
    }
    save(store, 3);
    assertHolds(store.latest().checkpoint().orElseThrow(), 3);
    assertTrue(list().stream().allMatch(n -> n.startsWith("step-")), () -> where + " left litter");
    assertTrue(list().size() <= situation.keep, where);
  }

  private void deleteAll() throws IOException {
    try (Stream<Path> paths = Files.walk(temp)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        if (!path.equals(temp)) {
          Files.delete(path);
        }
      }
    }
  }

  @Test
  void aFullDiskIsExplainedAndLeavesNothingBehind() throws IOException {
    save(new CheckpointStore(temp, 3), 1);
    FaultyFileOps ops =
        new FaultyFileOps(2, FaultyFileOps.Mode.ONE_ERROR, FaultyFileOps.Moment.HALF_WAY);
    IOException e =
        assertThrows(IOException.class, () -> save(new CheckpointStore(temp, 3, ops), 2));
    for (String part :
        List.of("step-00000002 was not saved", "No space left", "needs 1011 bytes", "untouched")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertEquals(Set.of("step-00000001"), list());
  }

  @Test
  void aFolderThatWasMovedIsNamed() throws IOException {
    Path old = temp.resolve("run");
    CheckpointStore store = new CheckpointStore(old, 3);
    save(store, 1);
    Blob moving =
        new Blob() {
          @Override
          public long length() {
            return 4;
          }

          @Override
          public void writeTo(WritableByteChannel out) throws IOException {
            out.write(ByteBuffer.allocate(4));
            Files.move(old, temp.resolve("moved"));
          }
        };
    IOException e =
        assertThrows(IOException.class, () -> store.save(2, Map.of("x", moving), Map.of()));
    for (String part : List.of("step-00000002 was not saved", "there is no folder " + old)) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void aBlobThatLiesAboutItsLengthIsRefused() {
    Blob lying =
        new Blob() {
          @Override
          public long length() {
            return 5;
          }

          @Override
          public void writeTo(WritableByteChannel out) throws IOException {
            out.write(ByteBuffer.allocate(4));
          }
        };
    IOException e =
        assertThrows(
            IOException.class,
            () -> new CheckpointStore(temp, 1).save(1, Map.of("x", lying), Map.of()));
    assertTrue(e.getMessage().contains("wrote 4 bytes but promised 5"), e.getMessage());
  }

  @ParameterizedTest
  @Tag("full")
  @ValueSource(strings = {"weights.bin", "ema.bin", "state.json", "manifest.json"})
  void everyFlippedBitAndEveryTruncationIsFoundAndThePreviousUsed(String name) throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 3);
    save(store, 1);
    Path file = save(store, 2).resolve(name);
    byte[] good = Files.readAllBytes(file);
    List<byte[]> damaged = new ArrayList<>();
    for (int at = 0; at < good.length; at++) {
      byte[] flipped = good.clone();
      flipped[at] ^= (byte) (1 << (at % 8));
      damaged.add(flipped);
      if (at % 7 == 0 || at == good.length - 1) {
        damaged.add(Arrays.copyOf(good, at));
      }
    }
    damaged.add(Arrays.copyOf(good, good.length + 1));
    for (byte[] bytes : damaged) {
      Files.write(file, bytes);
      CheckpointStore.Latest latest = store.latest();
      assertEquals(1, latest.checkpoint().orElseThrow().step());
      assertEquals(1, latest.refused().size());
      String reason = latest.refused().getFirst().reason();
      boolean version = name.equals("manifest.json") && reason.contains("format version");
      assertTrue(version || reason.contains(name), reason);
    }
    Files.write(file, good);
    assertEquals(2, store.latest().checkpoint().orElseThrow().step());
    Files.delete(file);
    assertTrue(store.latest().refused().getFirst().reason().contains(name + " is missing"));
  }

  /** An error of the file system is no damage: to go on from an earlier checkpoint loses work. */
  @Test
  void aCheckpointThatCannotBeReadNowEndsTheSearch() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 3);
    save(store, 1);
    Path newest = save(store, 2);
    IOException stale = new IOException("Stale file handle");
    assertThrows(
        PassingIoException.class,
        () ->
            store.latest(
                path -> {
                  assertEquals(newest, path);
                  throw new PassingIoException("it cannot be read", stale);
                }));
    // Damage is no error of the file system, and nobody waits for it to pass.
    assertFalse(PassingIoException.mayPass(new InvalidCheckpointException(newest, "is damaged")));
    assertTrue(PassingIoException.mayPass(stale));
  }

  @Test
  void reasonsNameActualAndExpected() throws IOException {
    Path path = save(new CheckpointStore(temp, 3), 1);
    Path weights = path.resolve("weights.bin");
    try (FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
      channel.truncate(1000);
    }
    assertMessage(
        "weights.bin is truncated: 1000 bytes, the manifest says 1001",
        () -> CheckpointStore.open(path));
    byte[] other = bytes(1, 1001);
    other[500] ^= 1;
    Files.write(weights, other);
    String actual = CheckpointFiles.hex(CheckpointFiles.sha256().digest(other));
    String expected = CheckpointFiles.hex(CheckpointFiles.sha256().digest(bytes(1, 1001)));
    assertMessage(
        "weights.bin has changed since it was written: sha256 "
            + actual
            + ", the manifest says "
            + expected,
        () -> CheckpointStore.open(path));
  }

  @Test
  void changeBetweenOpeningAndReadingIsFound() throws IOException {
    Path path = save(new CheckpointStore(temp, 3), 1);
    Checkpoint checkpoint = CheckpointStore.open(path);
    byte[] other = bytes(1, 1001);
    other[0] ^= 1;
    Files.write(path.resolve("weights.bin"), other);
    assertMessage(
        "weights.bin has changed", () -> checkpoint.read("weights.bin", ByteBuffer.allocate(1001)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'\"version\" : 1'|'\"version\" : 2'|format version 2, this program knows 1",
        "'eqvae-checkpoint'|'other'|not a manifest of eqvae-checkpoint",
        "'weights.bin'|'../weights'|is not a valid, new file",
        "'ema.bin'|'weights.bin'|is not a valid, new file",
        "'\"length\" : 10,'|'\"length\" : 9999999999999,'|has changed since it was written",
        "'\"format\"'|'\"format\":\"eqvae-checkpoint\",\"format\"'|not valid JSON",
      })
  void forgedManifestsAreRefused(String from, String to, String expected) throws IOException {
    Path path = save(new CheckpointStore(temp, 3), 1);
    Path manifest = path.resolve("manifest.json");
    String text = Files.readString(manifest);
    assertTrue(text.contains(from), text);
    Files.writeString(manifest, text.replace(from, to));
    assertMessage(expected, () -> CheckpointStore.open(path));
  }

  @Test
  void hugeManifestIsRefusedBeforeItIsRead() throws IOException {
    Path path = save(new CheckpointStore(temp, 3), 1);
    try (FileChannel channel =
        FileChannel.open(path.resolve("manifest.json"), StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), 1L << 40); // sparse
    }
    assertMessage("more than the limit", () -> CheckpointStore.open(path));
  }

  @Test
  void linksAndWrongNamesAreRefused() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 3);
    Path path = save(store, 1);
    Path copy = temp.resolve("step-00000009");
    Files.move(path, copy);
    assertTrue(store.latest().refused().getFirst().reason().contains("manifest says step 1"));
    assertHolds(CheckpointStore.open(copy), 1);
    Path outside = temp.resolve("outside.bin");
    Files.move(copy.resolve("weights.bin"), outside);
    Files.createSymbolicLink(copy.resolve("weights.bin"), outside);
    assertMessage("weights.bin is not a plain file", () -> CheckpointStore.open(copy));
    assertMessage("no such directory", () -> CheckpointStore.open(temp.resolve("nothing")));
  }

  @Test
  void allLeftoversOfKilledRunsAreRemovedTogether() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 3);
    save(store, 1);
    for (String name :
        List.of(".writing-step-00000002", ".deleting-step-00000000", ".replaced-step-00000001")) {
      Files.createDirectories(temp.resolve(name).resolve("inner"));
      Files.write(temp.resolve(name).resolve("inner/file"), new byte[3]);
    }
    assertEquals(1, store.latest().checkpoint().orElseThrow().step());
    save(store, 2);
    assertEquals(Set.of("step-00000001", "step-00000002"), list());
  }

  @Test
  void twoWritersAreKeptApart() throws IOException {
    CheckpointStore store = new CheckpointStore(temp, 3);
    Blob saving =
        new Blob() {
          @Override
          public long length() {
            return 0;
          }

          @Override
          public void writeTo(WritableByteChannel out) {
            IOException e = assertThrows(IOException.class, () -> save(store, 2));
            assertTrue(e.getMessage().contains("another process or thread"), e.getMessage());
          }
        };
    store.save(1, Map.of("x", saving), Map.of());
    assertEquals(Set.of("step-00000001"), list());
  }

  /** Lustre without flock, NFS without lockd, CIFS: saving works, and the user hears of it once. */
  @Test
  void fileSystemsWithoutLocksWork() throws IOException {
    FileOps noLocks =
        new FaultyFileOps(
            Integer.MAX_VALUE, FaultyFileOps.Mode.KILLED, FaultyFileOps.Moment.BEFORE) {
          @Override
          public boolean lock(FileChannel file) throws IOException {
            throw new IOException("No locks available");
          }
        };
    List<String> notices = HeardNotices.listen();
    Path folder = temp.resolve("no-locks");
    CheckpointStore store = new CheckpointStore(folder, 2, noLocks);
    store.save(1, Map.of("a.bin", Blob.of(ByteBuffer.wrap(new byte[4]))), Map.of());
    store.save(2, Map.of("a.bin", Blob.of(ByteBuffer.wrap(new byte[4]))), Map.of());
    assertEquals(2, store.latest().checkpoint().orElseThrow().step());
    assertEquals(1, notices.stream().filter(n -> n.contains("has no locks")).count());
  }
}
