package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PassingIoException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Batches are a function of (seed, step) whatever the threads do; errors reach the one who takes
 * batches.
 */
@Timeout(600)
class LoaderTest {
  /** Pictures of random content and uneven decoding time; some numbers broken. */
  private static final class Fake implements ImageDataset {
    private final int size;
    private final Set<Integer> broken;
    final AtomicInteger loads = new AtomicInteger();

    Fake(int size, Integer... broken) {
      this.size = size;
      this.broken = Set.of(broken);
    }

    @Override
    public int size() {
      return size;
    }

    @Override
    public Image load(int index) throws IOException {
      loads.incrementAndGet();
      if (broken.contains(index)) {
        throw new IOException("broken " + index);
      }
      for (int spin = 0; spin < index * 7919 % 1000; spin++) {
        Thread.onSpinWait();
      }
      byte[] data = new byte[20 * 16];
      for (int i = 0; i < data.length; i++) {
        data[i] = (byte) (i * 31 + index * 17 + i * index);
      }
      data[0] = (byte) index;
      return new Image(20, 16, 1, data);
    }

    @Override
    public String name(int index) {
      return "fake" + index;
    }
  }

  private static final List<Transform> CROP = List.of(new Transform.RandomCrop(8, 0.5));
  private static final List<Transform> CENTER = List.of(new Transform.CenterCrop(16));

  private record Copy(long step, List<Integer> indices, List<Long> epochs, float[] pixels) {
    static Copy of(Batch batch) {
      List<Integer> indices = new ArrayList<>();
      List<Long> epochs = new ArrayList<>();
      for (int i = 0; i < batch.size(); i++) {
        indices.add(batch.indices()[i]);
        epochs.add(batch.epochs()[i]);
      }
      return new Copy(batch.step(), indices, epochs, batch.pixels().clone());
    }
  }

  private static List<Copy> take(
      ImageDataset dataset, int threads, int ahead, long seed, long first, int count)
      throws IOException {
    LoaderOptions options = new LoaderOptions(6, 8, 8, 3, seed, threads, ahead);
    List<Copy> copies = new ArrayList<>();
    try (Loader loader = Loader.training(dataset, CROP, options, first)) {
      for (int i = 0; i < count; i++) {
        assertEquals(first + i, loader.position());
        copies.add(Copy.of(loader.next()));
      }
    }
    return copies;
  }

