package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** What bench/gpu/run selects is there, so that a GPU's time is not spent on finding out. */
class GpuScriptTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  /**
   * Of those that ask for devices: one reads what the command line says and runs no kernel, the
   * other asks the shim, which alone can tell whether a thread forgot to select its device.
   */
  private static final Set<String> NOT_OF_KERNELS =
      Set.of("DeviceOptionTest", "DeviceSelectionTest");

  private static final Pattern DEVICES =
      Pattern.compile("\\bDevices(\\.computing\\(\\)|[.#]kernels\\b)");

  /** The script, with its variables for names put in. */
  private static String script() throws IOException {
    String text = Files.readString(ROOT.resolve("bench/gpu/run"));
    for (String name : List.of("package", "case_arguments")) {
      String value = matches("(?m)^" + name + "='?([^'\n]+)'?$", text).getFirst();
      text = text.replace("$" + name, value);
    }
    return text;
  }

  private static List<String> matches(String regex, String text) {
    return Pattern.compile(regex)
        .matcher(text)
        .results()
        .map((MatchResult r) -> r.group(1))
        .toList();
  }

  @Test
  void everyClassIsThere() throws Exception {
    List<String> names =
        matches("\\b(io\\.github\\.eqvae\\.(?!bench\\.)[a-z.]*[A-Z]\\w*)", script());
    assertTrue(names.size() > 20, names::toString);
    for (String name : names) {
      assertNotNull(Class.forName(name, false, getClass().getClassLoader()));
    }
  }

  @Test
  void everyMethodIsThere() throws Exception {
    String text = script();
    List<String> methods = matches("--select-method \"([^\"]+)\"", text);
    assertEquals(text.split("--select-method", -1).length - 1, methods.size());
    for (String method : methods) {
      String[] parts = method.split("[#()]");
      List<Class<?>> parameters =
          Arrays.stream(parts[2].split(", ")).<Class<?>>map(GpuScriptTest::load).toList();
      assertTrue(
          load(parts[0])
              .getDeclaredMethod(parts[1], parameters.toArray(Class<?>[]::new))
              .isAnnotationPresent(ParameterizedTest.class),
          method);
    }
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, GpuScriptTest.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new AssertionError(name + " is not there", e);
    }
  }

  /** Who writes a test for all devices writes it for those, too. */
  @Test
  void everyTestOnDevicesIsSelected() throws Exception {
    String text = script();
    Set<String> missing = new TreeSet<>();
    try (Stream<Path> files = Files.walk(ROOT.resolve("java/src/test/java"))) {
      for (Path file : files.filter(f -> f.toString().endsWith("Test.java")).toList()) {
        if (DEVICES.matcher(Files.readString(file)).find()) {
          missing.add(file.getFileName().toString().replace(".java", ""));
        }
      }
    }
    missing.removeAll(NOT_OF_KERNELS);
    assertTrue(missing.size() > 15, missing::toString);
    missing.removeAll(
        matches("--select-(?:class|method) \"[a-z.]+\\.([A-Z]\\w*)", text).stream()
            .collect(Collectors.toSet()));
    assertEquals(Set.of(), missing, "bench/gpu/run selects all tests on devices");
  }
}
