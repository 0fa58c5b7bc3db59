package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The Javadoc jar can be made, which only a release does. The compiler's doclint sees less: not
 * what a public class inherits from one that is hidden.
 */
class JavadocTest {
  @Test
  @Tag("full")
  void theToolHasNoWarnings(@TempDir Path folder) {
    String modules =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(
                p -> p.matches(".*/(jackson|ejml|jspecify|commons|imageio|common|picocli)-[^/]*"))
            .collect(Collectors.joining(File.pathSeparator));
    Path root = Path.of(System.getProperty("eqvae.root"));
    StringWriter said = new StringWriter();
    PrintWriter out = new PrintWriter(said);
    int code =
        ToolProvider.findFirst("javadoc")
            .orElseThrow()
            .run(
                out,
                out,
                // as in java/pom.xml
                "-quiet",
                "-Xdoclint:all",
                "-Werror",
                "-d",
                folder.toString(),
                "--module-path",
                modules,
                "-sourcepath",
                root.resolve("java/src/main/java").toString(),
                "-subpackages",
                "io.github.eqvae",
                "-exclude",
                "io.github.eqvae.cli:io.github.eqvae.ffi");
    assertEquals(0, code, said.toString());
  }
}
