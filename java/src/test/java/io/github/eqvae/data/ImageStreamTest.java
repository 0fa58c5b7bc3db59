package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.Zip64Mode;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images of every kind of source, and archives that are larger than the memory. */
class ImageStreamTest {
  @TempDir Path folder;

  private static List<Image> all(Path path) throws IOException {
    List<Image> images = new ArrayList<>();
    assertTrue(ImageStream.visit(path, DecodeOptions.DEFAULT, (name, why) -> {}, images::add));
    return images;
  }

  /** What np.save writes before so many elements. */
  private static byte[] header(long... shape) {
    String dims = Arrays.toString(shape).replace('[', '(').replace(']', ')');
    String text = "{'descr': '|u1', 'fortran_order': False, 'shape': " + dims + ", }";
    text += " ".repeat((64 - (10 + text.length() + 1) % 64) % 64) + "\n";
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    out.writeBytes(new byte[] {(byte) text.length(), (byte) (text.length() >> 8)});
    out.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    return out.toByteArray();
  }

  private interface Content {
    void to(OutputStream out) throws IOException;
  }

  /** An archive of one array, as a ZIP64 file or a plain one. */
  private Path archive(String name, boolean deflated, Zip64Mode mode, byte[] header, Content data)
      throws IOException {
    Path file = folder.resolve(name);
    try (ZipArchiveOutputStream zip = new ZipArchiveOutputStream(file)) {
      zip.setUseZip64(mode);
      zip.setLevel(1);
      ZipArchiveEntry entry = new ZipArchiveEntry("arr_0.npy");
      entry.setMethod(deflated ? ZipEntry.DEFLATED : ZipEntry.STORED);
      zip.putArchiveEntry(entry);
      zip.write(header);
      data.to(zip);
      zip.closeArchiveEntry();
    }
    return file;
  }

  @ParameterizedTest
  @CsvSource({"true,Always", "true,Never", "false,Always", "false,Never"})
  void arraysAreReadInOrder(boolean deflated, Zip64Mode mode) throws IOException {
    byte[] bytes = new byte[5 * 4 * 3 * 3];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 7);
    }
    Path file = archive("a.npz", deflated, mode, header(5, 4, 3, 3), out -> out.write(bytes));
    List<Image> images = all(file);
    assertEquals(5, images.size());
    assertEquals(3, images.get(4).width());
    assertEquals(4, images.get(4).height());
    assertEquals((byte) (7 * (4 * 36)), images.get(4).data()[0]);
  }

  @Test
  void damageIsNamed() throws IOException {
    Path cut =
        archive("cut.npz", true, Zip64Mode.Never, header(9, 2, 2, 3), o -> o.write(new byte[40]));
    List<Image> before = new ArrayList<>();
    IOException e =
        assertThrows(
            IOException.class,
            () -> ImageStream.visit(cut, DecodeOptions.DEFAULT, (name, why) -> {}, before::add));
    assertTrue(e.getMessage().contains("ends after 40 of 108 bytes"), e.getMessage());
    assertEquals(3, before.size());
    Path changed =
        archive("b.npz", false, Zip64Mode.Never, header(2, 2, 2, 3), o -> o.write(new byte[24]));
    byte[] file = Files.readAllBytes(changed);
    String text = new String(file, StandardCharsets.ISO_8859_1);
    int at = text.indexOf('\n', text.indexOf("descr")) + 5;
    file[at] ^= 1;
    Files.write(changed, file);
    e = assertThrows(IOException.class, () -> all(changed));
    assertTrue(e.getMessage().contains("checksum"), e.getMessage());
    Files.write(folder.resolve("none.npz"), new byte[100]);
    e = assertThrows(IOException.class, () -> all(folder.resolve("none.npz")));
    assertTrue(e.getMessage().contains("not a .npz file"), e.getMessage());
  }

  @Test
  void whatIsNoImageIsRefused() throws IOException {
    Path file = folder.resolve("floats.npz");
    NpzFile.write(file, Map.of("arr_0", NpyArray.floats(new float[12], 1, 2, 2, 3)));
    IOException e = assertThrows(IOException.class, () -> all(file));
    assertTrue(e.getMessage().contains("uint8 [N, H, W, C]"), e.getMessage());
    NpzFile.write(file, Map.of("mu", NpyArray.doubles(new double[2], 2)));
    assertFalse(
        ImageStream.visit(file, DecodeOptions.DEFAULT, (name, why) -> {}, image -> {}),
        "statistics alone");
    Path wide = archive("w.npz", true, Zip64Mode.Never, header(1, 1L << 31, 1L << 31, 3), o -> {});
    assertTrue(assertThrows(IOException.class, () -> all(wide)).getMessage().contains("w.npz"));
  }

  @Test
  void foldersAndTheirBrokenFiles() throws IOException {
    Path pictures = Files.createDirectory(folder.resolve("pictures"));
    for (String name : List.of("b.png", "a.png")) {
      byte[] gray = {(byte) (name.charAt(0)), 0, 0, 0};
      Files.write(pictures.resolve(name), Images.png(new Image(2, 2, 1, gray)));
    }
    Files.write(pictures.resolve("c.png"), new byte[20]);
    byte[] whole = Files.readAllBytes(pictures.resolve("b.png"));
    Files.write(pictures.resolve("aa.png"), Arrays.copyOf(whole, 20)); // found out by decoding
    List<String> skipped = new ArrayList<>();
    List<Image> images = new ArrayList<>();
    ImageStream.visit(
        pictures, DecodeOptions.DEFAULT, (name, why) -> skipped.add(name), images::add);
    assertEquals(List.of("c.png", "aa.png"), skipped);
    assertEquals(2, images.size());
    assertEquals('a', images.get(0).data()[0]);
    assertEquals('b', images.get(1).data()[0]);
  }

  /** 300 MB of images in a Java of 32 MB; and an array of 9.8 GB, of which only a part is there. */
  @Test
  void imagesTakeTheMemoryOfOne() throws Exception {
    int n = 1526;
    byte[] image = new byte[256 * 256 * 3];
    Path all =
        archive(
            "all.npz",
            true,
            Zip64Mode.AsNeeded,
            header(n, 256, 256, 3),
            out -> {
              for (int i = 0; i < n; i++) {
                image[0] = (byte) i;
                out.write(image);
              }
            });
    Path part =
        archive(
            "part.npz",
            true,
            Zip64Mode.AsNeeded,
            header(50_000, 256, 256, 3),
            out -> out.write(new byte[3 * image.length + 1]));
    assertEquals("read " + n, counted(all));
    assertTrue(counted(part).contains("ends after 589825 of 9830400000 bytes"), counted(part));
  }

  private static String counted(Path file) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Counting.class.getName(),
                file.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);
    return said.strip();
  }

  /** Counts the images of a file whose first byte is their number. */
  static final class Counting {
    private Counting() {}

    public static void main(String[] arguments) {
      int[] count = {0};
      try {
        ImageStream.visit(
            Path.of(arguments[0]),
            DecodeOptions.DEFAULT,
            (name, why) -> {},
            image -> count[0] += image.data()[0] == (byte) count[0] ? 1 : 0);
        System.out.println("read " + count[0]);
      } catch (IOException e) {
        System.out.println(e.getMessage());
      }
    }
  }
}
