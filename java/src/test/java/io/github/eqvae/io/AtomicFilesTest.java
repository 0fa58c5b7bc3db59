package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files written whole or not at all, also where the file system can do less. */
class AtomicFilesTest {
  @TempDir Path folder;

  /** CIFS and some of FUSE answer an fsync of a folder with EINVAL or ENOTSUP. */
  @Test
  void aFolderThatCannotBeFlushedIsToldOfOnce() throws IOException {
    List<String> notices = HeardNotices.listen();
    for (Path directory : List.of(folder, folder.getParent(), folder)) {
      AtomicFiles.syncDirectory(
          directory,
          path -> {
            throw new IOException("Invalid argument");
          });
    }
    assertEquals(1, notices.size(), notices.toString());
  }

  @Test
  void aDiskThatFailsIsNoFileSystemThatLacksSomething() {
    for (String text : List.of("Input/output error", "No space left on device")) {
      assertThrows(
          IOException.class,
          () ->
              AtomicFiles.syncDirectory(
                  folder,
                  path -> {
                    throw new IOException(text);
                  }));
    }
    Path missing = folder.resolve("missing");
    assertThrows(IOException.class, () -> AtomicFiles.syncDirectory(missing));
  }

  /** "No space left on device" says no name. */
  @Test
  void aFullDiskNamesTheFile() throws IOException {
    Path file = folder.resolve("vae.safetensors");
    AtomicFiles.write(file, "before");
    IOException e =
        assertThrows(
            IOException.class,
            () ->
                AtomicFiles.write(
                    file,
                    channel -> {
                      throw new IOException("No space left on device");
                    }));
    assertTrue(
        e.getMessage()
            .matches(
                ".*vae.safetensors could not be written: No space left on device; [\\d,]+ MB.*"),
        e.getMessage());
    assertEquals("before", Files.readString(file));
    Path nowhere = folder.resolve("gone/x.json");
    e = assertThrows(IOException.class, () -> AtomicFiles.write(nowhere, "a"));
    assertTrue(
        e.getMessage().endsWith("gone/x.json could not be written: there is no such folder"),
        e.getMessage());
  }

  /** What is free there matters where nothing is. */
  @Test
  void otherFailuresDoNotSpeakOfFreeSpace() {
    Path file = folder.resolve("x.json");
    Map.of(
            new IOException("File too large"), "File too large",
            new AccessDeniedException(file.toString()), "access denied",
            new NoSuchFileException("source.json"), "there is no file source.json")
        .forEach(
            (cause, said) ->
                assertEquals(
                    file + " could not be written: " + said,
                    WriteFailure.of(file, cause).getMessage()));
  }

  @Test
  void writesAndReplaces() throws IOException {
    Path file = folder.resolve("a.txt");
    AtomicFiles.write(file, "one");
    AtomicFiles.write(file, "two");
    assertEquals("two", Files.readString(file));
    try (var all = Files.list(folder)) {
      assertEquals(List.of(file), all.toList());
    }
  }

  /** A name may have 255 bytes: so has that of the temporary file at the most. */
  @Test
  void longNamesAndNamesThatAreNoTextAreWritten() throws IOException {
    for (String name : List.of("x".repeat(251) + ".png", "caf\udce9.png", "straße\n.png")) {
      Path file = FileNames.resolve(folder, name);
      AtomicFiles.write(file, "content");
      assertEquals("content", Files.readString(file));
    }
  }
}
