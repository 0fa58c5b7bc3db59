package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.ImportOrderer;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every Java file is formatted by google-java-format and has no unused import. */
class CodeStyleTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  /** What is longer is hard to read in one sitting: a class of its own waits in it. */
  @Test
  void noSourceOfTheLibraryIsLongerThanFourHundredLines() throws Exception {
    List<String> longer = new ArrayList<>();
    try (Stream<Path> files = Files.walk(ROOT.resolve("java/src/main"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        try (Stream<String> lines = Files.lines(file)) {
          long count = lines.count();
          if (count > 400) {
            longer.add(ROOT.relativize(file) + ": " + count);
          }
        }
      }
    }
    assertEquals(List.of(), longer);
  }

  /** Which compiler reads a kernel, and raw instructions, are known in kernels/common only. */
  @Test
  void onlyCommonKnowsTheCompiler() throws Exception {
    Pattern raw = Pattern.compile("__CUDA_ARCH__|__CUDACC__|\\basm\\b");
    Path common = ROOT.resolve("kernels/common");
    List<String> found = new ArrayList<>();
    int read = 0;
    try (Stream<Path> files = Files.walk(ROOT.resolve("kernels"))) {
      for (Path file : files.filter(f -> f.toString().matches(".*\\.(cu|h|cpp)")).toList()) {
        if (!file.startsWith(common)) {
          read++;
          if (raw.matcher(Files.readString(file)).find()) {
            found.add(file.toString());
          }
        }
      }
    }
    assertTrue(read > 100, read + " files");
    assertEquals(List.of(), found);
  }

  @Test
  void sourcesAreFormatted() throws Exception {
    List<String> wrong = new ArrayList<>();
    int count = 0;
    Formatter formatter = new Formatter();
    for (Path folder : List.of(ROOT.resolve("java/src"), ROOT.resolve("bench/src"))) {
      if (!Files.isDirectory(folder)) {
        continue;
      }
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
          String source = Files.readString(file);
          String formatted =
              formatter.formatSource(
                  ImportOrderer.reorderImports(
                      RemoveUnusedImports.removeUnusedImports(source),
                      JavaFormatterOptions.Style.GOOGLE));
          count++;
          if (!source.equals(formatted)) {
            wrong.add(ROOT.relativize(file).toString());
          }
        }
      }
    }
    assertTrue(count > 50, "only " + count + " files were found under " + ROOT);
    assertEquals(List.of(), wrong, "not formatted by google-java-format 1.35.0");
  }
}
