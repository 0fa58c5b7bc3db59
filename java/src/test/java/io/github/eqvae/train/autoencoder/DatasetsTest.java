package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.HeardNotices;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is trained on and what is held out. */
class DatasetsTest {
  private static final int SIDE = 16;

  @TempDir Path folder;

  private Path pictures(String name, int count, int value) throws IOException {
    Path pictures = Files.createDirectories(folder.resolve(name));
    byte[] pixels = new byte[SIDE * SIDE];
    Arrays.fill(pixels, (byte) value);
    for (int i = 0; i < count; i++) {
      Images.writePng(pictures.resolve(i + ".png"), new Image(SIDE, SIDE, 1, pixels));
    }
    return pictures;
  }

  private AutoencoderRecipe recipe(Path path, String... more) {
    List<String> overrides =
        new java.util.ArrayList<>(List.of("data.kind=image_folder", "data.path=" + path));
    overrides.addAll(List.of(more));
    return AutoencoderRecipe.parse(TinyRun.recipe(path, 1, 1), "tiny.yaml", overrides);
  }

  @Test
  void aSecondFolderIsHeldOutWhole() throws IOException {
    Path train = pictures("train", 5, 0);
    Path held = pictures("held", 3, 255);
    Datasets data =
        new Datasets(recipe(train, "data.validation_path=" + held), (name, cause) -> {});
    assertEquals(5, data.trainingSize());
    assertEquals(3, data.heldOutSize());
    float[] pixels = data.heldOutShown(100, 8);
    assertEquals(3 * SIDE * SIDE, pixels.length);
    for (float p : pixels) {
      assertEquals(1f, p); // white: none of the pictures that are trained on
    }
  }

