package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** NumPy's files: what numpy writes, what it reads, and what is refused. */
class NpyTest {
  @TempDir Path folder;

  /** np.save of np.array([[1.5, -2]], dtype="<f4"), version 1.0, as numpy 2 writes it. */
  private static byte[] numpy(String header, byte[] data) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    String padded = header + " ".repeat((64 - (10 + header.length() + 1) % 64) % 64) + "\n";
    out.writeBytes(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    out.writeBytes(new byte[] {(byte) padded.length(), (byte) (padded.length() >> 8)});
    out.writeBytes(padded.getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(data);
    return out.toByteArray();
  }

  private static NpyArray read(byte[] bytes) throws IOException {
    return NpyArray.read(new ByteArrayInputStream(bytes), "a.npy", 1 << 20);
  }

  @Test
  void aWebPageInPlaceOfAnArchiveIsNamed() throws IOException {
    Path page = Files.writeString(folder.resolve("reference.npz"), "<!DOCTYPE html><html>");
    String message =
        assertThrows(IOException.class, () -> NpzFile.read(page, List.of("mu"), 100)).getMessage();
    assertTrue(message.contains("is not a .npz file: it is a web page"), message);
  }

  /** np.save of a dictionary of weights, which a command for checkpoints is given. */
  @Test
  void aPickledDictionaryIsNoCheckpoint() {
    byte[] dictionary =
        numpy("{'descr': '|O', 'fortran_order': False, 'shape': (), }", new byte[9]);
    String what = ForeignFile.what(dictionary, dictionary.length).orElseThrow();
    assertTrue(what.contains("np.save pickled") && what.contains("safetensors"), what);
    byte[] array = numpy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", new byte[4]);
    what = ForeignFile.what(array, array.length).orElseThrow();
    assertTrue(what.contains("an array of NumPy, not a model"), what);
  }

  @Test
  void whatIsNoArrayIsNamed() throws IOException {
    byte[] zip = {'P', 'K', 3, 4, 20, 0, 0, 0, 8, 0};
    assertNoArray("<!DOCTYPE html><html>".getBytes(StandardCharsets.US_ASCII), "a web page");
    assertNoArray(("<html>" + "x".repeat(9000)).getBytes(StandardCharsets.US_ASCII), "a web page");
    assertNoArray(
        "version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.US_ASCII),
        "a pointer of Git LFS");
    assertNoArray("Access denied".getBytes(StandardCharsets.US_ASCII), "a text, perhaps");
    assertNoArray(new byte[0], "it is empty");
    assertNoArray(zip, "a ZIP archive");
    assertNoArray(new byte[] {1, 2, 3}, "its first bytes differ");
  }

  private static void assertNoArray(byte[] bytes, String what) {
    String message = assertThrows(IOException.class, () -> read(bytes)).getMessage();
    assertTrue(message.startsWith("a.npy is not a .npy file: "), message);
    assertTrue(message.contains(what), message);
  }

  @Test
  void bytesAreThoseOfNumpy() throws IOException {
    NpyArray a = NpyArray.floats(new float[] {1.5f, -2}, 1, 2);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    a.write(out);
    byte[] data = {0, 0, (byte) 0xc0, 0x3f, 0, 0, 0, (byte) 0xc0};
    assertArrayEquals(
        numpy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", data),
        out.toByteArray());
    assertArrayEquals(new float[] {1.5f, -2}, read(out.toByteArray()).toFloats());
    NpyArray one = NpyArray.longs(new long[] {3, -1}, 2);
    out.reset();
    one.write(out);
    assertTrue(out.toString(StandardCharsets.ISO_8859_1).contains("'shape': (2,)"));
    assertArrayEquals(new int[] {3, -1}, read(out.toByteArray()).toInts());
    List<String> texts = List.of("n01/é.png", "", "x");
    assertEquals(texts, NpyArray.texts(texts).toTexts());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), };pickle",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), };<c8",
        "{'descr': '>c8', 'fortran_order': False, 'shape': (1,), };<c8",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1,), };<U0",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (70000, 20), };limit",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), };too large",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (500000,), };limit",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (100,), };ends after 8 of 400",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), };header",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': exit()};header",
        "{'descr': '<f4'};header",
      })
  void wrongHeadersAreRefused(String header, String part) {
    IOException e = assertThrows(IOException.class, () -> read(numpy(header, new byte[8])));
    assertTrue(String.valueOf(e.getMessage()).contains(part), e.getMessage());
  }

  /** Arrays of a big-endian machine, of HDF5, and transposed ones: numpy reads them. */
  @Test
  void otherOrdersAreRead() throws IOException {
    byte[] big = {0, 0, 0, 1, 0, 2};
    String header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }";
    NpyArray shorts = read(numpy(header.formatted(">i2", "False", "(3,)"), big));
    assertEquals("<i2", shorts.descr());
    assertArrayEquals(new int[] {0, 1, 2}, shorts.toInts());
    byte[] halves = {0x3c, 0, (byte) 0xc0, 0};
    assertArrayEquals(
        new float[] {1, -2},
        read(numpy(header.formatted(">f2", "False", "(2L,)"), halves)).toFloats());
    byte[] text = {0, 0, 0, 'a', 0, 0, 0, 'b', 0, 0, 0, 'c', 0, 0, 0, 0};
    assertEquals(
        List.of("ab", "c"), read(numpy(header.formatted(">U2", "False", "(2,)"), text)).toTexts());
    byte[] columns = {0, 3, 1, 4, 2, 5}; // [2, 3], first index fastest
    NpyArray rows = read(numpy(header.formatted("|u1", "True", "(2, 3)"), columns));
    assertArrayEquals(new byte[] {0, 1, 2, 3, 4, 5}, rows.data());
    byte[] both = {0, 0, 0, 2, 0, 1, 0, 3}; // [2, 1, 2]
    NpyArray cube = read(numpy(header.formatted(">u2", "True", "(2, 1, 2)"), both));
    assertArrayEquals(new int[] {0, 1, 2, 3}, cube.toInts());
    assertArrayEquals(
        new int[0], read(numpy(header.formatted("<i4", "True", "(2, 0)"), new byte[0])).toInts());
  }

  @Test
  void imagesInFortranOrderAreReadInParts() throws IOException {
    Path file = folder.resolve("f.npz");
    byte[] array =
        numpy(
            "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }",
            new byte[] {0, 3, 1, 4, 2, 5});
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(new ZipEntry("arr_0.npy"));
      zip.write(array);
      zip.closeEntry();
    }
    try (NpyStream stream = NpyStream.open(file, "arr_0").orElseThrow()) {
      assertArrayEquals(new byte[] {0, 1, 2}, stream.next(3));
      assertArrayEquals(new byte[] {3, 4, 5}, stream.next(3));
      assertThrows(IOException.class, () -> stream.next(3));
    }
  }

  @Test
  void truncatedAndChangedFilesAreRefusedOrRead() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    NpyArray.floats(new float[] {1, 2, 3, 4}, 2, 2).write(out);
    byte[] good = out.toByteArray();
    for (int i = 0; i < good.length; i++) {
      byte[] cut = java.util.Arrays.copyOf(good, i);
      assertThrows(IOException.class, () -> read(cut), "cut at " + i);
    }
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      byte[] bad = good.clone();
      for (int k = random.nextInt(4); k >= 0; k--) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt();
      }
      try {
        read(bad);
      } catch (IOException refused) { // anything else is a fault
        assertTrue(refused.getMessage() != null);
      }
    }
  }

  /** Seen: a changed number was read without a word; NumPy compares the checksum. */
  @Test
  void changedArchivesAreRefused() throws IOException {
    Path file = folder.resolve("a.npz");
    NpzFile.write(file, Map.of("latents", NpyArray.floats(new float[] {1, 2}, 2)));
    byte[] bytes = Files.readAllBytes(file);
    int central = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("PK\1\2");
    bytes[central - 1] ^= 1; // of the last number
    Files.write(file, bytes);
    for (Executable reading : readings(file)) {
      String said = assertThrows(IOException.class, reading).getMessage();
      assertTrue(said.contains("a.npz: latents.npy: its checksum does not match"), said);
    }
    bytes[8] = 14; // the compression, LZMA
    bytes[central + 10] = 14;
    Files.write(file, bytes);
    for (Executable reading : readings(file)) {
      String said = assertThrows(IOException.class, reading).getMessage();
      assertTrue(said.contains("a.npz: latents.npy: ") && said.contains("LZMA"), said);
    }
  }

  private static List<Executable> readings(Path file) {
    return List.of(
        () -> NpzFile.read(file, List.of("latents"), 100),
        () -> {
          try (NpyStream stream = NpyStream.open(file, "latents").orElseThrow()) {
            stream.next(8);
          }
        });
  }

  @Test
  void archivesAreReadAndBombsAreNot() throws IOException {
    Path file = folder.resolve("a.npz");
    NpzFile.write(file, Map.of("latents", NpyArray.floats(new float[] {1, 2}, 2)));
    byte[] once = Files.readAllBytes(file);
    NpzFile.write(file, Map.of("latents", NpyArray.floats(new float[] {1, 2}, 2)));
    assertArrayEquals(once, Files.readAllBytes(file));
    Path elements = Files.write(folder.resolve("a"), NpyArray.floats(new float[] {1, 2}, 2).data());
    NpzFile.write(file, "latents", "<f4", new long[] {2}, elements);
    assertArrayEquals(once, Files.readAllBytes(file), "from a file");
    assertEquals(2, NpzFile.read(file, List.of("latents"), 100).get("latents").toFloats()[1]);
    assertThrows(IOException.class, () -> NpzFile.read(file, List.of("latents"), 7));
    // 512 MB of zeros in half a megabyte: refused by its header, before it is unpacked.
    Path bomb = folder.resolve("bomb.npz");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(bomb))) {
      zip.putNextEntry(new ZipEntry("latents.npy"));
      zip.write(
          numpy("{'descr': '<f4', 'fortran_order': False, 'shape': (134217728,), }", new byte[0]));
      byte[] zeros = new byte[1 << 20];
      for (int i = 0; i < 64; i++) {
        zip.write(zeros);
      }
      zip.closeEntry();
    }
    assertThrows(IOException.class, () -> NpzFile.read(bomb, List.of("latents"), 1 << 26));
    for (int i = 0; i < once.length; i += 3) {
      Path cut = folder.resolve("cut.npz");
      Files.write(cut, java.util.Arrays.copyOf(once, i));
      assertThrows(IOException.class, () -> NpzFile.read(cut, List.of("latents"), 100));
    }
  }

  @Test
  void tarArchivesAreVisitedInOrderAndTruncatedOnesRefused() throws IOException {
    Path file = folder.resolve("a.tar");
    String deep = "folder/".repeat(30) + "name.txt";
    TarFile.write(
        file,
        sink -> {
          sink.add("a.txt", new byte[] {1});
          sink.add(deep, new byte[2000]);
        });
    StringBuilder seen = new StringBuilder();
    TarFile.visit(
        file,
        (name, size, in) -> {
          seen.append(name).append(' ').append(in.readAllBytes().length).append(' ');
          return true;
        });
    assertEquals("a.txt 1 " + deep + " 2000 ", seen.toString());
    byte[] good = Files.readAllBytes(file);
    Path cut = folder.resolve("cut.tar");
    Files.write(cut, java.util.Arrays.copyOf(good, 2500));
    assertThrows(
        IOException.class, () -> TarFile.visit(cut, (n, s, in) -> in.readAllBytes().length >= 0));
    Random random = new Random(2);
    for (int i = 0; i < 2000; i++) {
      byte[] bad = good.clone();
      for (int k = 0; k < 5; k++) {
        bad[random.nextInt(3000)] = (byte) random.nextInt();
      }
      Files.write(cut, bad);
      try {
        TarFile.visit(cut, (n, s, in) -> in.readNBytes(5000).length >= 0);
      } catch (IOException refused) { // anything else is a fault
        assertTrue(refused.getMessage() != null);
      }
    }
  }

  @Test
  void shapesMustFitTheirData() {
    assertThrows(EqvaeException.Argument.class, () -> NpyArray.floats(new float[] {1, 2}, 3));
  }
}
