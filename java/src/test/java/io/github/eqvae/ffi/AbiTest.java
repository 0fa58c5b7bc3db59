package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The C interface: what Java believes, what the libraries say, and what is said when they do not
 * fit.
 */
class AbiTest {
  @TempDir Path folder;

  private static Path library(String file) {
    return Path.of(System.getProperty("eqvae.native.dir"), file);
  }

  private static String failure(Path file) {
    return assertThrows(EqvaeException.Environment.class, () -> NativeLibrary.open(file))
        .getMessage();
  }

  @Test
  void theInterfaceIsTheRecordedOne() throws IOException {
    Path golden = Path.of(System.getProperty("eqvae.root"), "native", "include", "eqv.abi");
    assertEquals(
        Files.readString(golden),
        AbiText.build(),
        "the C interface changed; if that is meant, raise EQV_ABI_VERSION and run HeaderSources");
  }

  @Test
  void whatRepeatsTheHeaderIsMadeOfIt() throws IOException {
    for (Map.Entry<Path, String> file :
        HeaderSources.of(Path.of(System.getProperty("eqvae.root"))).entrySet()) {
      assertEquals(
          file.getValue(),
          Files.readString(file.getKey()),
          file.getKey() + " is not of eqv.h: run HeaderSources, as its documentation says");
    }
  }

  @Test
  void aChangeAsksForAVersion() {
    String ours = AbiText.build();
    String theirs = ours.replace("groups:i32@4", "groups:i64@8");
    assertFalse(HeaderSources.needsVersion(ours, ours));
    assertTrue(HeaderSources.needsVersion(ours, theirs));
    String raised = theirs.replaceFirst("eqv abi \\d+", "eqv abi " + (AbiText.VERSION + 1));
    assertFalse(HeaderSources.needsVersion(ours, raised));
  }

  /** Opening compares the library's own text, made with sizeof and offsetof, with Java's. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu", "ref", "null"})
  void everyLibraryAgrees(String backend) {
    Path file = library("libeqv_" + backend + ".so");
    assertEquals(file.toAbsolutePath().normalize(), NativeLibrary.open(file).path());
  }

  @Test
  void theFirstDifferenceIsShown() {
    String ours = AbiText.build();
    String theirs = ours.replace("groups:i32@4", "groups:i64@8");
    String text = AbiText.firstDifference(ours, theirs);
    assertTrue(text.contains("groups:i32@4") && text.contains("groups:i64@8"), text);
    assertTrue(AbiText.firstDifference(ours, ours + "fn eqv_new/3\n").contains("entries"));
  }

  @Test
  void anotherLibraryIsRefusedByName() {
    String text = failure(library("libgomp.so.1"));
    assertTrue(text.contains("libgomp.so.1") && text.contains("eqv_"), text);
    assertTrue(text.contains("Rebuild"), text);
  }

  @Test
  void aMissingDependencyIsNamed() throws IOException {
    byte[] bytes = Files.readAllBytes(library("libeqv_cpu.so"));
    replace(bytes, "libdnnl.so.3", "libnone.so.3");
    Path file = Files.write(folder.resolve("libeqv_cpu.so"), bytes);
    String text = failure(file);
    assertTrue(text.contains("libnone.so.3"), text);
    assertTrue(text.contains(file.toString()), text);
  }

  @Test
  void aFileThatIsNoLibraryGivesTheLoadersReason() throws IOException {
    Path file =
        Files.writeString(folder.resolve("libeqv_cpu.so"), "this is no library at all, only text");
    String text = failure(file);
    assertTrue(text.contains("ELF") || text.contains("too short"), text);
  }

  @Test
  void aMissingFileIsNamed() {
    Path file = folder.resolve("libeqv_cpu.so");
    String text = failure(file);
    assertTrue(text.contains(file.toString()), text);
  }

  private static String refusal(NativeLibrary library, Fn function, long... arguments) {
    return assertThrows(
            EqvaeException.Argument.class,
            () -> library.call(function, arguments),
            function::symbol)
        .getMessage();
  }

  /** One message for each argument: several in one would not say which is wrong. */
  @Test
  void aWrongArgumentIsNamed() {
    NativeLibrary library = NativeLibrary.open(library("libeqv_null.so"));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      library.openDevice(0, 1, out.address());
      long device = out.get(ValueLayout.JAVA_LONG, 0);
      library.call(Fn.STREAM_CREATE, device, out.address());
      long stream = out.get(ValueLayout.JAVA_LONG, 0);
      String negative = ": bytes is -5; it must not be negative";
      assertEquals("alloc" + negative, refusal(library, Fn.ALLOC, device, -5, out.address()));
      assertEquals("alloc: out is null", refusal(library, Fn.ALLOC, device, 8, 0));
      assertEquals(
          "host_alloc" + negative, refusal(library, Fn.HOST_ALLOC, device, -5, out.address()));
      assertEquals("host_alloc: out is null", refusal(library, Fn.HOST_ALLOC, device, 8, 0));
      assertEquals("copy_in" + negative, refusal(library, Fn.COPY_IN, stream, 0, 0, -5));
      assertEquals(
          "copy_in: device_data is null",
          refusal(library, Fn.COPY_IN, stream, 0, out.address(), 8));
      assertEquals(
          "copy_in: host is null", refusal(library, Fn.COPY_IN, stream, out.address(), 0, 8));
      assertEquals("copy_out" + negative, refusal(library, Fn.COPY_OUT, stream, 0, 0, -5));
      assertEquals(
          "copy_out: host is null", refusal(library, Fn.COPY_OUT, stream, 0, out.address(), 8));
      assertEquals(
          "activation: params is null", refusal(library, Fn.ACTIVATION_FWD, stream, 0, 0, 0));
      library.call(Fn.STREAM_DESTROY, stream);
      library.call(Fn.DEVICE_CLOSE, device);
    }
  }

  private static void replace(byte[] bytes, String from, String to) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int found = 0;
    for (int at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + 1)) {
      System.arraycopy(to.getBytes(StandardCharsets.ISO_8859_1), 0, bytes, at, to.length());
      found++;
    }
    assertTrue(found > 0, "the library does not mention " + from);
  }
}