  /** What is below transparency is seen, as in the released code, unless another is asked for. */
  @Test
  void transparencyIsDroppedUnlessSaidOtherwise() throws IOException {
    Path train = pictures("train", 1, 0);
    Path held = Files.createDirectories(folder.resolve("held"));
    BufferedImage clear = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_ARGB);
    for (int i = 0; i < SIDE * SIDE; i++) {
      clear.setRGB(i % SIDE, i / SIDE, 0x00ff0000);
    }
    ImageIO.write(clear, "png", held.resolve("clear.png").toFile());
    for (String crop : new String[] {"random", "center", "adm", "torchvision"}) {
      AutoencoderRecipe dropped =
          recipe(train, "data.validation_path=" + held, "data.crop=" + crop);
      float red = new Datasets(dropped, (name, cause) -> {}).heldOutShown(1, 1)[0];
      assertEquals(76 / 127.5 - 1, red, 1e-6, crop); // in gray
      AutoencoderRecipe white =
          recipe(train, "data.validation_path=" + held, "data.crop=" + crop, "data.alpha=white");
      assertEquals(1f, new Datasets(white, (name, cause) -> {}).heldOutShown(1, 1)[0]);
    }
  }

  @Test
  void aPartOfOneFolderIsHeldOut() throws IOException {
    Path train = numbered("train", 0, 5);
    Datasets data = new Datasets(recipe(train, "data.validation=2"), (name, cause) -> {});
    assertEquals(3, data.trainingSize());
    assertEquals(2, data.heldOutSize());
    data = new Datasets(recipe(train, "data.validation=0"), (name, cause) -> {});
    assertEquals(5, data.trainingSize());
    assertEquals(0, data.heldOutSize());
  }

  @Test
  void aMissingFolderIsNamedWithItsKey() throws IOException {
    AutoencoderRecipe recipe =
        recipe(pictures("train", 5, 0), "data.validation_path=" + folder + "/gone");
    String message =
        assertThrows(EqvaeException.Argument.class, () -> new Datasets(recipe, (name, cause) -> {}))
            .getMessage();
    assertTrue(message.contains("data.validation_path") && message.contains("gone"), message);
  }

  private Path numbered(String name, int from, int to) throws IOException {
    Path pictures = Files.createDirectories(folder.resolve(name));
    for (int i = from; i < to; i++) {
      byte[] pixels = new byte[SIDE * SIDE];
      Arrays.fill(pixels, (byte) i);
      Images.writePng(pictures.resolve("%03d.png".formatted(i)), new Image(SIDE, SIDE, 1, pixels));
    }
    return pictures;
  }

  private static float value(int i) {
    return i / 127.5f - 1;
  }

  /**
   * The held-out folder inside the other, a link to a file of it, and a copy under another name.
   */
  @Test
  void whatIsHeldOutIsNotTrainedOn() throws IOException {
    Path train = numbered("ds/train", 0, 10);
    Path held = numbered("ds/val", 100, 105);
    Path ds = folder.resolve("ds");
    Files.createSymbolicLink(train.resolve("link.png"), held.resolve("100.png"));
    Files.createLink(train.resolve("hard.png"), held.resolve("101.png"));
    Files.copy(held.resolve("102.png"), ds.resolve("copy.png"));
    Files.createSymbolicLink(ds.resolve("other"), held);
    Datasets data = new Datasets(recipe(ds, "data.validation_path=" + held), (name, cause) -> {});
    assertEquals(10, data.trainingSize());
    assertEquals(5, data.heldOutSize());
    try (var loader = data.training(0)) {
      for (int i = 0; i < 20; i++) {
        var batch = loader.next();
        for (int j = 0; j < batch.size() * SIDE * SIDE; j++) {
          assertTrue(batch.pixels()[j] < value(50), "a held-out image is trained on");
        }
      }
    }
    String message =
        assertThrows(
                EqvaeException.Argument.class,
                () -> new Datasets(recipe(held, "data.validation_path=" + ds), (n, c) -> {}))
            .getMessage();
    assertTrue(message.contains("none is left to train on"), message);
  }

  /** Ten pictures three times each: whichever are held out, none of them is trained on. */
  @Test
  void copiesOfWhatASplitHoldsOutAreNotTrainedOn() throws IOException {
    Path all = numbered("all", 0, 10);
    for (int i = 0; i < 10; i++) {
      Path file = all.resolve("%03d.png".formatted(i));
      Files.copy(file, all.resolve("copy%d.png".formatted(i)));
      Files.createLink(all.resolve("link%d.png".formatted(i)), file);
    }
    List<String> said = HeardNotices.listen();
    Datasets data = new Datasets(recipe(all, "data.validation=6"), (name, cause) -> {});
    Set<Float> held = new HashSet<>();
    for (float p : data.heldOutShown(100, 6)) {
      held.add(p);
    }
    assertEquals(6, data.heldOutSize());
    assertEquals(30 - 3 * held.size(), data.trainingSize());
    String copies = (3 * held.size() - 6) + " of 30 images of data.path are copies of held-out";
    assertTrue(said.toString().contains(copies), said.toString());
    try (var loader = data.training(0)) {
      for (int i = 0; i < 40; i++) {
        var batch = loader.next();
        for (int j = 0; j < batch.size() * SIDE * SIDE; j++) {
          assertFalse(held.contains(batch.pixels()[j]), "a held-out image is trained on");
        }
      }
    }
    AutoencoderRecipe same = recipe(pictures("same", 5, 7), "data.validation=2");
    String message =
        assertThrows(EqvaeException.Argument.class, () -> new Datasets(same, (n, c) -> {}))
            .getMessage();
    assertTrue(message.contains("none is left to train on"), message);
    assertTrue(message.contains("data.validation_path"), message);
  }

  @Test
  void heldOutImagesComeABatchAtATime() throws IOException {
    Path train = numbered("train", 200, 203);
    Path held = numbered("held", 0, 7);
    Files.writeString(held.resolve("0035.png"), "broken");
    Datasets data =
        new Datasets(recipe(train, "data.validation_path=" + held), (name, cause) -> {});
    for (int most : new int[] {7, 100, 5, 3, 1}) {
      List<Float> seen = new ArrayList<>();
      try (HeldOut pass = data.heldOut(most, 3)) {
        for (var next = pass.next(); next.isPresent(); next = pass.next()) {
          int n = next.get().length / (SIDE * SIDE);
          assertEquals(Math.min(3, Math.min(most, 7) - seen.size()), n);
          for (int i = 0; i < n; i++) {
            seen.add(next.get()[i * SIDE * SIDE]);
          }
        }
      }
      List<Float> expected = new ArrayList<>();
      for (int i = 0; i < Math.min(most, 7); i++) {
        expected.add(value(i));
      }
      assertEquals(expected, seen);
    }
    float[] shown = data.heldOutShown(100, 3);
    assertEquals(value(0), shown[0]);
    assertEquals(value(2), shown[SIDE * SIDE]);
    assertEquals(value(4), shown[2 * SIDE * SIDE]);
    assertEquals(7 * SIDE * SIDE, data.heldOutShown(7, 20).length);
  }

  /** 20,000 images of 512 px are 63 GB of numbers: more than an array holds, and than memory. */
  @Test
  void anyNumberOfHeldOutImagesIsStreamed() throws IOException {
    Path train = numbered("train", 200, 203);
    Path held = numbered("held", 0, 1);
    for (int i = 1; i < 20_000; i++) {
      Files.createLink(held.resolve(i + ".png"), held.resolve("000.png"));
    }
    AutoencoderRecipe recipe = recipe(train, "data.validation_path=" + held, "data.resolution=512");
    Datasets data = new Datasets(recipe, (name, cause) -> {});
    try (HeldOut pass = data.heldOut(Integer.MAX_VALUE, 2)) {
      assertEquals(2 * 512 * 512, pass.next().orElseThrow().length);
    }
    assertEquals(8 * 512 * 512, data.heldOutShown(Integer.MAX_VALUE, 8).length);
  }
}
