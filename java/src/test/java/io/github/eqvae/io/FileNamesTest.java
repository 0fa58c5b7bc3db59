package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names of files as text, without loss. */
class FileNamesTest {
  @TempDir Path folder;

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Python: os.fsdecode(b"caf\\xe9.jpg") == "caf\\udce9.jpg". */
  @Test
  void bytesThatAreNoUtf8AreThoseOfPython() {
    assertEquals("caf\udce9.jpg", FileNames.decode(latin1("café.jpg")));
    assertEquals("café.jpg", FileNames.decode("café.jpg".getBytes(StandardCharsets.UTF_8)));
    assertEquals(
        "a\udce2\udc82b", FileNames.decode(new byte[] {'a', (byte) 0xe2, (byte) 0x82, 'b'}));
  }

  @Test
  void anyBytesComeBack() {
    Random random = new Random(1);
    for (int i = 0; i < 5000; i++) {
      byte[] bytes = new byte[1 + random.nextInt(12)];
      random.nextBytes(bytes);
      String name = FileNames.decode(bytes);
      assertArrayEquals(bytes, FileNames.encode(name));
      String shown = FileNames.shown(name);
      assertEquals(name, FileNames.parse(shown));
      assertEquals(1, shown.lines().count(), shown);
      byte[] utf8 = shown.getBytes(StandardCharsets.UTF_8);
      assertEquals(shown, new String(utf8, StandardCharsets.UTF_8));
    }
  }

  @Test
  void linesOfTextShowWhatCannotBeSeen() {
    assertEquals("a\\nb\\r\\t\\\\c", FileNames.shown("a\nb\r\t\\c"));
    assertEquals("caf\\xe9", FileNames.shown("caf\udce9"));
    assertEquals("\\u001b[31m", FileNames.shown("\u001b[31m"));
    assertEquals("\\u202egpj", FileNames.shown("\u202egpj"));
    assertEquals("日本 straße 😀", FileNames.shown("日本 straße 😀"));
    assertEquals("\\xzz\\", FileNames.parse("\\xzz\\"));
  }

  @Test
  void filesOfAnyNameAreFoundAgain() throws IOException {
    List<String> names =
        List.of("a #1%.jpg", "b\nc.jpg", "d: e.jpg", "straße.jpg", "😀.jpg", "x\udce9/y\udcff.jpg");
    for (String name : names) {
      Path file = FileNames.resolve(folder, name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, "content");
    }
    try (Stream<Path> all = Files.walk(folder)) {
      List<Path> files = all.filter(Files::isRegularFile).toList();
      assertEquals(
          names.stream().sorted().toList(),
          files.stream().map(f -> FileNames.of(folder.relativize(f))).sorted().toList());
      for (Path f : files) {
        String name = FileNames.of(folder.relativize(f));
        assertTrue(Files.isSameFile(f, FileNames.resolve(folder, name)), name);
      }
    }
    assertFalse(Files.exists(FileNames.resolve(folder, "xé")), "a byte is no letter");
  }

  @Test
  void whatIsNoNameIsRefused() {
    for (String name : List.of("a\0b", "a\ud800b")) {
      assertThrows(EqvaeException.Argument.class, () -> FileNames.resolve(folder, name));
    }
  }
}
