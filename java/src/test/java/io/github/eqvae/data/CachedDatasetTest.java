package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The cache changes how often pictures are decoded, and nothing else. */
class CachedDatasetTest {
  /** Four gray pictures of 40×20; the last one is broken. */
  private static final class Counting implements ImageDataset {
    int loads;

    @Override
    public int size() {
      return 4;
    }

    @Override
    public Image load(int index) throws IOException {
      loads++;
      if (index == 3) {
        throw new IOException("broken");
      }
      byte[] data = new byte[800];
      new Random(index).nextBytes(data);
      return new Image(40, 20, 1, data);
    }

    @Override
    public String name(int index) {
      return "n" + index;
    }
  }

  @Test
  void decodesOnceWhatFits() throws IOException {
    Counting source = new Counting();
    CachedDataset cache = new CachedDataset(source, Integer.MAX_VALUE, 1700);
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(new Counting().load(i).data(), cache.load(i).data());
      }
    }
    assertEquals(5, source.loads); // two kept, the third decoded three times
    assertEquals(1600, cache.cachedBytes());
    assertEquals("n2", cache.name(2));
    assertThrows(IOException.class, () -> cache.load(3));
  }

  @Test
  void shrinksAlikeWhetherKeptOrNot() throws IOException {
    CachedDataset keeps = new CachedDataset(new Counting(), 8, 1 << 20);
    CachedDataset forgets = new CachedDataset(new Counting(), 8, 0);
    for (int round = 0; round < 2; round++) {
      Image image = keeps.load(1);
      assertEquals(16, image.width());
      assertEquals(8, image.height());
      assertArrayEquals(forgets.load(1).data(), image.data());
    }
    assertEquals(0, forgets.cachedBytes());
    assertEquals(40, new CachedDataset(new Counting(), 20, 0).load(0).width());
    assertThrows(EqvaeException.Argument.class, () -> new CachedDataset(new Counting(), 0, 0));
  }
}
