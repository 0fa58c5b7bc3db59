package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.tensor.Device;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/embedding.md shows works as shown, and so does the example project. */
class ExampleTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  @TempDir Path folder;

  @Test
  void theSnippetRuns() throws IOException {
    Path path = TinyModels.kl(folder);
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_ARGB);
    // docs/embedding.md
    try (Device device = Device.best();
        Vae vae = Vae.load(path, device)) {
      Latents latents = vae.encode(ImageBatch.of(image)); // java.awt.image.BufferedImage
      Latents scaled = vae.scale(latents); // what a generator is trained on
      BufferedImage again = vae.decode(latents).toBufferedImage(0);
      assertEquals(16, again.getWidth());
      assertTrue(scaled.scaled());
    }
  }

  @Test
  void theSnippetIsTheOneShown() throws IOException {
    String doc = Files.readString(ROOT.resolve("docs/embedding.md"));
    String test =
        Files.readString(ROOT.resolve("java/src/test/java/io/github/eqvae/serve/ExampleTest.java"));
    String code = doc.substring(doc.indexOf("```java") + 7);
    code = code.substring(0, code.indexOf("```"));
    String body = test.substring(test.indexOf("// docs/embedding.md"));
    for (String line : code.strip().lines().toList()) {
      assertTrue(body.contains(line.strip()), "not tested: " + line);
    }
  }

  /** Paths in the documented command are relative to where it is typed, not to the project. */
  @Test
  void theExampleRunsWhereItIsCalled() throws IOException {
    String pom = Files.readString(ROOT.resolve("examples/embed/pom.xml"));
    assertTrue(pom.contains("<workingDirectory>${user.dir}</workingDirectory>"));
  }

  @Test
  void theExampleProjectCompilesAndRuns() throws Exception {
    Path source = ROOT.resolve("examples/embed/src/main/java/example/Embed.java");
    String classes = System.getProperty("java.class.path");
    run("javac", "-Xlint:all,-processing,-path", "-cp", classes, "-d", folder, source);
    Path image = folder.resolve("in.png");
    Images.writePng(image, new Image(19, 13, 3, new byte[19 * 13 * 3]));
    Path out = folder.resolve("out.png");
    run(
        "java",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "--enable-native-access=ALL-UNNAMED",
        "-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"),
        "-cp",
        folder + File.pathSeparator + classes,
        "example.Embed",
        TinyModels.kl(folder),
        image,
        out);
    BufferedImage again = ImageIO.read(out.toFile());
    assertEquals(List.of(19, 13), List.of(again.getWidth(), again.getHeight()));
  }

  private void run(String tool, Object... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", tool).toString());
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    Path log = folder.resolve("log.txt");
    int code =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    assertEquals(0, code, () -> tool + " failed: " + read(log));
  }

  private static String read(Path log) {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Test
  void theExampleDependsOnThisVersion() throws IOException {
    String ours = Files.readString(ROOT.resolve("java/pom.xml"));
    String version = ours.replaceFirst("(?s).*?<version>([^<]+)</version>.*", "$1");
    String example = Files.readString(ROOT.resolve("examples/embed/pom.xml"));
    assertTrue(
        example.contains("<artifactId>eqvae</artifactId><version>" + version + "</version>"),
        "the example wants another version than " + version);
  }
}
