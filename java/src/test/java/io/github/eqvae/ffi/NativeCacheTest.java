package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Libraries that are unpacked from the jar, and what may have become of them since. */
class NativeCacheTest {
  @TempDir Path folder;
  private final Map<String, byte[]> jar = new HashMap<>();

  private NativeCache cache() throws Exception {
    StringBuilder list = new StringBuilder();
    for (Map.Entry<String, byte[]> e : jar.entrySet()) {
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(e.getValue());
      list.append(HexFormat.of().formatHex(hash)).append("  ").append(e.getValue().length);
      list.append("  ").append(e.getKey()).append('\n');
    }
    return NativeCache.of(
        file -> {
          byte[] bytes =
              file.equals("SHA256SUMS")
                  ? list.toString().getBytes(StandardCharsets.UTF_8)
                  : jar.get(file);
          if (bytes == null) {
            throw new FileNotFoundException(file);
          }
          return new ByteArrayInputStream(bytes);
        });
  }

  @Test
  void aCopyThatWasCutOrChangedIsMadeAnew() throws Exception {
    byte[] whole = "a library".getBytes(StandardCharsets.UTF_8);
    jar.put("lib.so", whole);
    Path copy = cache().unpack(folder, "lib.so");
    for (String broken : new String[] {"a libr", "a librarX", "", "a library and more"}) {
      Files.writeString(copy, broken);
      assertEquals(copy, cache().unpack(folder, "lib.so"));
      assertArrayEquals(whole, Files.readAllBytes(copy));
    }
    try (Stream<Path> files = Files.list(copy.getParent())) {
      assertEquals(List.of(copy), files.toList(), "temporary files stayed");
    }
  }

  @Test
  void aGoodCopyIsNotWrittenAgain() throws Exception {
    jar.put("lib.so", new byte[] {1, 2, 3});
    Path copy = cache().unpack(folder, "lib.so");
    Object before = Files.getAttribute(copy, "unix:ino");
    cache().unpack(folder, "lib.so");
    assertEquals(before, Files.getAttribute(copy, "unix:ino"));
    Files.write(copy, new byte[] {1, 2});
    cache().unpack(folder, "lib.so");
    // Moved into place: a process that has mapped the old file keeps it.
    assertNotEquals(before, Files.getAttribute(copy, "unix:ino"));
  }

  @Test
  void anotherVersionLiesInAnotherFolder() throws Exception {
    jar.put("lib.so", new byte[] {1});
    Path one = cache().unpack(folder, "lib.so");
    jar.put("lib.so", new byte[] {2});
    assertNotEquals(one, cache().unpack(folder, "lib.so"));
  }

  @Test
  void theJarItselfMayBeBroken() throws Exception {
    jar.put("lib.so", new byte[] {1, 2, 3});
    NativeCache cache = cache();
    jar.put("lib.so", new byte[] {1, 2});
    IOException e = assertThrows(IOException.class, () -> cache.unpack(folder, "lib.so"));
    assertTrue(e.getMessage().contains("lib.so"), e.getMessage());
    assertThrows(
        IOException.class,
        () -> NativeCache.of(f -> new ByteArrayInputStream("no list\n".getBytes())));
  }

  @Test
  void placesWithoutAHome() {
    Path temporary = Path.of("/tmp");
    assertEquals(
        List.of(Path.of("/tmp/eqvae-1234")),
        NativeCache.folders(Map.of(), "?", temporary, "1234"),
        "no folder called ? in the working directory");
    assertEquals(
        List.of(Path.of("/x")),
        NativeCache.folders(Map.of("EQVAE_CACHE_DIR", "/x"), "/", temporary, "u"));
    assertEquals(
        List.of(Path.of("/c/eqvae"), folder.resolve(".cache/eqvae"), Path.of("/tmp/eqvae-u_")),
        NativeCache.folders(
            Map.of("XDG_CACHE_HOME", "/c", "HOME", folder.toString()),
            "/not/there",
            temporary,
            "u/"));
  }

  /** A home that cannot be written is no end: temporary files are the next place. */
  @Test
  void theNextFolderIsTried() throws Exception {
    byte[] library =
        Files.readAllBytes(Path.of(System.getProperty("eqvae.native.dir"), "libeqv_null.so"));
    jar.put("libeqv_null.so", library);
    Path blocked = Files.writeString(folder.resolve("file"), "").resolve("cache");
    Path good = folder.resolve("good");
    NativeLibrary opened =
        Libraries.unpackedInto(List.of(blocked, good), good, cache(), "libeqv_null.so", List.of());
    assertTrue(opened.path().startsWith(good));
    EqvaeException.Environment e =
        assertThrows(
            EqvaeException.Environment.class,
            () ->
                Libraries.unpackedInto(
                    List.of(blocked), folder, cache(), "libeqv_null.so", List.of()));
    assertTrue(e.getMessage().contains("EQVAE_CACHE_DIR"), e.getMessage());
    assertFalse(e.getMessage().contains("Exception"), e.getMessage());
    assertTrue(e.getMessage().contains(blocked.toString()), e.getMessage());
  }

  @Test
  void aFolderThatOthersCanWriteIsNotUsed() throws Exception {
    Path open = Files.createDirectory(folder.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThrows(IOException.class, () -> NativeCache.claim(open));
    Path mine = folder.resolve("mine");
    NativeCache.claim(mine);
    NativeCache.claim(mine);
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(mine)));
  }

  /** Also where it is the only place, for a user without a home. */
  @Test
  void aFolderOfTemporaryFilesIsClaimedFirst() throws Exception {
    jar.put("libeqv_null.so", new byte[1]);
    Path open = Files.createDirectory(folder.resolve("eqvae-1234"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    EqvaeException.Environment e =
        assertThrows(
            EqvaeException.Environment.class,
            () ->
                Libraries.unpackedInto(
                    NativeCache.folders(Map.of(), "?", folder, "1234"),
                    NativeCache.shared(folder, "1234"),
                    cache(),
                    "libeqv_null.so",
                    List.of()));
    assertTrue(e.getMessage().contains("others may write into it"), e.getMessage());
  }

  @Test
  void whatALoaderSaysOfNoexec() {
    assertTrue(
        NativeCache.notExecutable(
            "libeqv_cpu.so: failed to map segment from shared object: Operation not permitted"));
    assertEquals(false, NativeCache.notExecutable("version `GLIBC_2.38' not found"));
  }
}
