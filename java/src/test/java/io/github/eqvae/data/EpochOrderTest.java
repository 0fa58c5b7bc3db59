package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Orders, splits and the numbers of a sample. */
class EpochOrderTest {
  @Test
  void everyEpochIsAPermutationOfItsOwn() {
    int[] first = EpochOrder.permutation(1, 0, 1000);
    int[] sorted = first.clone();
    Arrays.sort(sorted);
    assertArrayEquals(IntStream.range(0, 1000).toArray(), sorted);
    assertArrayEquals(first, EpochOrder.permutation(1, 0, 1000));
    assertFalse(Arrays.equals(first, EpochOrder.permutation(1, 1, 1000)));
    assertFalse(Arrays.equals(first, EpochOrder.permutation(2, 0, 1000)));
  }

  /** A change here changes every run's order, and a checkpoint would resume into another one. */
  @Test
  void theOrderIsPinned() {
    assertEquals("[4, 1, 3, 7, 0, 2, 5, 6]", Arrays.toString(EpochOrder.permutation(42, 3, 8)));
  }

  /**
   * χ² of 24 permutations in 24,000 epochs: 23 degrees of freedom; 60 is exceeded once in 30,000
   * seeds.
   */
  @Test
  void permutationsAreEquallyLikely() {
    int[] counts = new int[256];
    int epochs = 24_000;
    for (int epoch = 0; epoch < epochs; epoch++) {
      int[] order = EpochOrder.permutation(5, epoch, 4);
      counts[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
    }
    double chi = 0;
    int seen = 0;
    for (int count : counts) {
      if (count > 0) {
        seen++;
        chi += (count - epochs / 24.0) * (count - epochs / 24.0) / (epochs / 24.0);
      }
    }
    assertEquals(24, seen);
    assertTrue(chi <= 60, "chi squared " + chi);
  }

  @Test
  void sampleNumbersDependOnEverything() {
    Set<Double> seen = new HashSet<>();
    for (long seed = 0; seed < 3; seed++) {
      for (long epoch = 0; epoch < 3; epoch++) {
        for (int index = 0; index < 3; index++) {
          for (int slot : new int[] {0, 1, 3, 4, 1023}) {
            seen.add(new SampleRandom(seed, epoch, index).uniform(slot));
          }
        }
      }
    }
    assertEquals(3 * 3 * 3 * 5, seen.size());
  }

  /** A data set whose pictures are their own numbers. */
  private record Numbers(int size) implements ImageDataset {
    @Override
    public Image load(int index) {
      return new Image(1, 1, 1, new byte[] {(byte) index});
    }

    @Override
    public String name(int index) {
      return "n" + index;
    }
  }

  private static Set<Integer> content(ImageDataset dataset) throws IOException {
    Set<Integer> all = new HashSet<>();
    for (int i = 0; i < dataset.size(); i++) {
      int value = dataset.load(i).sample(0, 0, 0);
      assertEquals("n" + value, dataset.name(i));
      all.add(value);
    }
    return all;
  }

  @Test
  void splitsShareNothingAndLoseNothing() throws IOException {
    Numbers whole = new Numbers(100);
    for (Split split : new Split[] {Split.random(whole, 20, 1), Split.last(whole, 20)}) {
      Set<Integer> train = content(split.train());
      Set<Integer> held = content(split.validation());
      assertEquals(80, train.size());
      assertEquals(20, held.size());
      train.addAll(held);
      assertEquals(100, train.size());
    }
    assertTrue(content(Split.last(whole, 20).validation()).contains(99));
    assertEquals(
        content(Split.random(whole, 20, 1).validation()),
        content(Split.random(whole, 20, 1).validation()));
    assertFalse(
        content(Split.random(whole, 20, 1).validation())
            .equals(content(Split.random(whole, 20, 2).validation())));
    assertThrows(EqvaeException.Argument.class, () -> Split.last(whole, 100));
    assertThrows(EqvaeException.Argument.class, () -> whole.subset(new int[] {100}));
    assertThrows(EqvaeException.Argument.class, () -> whole.subset(new int[0]));
  }
}