  private static void assertSame(List<Copy> expected, List<Copy> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).step, actual.get(i).step);
      assertEquals(expected.get(i).indices, actual.get(i).indices);
      assertEquals(expected.get(i).epochs, actual.get(i).epochs);
      assertArrayEquals(expected.get(i).pixels, actual.get(i).pixels);
    }
  }

  @Test
  void threadsAndDepthDoNotMatter() throws IOException {
    List<Copy> one = take(new Fake(37, 4, 5, 30), 1, 1, 9, 0, 40);
    assertSame(one, take(new Fake(37, 4, 5, 30), 4, 3, 9, 0, 40));
    assertSame(one, take(new Fake(37, 4, 5, 30), 3, 7, 9, 0, 40));
    assertNotEquals(one.get(0).indices, take(new Fake(37), 1, 1, 10, 0, 1).get(0).indices);
  }

  @Test
  void resumesAnywhere() throws IOException {
    List<Copy> whole = take(new Fake(37, 4, 5), 2, 2, 9, 0, 30);
    for (int first : new int[] {1, 6, 7, 29}) {
      assertSame(whole.subList(first, 30), take(new Fake(37, 4, 5), 2, 2, 9, first, 30 - first));
    }
  }

  @Test
  void everyEpochHasEveryPictureOnceAndOtherCrops() throws IOException {
    List<Copy> copies = take(new Fake(12), 2, 2, 3, 0, 4);
    for (int epoch = 0; epoch < 2; epoch++) {
      Set<Integer> seen = new HashSet<>(copies.get(2 * epoch).indices);
      seen.addAll(copies.get(2 * epoch + 1).indices);
      assertEquals(12, seen.size());
      assertEquals(Set.of((long) epoch), new HashSet<>(copies.get(2 * epoch).epochs));
    }
    float[] first = pixelsOf(copies.subList(0, 2), 7);
    float[] second = pixelsOf(copies.subList(2, 4), 7);
    assertFalse(Arrays.equals(first, second), "picture 7 was cropped alike in two epochs");
  }

  private static float[] pixelsOf(List<Copy> copies, int index) {
    for (Copy copy : copies) {
      int place = copy.indices.indexOf(index);
      if (place >= 0) {
        return Arrays.copyOfRange(copy.pixels, place * 192, (place + 1) * 192);
      }
    }
    throw new AssertionError("no picture " + index);
  }

  /** Batches larger than the data set span several epochs. */
  @Test
  void tinyDataSetsGoRoundAndRound() throws IOException {
    List<Copy> copies = take(new Fake(4), 3, 2, 3, 0, 2);
    assertEquals(List.of(0L, 0L, 0L, 0L, 1L, 1L), copies.get(0).epochs);
    assertEquals(List.of(1L, 1L, 2L, 2L, 2L, 2L), copies.get(1).epochs);
  }

  @Test
  void brokenPicturesAreReplacedByTheNext() throws IOException {
    for (Copy copy : take(new Fake(10, 3, 9), 2, 2, 1, 0, 10)) {
      assertFalse(copy.indices.contains(3) || copy.indices.contains(9));
    }
    List<Copy> good = take(new Fake(10), 2, 2, 1, 0, 10);
    List<Copy> replaced = take(new Fake(10, 3, 9), 2, 2, 1, 0, 10);
    for (int i = 0; i < 10; i++) {
      for (int k = 0; k < 6; k++) {
        int index = good.get(i).indices.get(k);
        int expected = index == 3 ? 4 : index == 9 ? 0 : index;
        assertEquals(expected, replaced.get(i).indices.get(k));
      }
    }
  }

  @Test
  void aDataSetOfBrokenPicturesIsAnError() {
    LoaderOptions options = LoaderOptions.of(2, 8, 8, 1, 0);
    try (Loader loader = Loader.training(new Fake(2, 0, 1), CROP, options, 0)) {
      IOException e = assertThrows(IOException.class, loader::next);
      assertTrue(e.getMessage().contains("none of the 2"), e.getMessage());
      assertThrows(IOException.class, loader::next);
    }
  }

  @Test
  void evaluationPassesOnceInOrder() throws IOException {
    LoaderOptions options = LoaderOptions.of(4, 16, 16, 1, 0);
    Fake dataset = new Fake(23, 1, 6, 8, 9, 10, 11, 22);
    List<Integer> seen = new ArrayList<>();
    try (Loader loader = Loader.evaluation(dataset, CENTER, options)) {
      for (Optional<Batch> b = loader.poll(); b.isPresent(); b = loader.poll()) {
        Batch batch = b.get();
        assertTrue(batch.size() > 0);
        for (int i = 0; i < batch.size(); i++) {
          int index = batch.indices()[i];
          seen.add(index);
          float[] expected = new float[256];
          CENTER
              .getFirst()
              .apply(dataset.load(index), new SampleRandom(0, 0, 0))
              .toSigned(expected, 0);
          float[] actual = Arrays.copyOfRange(batch.pixels(), i * 256, (i + 1) * 256);
          assertArrayEquals(expected, actual, "picture " + index);
        }
      }
      assertThrows(NoSuchElementException.class, loader::next);
    }
    assertEquals(List.of(0, 2, 3, 4, 5, 7, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21), seen);
  }

  @Test
  void itDoesNotRunFurtherAheadThanAsked() throws Exception {
    Fake dataset = new Fake(1000);
    LoaderOptions options = new LoaderOptions(5, 8, 8, 1, 0, 3, 2);
    try (Loader loader = Loader.training(dataset, CROP, options, 0)) {
      loader.next();
      while (dataset.loads.get() < 15) { // until the class's timeout
        Thread.sleep(1);
      }
      Thread.sleep(50); // time for one load too many; a busy machine only sees fewer
      // The batch in use and two ahead.
      assertEquals(15, dataset.loads.get());
    }
  }

  @Test
  void batchesKeepTheirContentUntilTheNext() throws Exception {
    LoaderOptions options = new LoaderOptions(5, 8, 8, 1, 0, 3, 1);
    try (Loader loader = Loader.training(new Fake(50), CROP, options, 0)) {
      for (int i = 0; i < 20; i++) {
        Batch batch = loader.next();
        float[] before = batch.pixels().clone();
        Thread.sleep(3);
        assertArrayEquals(before, batch.pixels());
      }
    }
  }

  @Test
  void errorsReachTheTaker() {
    Transform failing =
        (image, random) -> {
          throw new IllegalArgumentException("transform failed");
        };
    LoaderOptions options = LoaderOptions.of(2, 8, 8, 1, 0);
    try (Loader loader = Loader.training(new Fake(9), List.of(failing), options, 0)) {
      IllegalStateException e = assertThrows(IllegalStateException.class, loader::next);
      assertTrue(e.getMessage().contains("transform failed"), e.getMessage());
    }
    try (Loader loader = Loader.training(new Fake(9), List.of(), options, 0)) {
      EqvaeException.Argument e = assertThrows(EqvaeException.Argument.class, loader::next);
      assertTrue(e.getMessage().contains("20x16"), e.getMessage());
    }
    assertThrows(
        EqvaeException.Argument.class, () -> Loader.training(new Fake(9), CROP, options, -1));
  }

  @Test
  void closeStopsTheThreads() throws IOException {
    LoaderOptions options = LoaderOptions.of(2, 8, 8, 1, 0);
    Loader loader = Loader.training(new Fake(9), CROP, options, 0);
    loader.next();
    assertTimeoutPreemptively(Duration.ofMinutes(5), loader::close);
    loader.close();
    assertThrows(IllegalStateException.class, loader::next);
    assertEquals(
        0,
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("eqvae-loader-"))
            .count());
  }

  /** A thread that died without a word would be waited for for ever. */
  @Test
  void aThreadThatRunsOutOfMemoryIsHeardOf() {
    ImageDataset hungry =
        new ImageDataset() {
          @Override
          public int size() {
            return 4;
          }

          @Override
          public Image load(int index) {
            throw new OutOfMemoryError("Java heap space");
          }

          @Override
          public String name(int index) {
            return "x";
          }
        };
    assertTimeoutPreemptively(
        Duration.ofMinutes(5),
        () -> {
          try (Loader loader =
              Loader.training(hungry, List.of(), LoaderOptions.of(2, 4, 4, 3, 1), 0)) {
            assertThrows(OutOfMemoryError.class, loader::next);
            assertThrows(OutOfMemoryError.class, loader::next);
          }
        });
  }

  /** A server that does not answer is no broken picture: it is not replaced by the next one. */
  @Test
  void picturesThatCannotBeReadAtPresentEndThePass() {
    ImageDataset away =
        new ImageDataset() {
          @Override
          public int size() {
            return 4;
          }

          @Override
          public Image load(int index) throws IOException {
            if (index == 2) {
              throw new PassingIoException("x: Stale file handle", new IOException("x"));
            }
            return new Image(4, 4, 3, new byte[48]);
          }

          @Override
          public String name(int index) {
            return "x";
          }
        };
    LoaderOptions options = LoaderOptions.of(4, 4, 4, 3, 1);
    try (Loader training = Loader.training(away, List.of(), options, 0);
        Loader pass = Loader.evaluation(away, List.of(), options)) {
      assertThrows(IOException.class, training::next);
      assertThrows(IOException.class, pass::next);
    }
  }
}
