package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders and IDX files. */
class DatasetsTest {
  @TempDir Path directory;

  private static byte[] png(int value) {
    return Images.png(new Image(2, 2, 1, new byte[] {(byte) value, 0, 0, 0}));
  }

  @Test
  void foldersListByContentInSortedOrder() throws IOException {
    Files.createDirectories(directory.resolve("b/deep"));
    Files.createDirectories(directory.resolve(".cache"));
    Files.write(directory.resolve("b/deep/z.png"), png(1));
    Files.write(directory.resolve("b/a.jpg"), png(2)); // a PNG under another name
    Files.write(directory.resolve("a"), png(3)); // no extension at all
    Files.write(directory.resolve("b.png"), png(4)); // '.' sorts before '/'
    Files.write(directory.resolve(".cache/thumb.png"), png(5));
    Files.write(directory.resolve(".hidden.png"), png(6));
    Files.writeString(directory.resolve("README.md"), "not a picture, and not called one");
    ImageFolder folder = ImageFolder.open(directory);
    List<String> names = new ArrayList<>();
    for (int i = 0; i < folder.size(); i++) {
      names.add(folder.name(i));
    }
    assertEquals(List.of("a", "b.png", "b/a.jpg", "b/deep/z.png"), names);
    assertEquals(3, folder.load(0).sample(0, 0, 0));
    assertEquals(Set.of(), folder.skipped().keySet());
  }

  @Test
  void brokenFilesAreNamedOnce() throws IOException {
    Files.write(directory.resolve("good.png"), png(1));
    Files.write(directory.resolve("cut.png"), Arrays.copyOf(png(1), 40));
    Files.writeString(directory.resolve("text.jpg"), "certainly no JPEG");
    Files.write(directory.resolve("empty.webp"), new byte[0]);
    List<String> told = new ArrayList<>();
    ImageFolder folder =
        ImageFolder.open(
            directory, DecodeOptions.DEFAULT, (name, cause) -> told.add(name + ": " + cause));
    assertEquals(2, told.size(), told.toString());
    assertEquals(2, folder.size());
    for (int i = 0; i < 3; i++) {
      assertThrows(IOException.class, () -> folder.load(0));
    }
    assertEquals(3, told.size(), told.toString());
    assertTrue(told.get(2).startsWith("cut.png: "), told.get(2));
    assertEquals(Set.of("cut.png", "empty.webp", "text.jpg"), folder.skipped().keySet());
  }

  /** Nothing that looks like a picture disappears without a word. */
  @Test
  void picturesOfOtherFormatsAreNamed() throws IOException {
    Files.write(directory.resolve("good.png"), png(1));
    Files.writeString(directory.resolve("x.gif"), "GIF89a and more");
    Files.writeString(directory.resolve("named-like-a.jpg"), "0000ftypavif and more");
    Files.writeString(directory.resolve("IMG_1.HEIC"), "0000ftypheic and more");
    Files.writeString(directory.resolve("notes.txt"), "no picture");
    List<String> told = new ArrayList<>();
    ImageFolder folder =
        ImageFolder.open(directory, DecodeOptions.DEFAULT, (name, cause) -> told.add(cause));
    assertEquals(1, folder.size());
    assertEquals(Set.of("IMG_1.HEIC", "named-like-a.jpg", "x.gif"), folder.skipped().keySet());
    assertTrue(told.stream().allMatch(t -> t.contains("convert it to PNG")), told.toString());
  }

  @Test
  void foldersWithoutPicturesAreRefused() throws IOException {
    IOException none = assertThrows(IOException.class, () -> ImageFolder.open(directory));
    assertTrue(none.getMessage().contains(directory.toString()), none.getMessage());
    assertThrows(IOException.class, () -> ImageFolder.open(directory.resolve("missing")));
  }

