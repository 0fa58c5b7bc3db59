package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures that are too large for the memory there is. */
class LargePictureTest {
  @TempDir Path directory;

  @Test
  void whatCannotFitIsRefusedByName() throws IOException {
    DecodeMemory memory = new DecodeMemory(512L << 20);
    ImageException e =
        assertThrows(ImageException.class, () -> memory.reserve("pano.jpg", 11000, 11000, 4));
    String text = e.getMessage();
    assertTrue(text.startsWith("pano.jpg: ") && text.contains("11000x11000"), text);
    assertTrue(text.contains("461 MB") && text.contains("512 MB"), text);
    assertTrue(text.contains("-Xmx1g"), text);
    memory.reserve("photo.jpg", 8000, 6000, 4).close();
  }

  /** Two of 228 MB do not fit into 384 together: the second one waits for the first. */
  @Test
  void largeOnesTakeTurns() throws Exception {
    DecodeMemory memory = new DecodeMemory(512L << 20);
    DecodeMemory.Share first = memory.reserve("a", 10000, 6000, 4);
    CompletableFuture<Void> second =
        CompletableFuture.runAsync(
            () -> {
              try {
                memory.reserve("b", 10000, 6000, 4).close();
              } catch (ImageException e) {
                throw new IllegalStateException(e);
              }
            });
    memory.reserve("small", 1000, 1000, 4).close(); // does not wait
    Thread.sleep(50);
    assertFalse(second.isDone());
    first.close();
    second.get(10, TimeUnit.MINUTES);
  }

  /**
   * A Java of 64 MB loads what fits, and names what does not; but it cuts them all, since it needs
   * no more of them than bands.
   */
  @Test
  void whatDoesNotFitIsCutAllTheSame() throws Exception {
    for (String format : new String[] {"jpeg", "png"}) {
      BufferedImage wide = new BufferedImage(5000, 5000, BufferedImage.TYPE_BYTE_GRAY);
      Files.write(directory.resolve("m-large." + format), ImagesTest.encode(wide, format));
    }
    for (String name : new String[] {"a.png", "z.png"}) {
      Files.write(directory.resolve(name), Images.png(new Image(2, 2, 1, new byte[4])));
    }
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Loading.class.getName(),
                directory.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    assertTrue(said.contains("loaded 2 of 4"), said);
    assertTrue(said.contains("cut 4 of 4"), said);
    for (String format : new String[] {"jpeg", "png"}) {
      assertTrue(said.contains("m-large." + format + ": is 5000x5000; decoding it takes"), said);
    }
  }

  /** Loads a folder. */
  static final class Loading {
    private Loading() {}

    public static void main(String[] arguments) throws IOException {
      load(arguments);
      Transform transform = new Transform.AdmCenterCrop(2);
      ImageFolder folder =
          ImageFolder.open(Path.of(arguments[0]), DecodeOptions.DEFAULT, (n, c) -> {});
      for (int i = 0; i < folder.size(); i++) {
        folder.load(i, rows -> transform.cut(rows, new SampleRandom(0, 0, 0)));
      }
      System.out.println("cut " + folder.size() + " of " + folder.size());
    }

    private static void load(String[] arguments) throws IOException {
      ImageFolder folder =
          ImageFolder.open(
              Path.of(arguments[0]),
              DecodeOptions.DEFAULT,
              (name, cause) -> System.out.println(name + ": " + cause));
      int loaded = 0;
      for (int i = 0; i < folder.size(); i++) {
        try {
          folder.load(i);
          loaded++;
        } catch (ImageException e) {
          continue; // was named
        }
      }
      System.out.println("loaded " + loaded + " of " + folder.size());
    }
  }
}
