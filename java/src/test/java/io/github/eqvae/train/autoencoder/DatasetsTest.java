package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.train.recipe.RecipeReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
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
    return RecipeReader.parse(TinyRun.recipe(path, 1, 1), "tiny.yaml", overrides);
  }

  @Test
  void aSecondFolderIsHeldOutWhole() throws IOException {
    Path train = pictures("train", 5, 0);
    Path held = pictures("held", 3, 255);
    Datasets data =
        new Datasets(recipe(train, "data.validation_path=" + held), (name, cause) -> {});
    assertEquals(5, data.trainingSize());
    assertEquals(3, data.heldOutSize());
    float[] pixels = data.heldOut(100);
    assertEquals(3 * SIDE * SIDE, pixels.length);
    for (float p : pixels) {
      assertEquals(1f, p); // white: none of the pictures that are trained on
    }
  }

  @Test
  void aPartOfOneFolderIsHeldOut() throws IOException {
    Path train = pictures("train", 5, 0);
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
}
