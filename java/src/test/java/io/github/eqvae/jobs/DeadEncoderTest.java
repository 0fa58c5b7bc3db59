package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Latents that are the same everywhere are the encoder's fault only if the pictures are not. */
class DeadEncoderTest {
  private static final Image FLAT = new Image(2, 2, 1, new byte[4]);
  private static final Image WHITE = new Image(2, 2, 1, new byte[] {-1, -1, -1, -1});
  private static final Image DRAWN = new Image(2, 2, 1, new byte[] {0, 9, 0, 0});
  private static final float[] SAME = {3, 4, 3, 4};

  private final DeadEncoder dead = new DeadEncoder();

  private void refuses(String says) {
    String message =
        assertThrows(EqvaeException.Argument.class, () -> dead.require("vae")).getMessage();
    assertTrue(message.startsWith("vae: ") && message.contains(says), message);
  }

  @Test
  void aPictureWithContentHasLatentsThatDiffer() {
    dead.add(List.of(DRAWN), SAME, 2); // two places of two channels
    refuses("by channel: [3.0, 4.0]");
    dead.clear();
    dead.add(List.of(DRAWN), new float[] {3, 4, 3, 5}, 2);
    dead.require("vae");
  }

  @Test
  void picturesThatShowNothingMayBeTheSameEverywhere() {
    dead.add(List.of(FLAT, FLAT), new float[] {3, 4, 3, 4, 3, 4, 3, 4}, 2);
    dead.require("vae");
    dead.add(List.of(WHITE), SAME, 2); // but then of another colour
    refuses("the same everywhere");
  }

  /** Nothing can differ within it, so it takes a second picture. */
  @Test
  void aLatentOfOnePixel() {
    dead.add(List.of(DRAWN), new float[] {3, 4}, 2);
    dead.require("vae");
    dead.add(List.of(FLAT), new float[] {3, 4}, 2);
    refuses("the same everywhere");
  }

  @Test
  void codesThatCollapsed() {
    dead.add(List.of(DRAWN), new int[] {7, 7, 7, 7});
    refuses("every picture has the code 7 everywhere");
    dead.clear();
    dead.add(List.of(DRAWN), new int[] {7, 7, 8, 7});
    dead.require("vae");
  }
}
