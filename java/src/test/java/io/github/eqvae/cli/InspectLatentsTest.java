package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.train.generator.TinyCodes;
import io.github.eqvae.train.generator.TinyLatents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code inspect} of folders that {@code encode} made: said to hold no weights before. */
class InspectLatentsTest {
  @TempDir Path folder;

  private static String inspect(Path path) {
    StringWriter out = new StringWriter();
    CommandLine line = new CommandLine(new InspectCommand()).setOut(new PrintWriter(out));
    line.setExecutionExceptionHandler(
        (e, _, _) -> {
          throw e;
        });
    assertEquals(0, line.execute(path.toString()));
    return out.toString();
  }

  private static void assertShown(String text, String... parts) {
    for (String part : parts) {
      assertTrue(text.contains(part), () -> "missing '" + part + "' in:\n" + text);
    }
  }

  @Test
  void latentsAreShown() throws IOException {
    Path latents = TinyLatents.folder(folder);
    assertShown(
        inspect(latents),
        "latents of eqvae encode",
        "60, and mirrored",
        "mean and standard deviation, of 2 channels of 4 × 4 each",
        "latent * 0.5",
        "task: generator, with data.path: " + latents);
  }

  @Test
  void codesAreShown() throws IOException {
    assertShown(inspect(TinyCodes.folder(folder)), "codes of eqvae encode", "task: maskgit");
  }

  @Test
  void unfinishedFoldersAreSaidToBe() throws IOException {
    Path latents = TinyLatents.folder(folder);
    Path index = latents.resolve("index.json");
    String text = Files.readString(index);
    Files.writeString(index, text.replaceFirst("\"complete\"\\s*:\\s*true", "\"complete\": false"));
    StringWriter err = new StringWriter();
    Exception[] thrown = new Exception[1];
    CommandLine line = new CommandLine(new InspectCommand()).setErr(new PrintWriter(err));
    line.setExecutionExceptionHandler(
        (e, _, _) -> {
          thrown[0] = e;
          return 1;
        });
    assertEquals(1, line.execute(latents.toString()));
    assertTrue(thrown[0].getMessage().contains("is not finished"), thrown[0].toString());
    assertThrows(EqvaeException.Argument.class, () -> LatentFolder.openAny(folder.resolve("none")));
  }
}