  @Test
  void readsTheDataSetThatShips() throws IOException {
    Path shipped = Path.of(System.getProperty("eqvae.root"), "data", "fashion-mnist");
    IdxDataset dataset =
        IdxDataset.open(
            shipped.resolve("t10k-images-idx3-ubyte.gz"),
            shipped.resolve("t10k-labels-idx1-ubyte.gz"));
    assertEquals(10_000, dataset.size());
    assertEquals(28, dataset.width());
    assertEquals(28, dataset.height());
    int[] classes = new int[10];
    for (int i = 0; i < dataset.size(); i++) {
      classes[dataset.label(i).getAsInt()]++;
    }
    int[] thousand = new int[10];
    Arrays.fill(thousand, 1000);
    assertArrayEquals(thousand, classes);
    assertEquals(9, dataset.label(0).getAsInt()); // the test set begins with an ankle boot
    assertEquals(1, dataset.load(9_999).channels());
  }

  private Path idx(String name, boolean gzip, int magic, int[] dimensions, int bytes)
      throws IOException {
    ByteBuffer content = ByteBuffer.allocate(4 + 4 * dimensions.length + bytes).putInt(magic);
    for (int dimension : dimensions) {
      content.putInt(dimension);
    }
    for (int i = 0; i < bytes; i++) {
      content.put((byte) i);
    }
    byte[] raw = content.array();
    if (gzip) {
      ByteArrayOutputStream zipped = new ByteArrayOutputStream();
      try (GZIPOutputStream output = new GZIPOutputStream(zipped)) {
        output.write(raw);
      }
      raw = zipped.toByteArray();
    }
    return Files.write(directory.resolve(name), raw);
  }

  @Test
  void idxIsReadPlainAndPacked() throws IOException {
    for (boolean gzip : new boolean[] {false, true}) {
      Path images = idx("i", gzip, 0x803, new int[] {3, 2, 4}, 24);
      IdxDataset dataset = IdxDataset.open(images);
      assertEquals(3, dataset.size());
      Image last = dataset.load(2);
      assertEquals(4, last.width());
      assertEquals(2, last.height());
      assertEquals(23, last.sample(3, 1, 0));
      assertTrue(dataset.label(0).isEmpty());
      assertThrows(IndexOutOfBoundsException.class, () -> dataset.load(3));
    }
  }

  @Test
  void badIdxFilesAreRefused() throws IOException {
    assertIdxRefused("magic", idx("a", false, 0x802, new int[] {3, 2, 4}, 24));
    assertIdxRefused("cut short", idx("b", true, 0x803, new int[] {3, 2, 4}, 23));
    assertIdxRefused("more than", idx("c", true, 0x803, new int[] {3, 2, 4}, 25));
    assertIdxRefused("dimensions", idx("d", false, 0x803, new int[] {-3, 2, 4}, 24));
    assertIdxRefused("dimensions", idx("e", false, 0x803, new int[] {0, 2, 4}, 0));
    assertIdxRefused(
        "dimensions", idx("f", false, 0x803, new int[] {1 << 20, 1 << 20, 1 << 24}, 0));
    assertIdxRefused("cut short", idx("g", false, 0x803, new int[] {1 << 10, 1 << 10, 1 << 10}, 5));
    assertIdxRefused("cut short", Files.write(directory.resolve("h"), new byte[3]));
    assertIdxRefused("cut short", Files.write(directory.resolve("j"), new byte[0]));
    Path images = idx("i", false, 0x803, new int[] {3, 2, 4}, 24);
    Path labels = idx("l", false, 0x801, new int[] {2}, 2);
    IOException counts = assertThrows(IOException.class, () -> IdxDataset.open(images, labels));
    assertTrue(counts.getMessage().contains("2 labels"), counts.getMessage());
  }

  private static void assertIdxRefused(String reason, Path file) {
    IOException e = assertThrows(IOException.class, () -> IdxDataset.open(file));
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().contains(file.toString()), e.getMessage());
  }
}
