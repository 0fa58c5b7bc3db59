package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.testing.CommandProcess;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

/** {@code evaluate}: options that a way of measuring does not read are refused. */
class EvaluateOptionsTest extends CliFixture {
  private void refused(String option, String why, List<String> arguments) throws Exception {
    Outcome o = run(arguments.toArray(String[]::new));
    assertEquals(1, o.code(), o.err());
    assertTrue(o.err().contains(option) && o.err().contains(why), o.err());
  }

  /** Seen: 5 of 50,000 samples were asked for, and all were measured. */
  @Test
  void ofGeneratedImages() throws Exception {
    refused(
        "--images, --ssim",
        "--reference",
        List.of(
            "evaluate",
            "a.npz",
            "--reference=b.npz",
            "--classifier=c",
            "--images=5",
            "--ssim=released"));
    refused(
        "--times",
        "--write-statistics",
        List.of("evaluate", "a.npz", "--write-statistics=b.npz", "--inception=c", "--times", "10"));
  }

  /** Half of the picture is transparent: red if that is ignored. */
  private void transparent(Path file) throws IOException {
    BufferedImage picture = new BufferedImage(32, 32, BufferedImage.TYPE_INT_ARGB);
    Random random = new Random(3);
    for (int i = 0; i < 32 * 32; i++) {
      picture.setRGB(i % 32, i / 32, i % 32 < 16 ? 0x00ff0000 : 0xff000000 | random.nextInt());
    }
    ImageIO.write(picture, "png", file.toFile());
  }

  private JsonNode dropIn(String model, String... options) throws Exception {
    List<String> all =
        new java.util.ArrayList<>(
            List.of(
                "evaluate",
                model,
                "--drop-in",
                model,
                "--data",
                "in",
                "--size",
                "32",
                "--json",
                "a.json"));
    all.addAll(List.of(options));
    Outcome o = run(all.toArray(String[]::new));
    assertEquals(0, o.code(), o.err());
    JsonNode json = new ObjectMapper().readTree(folder.resolve("a.json").toFile());
    JsonNames.assertSnakeCase("drop-in", json);
    return json;
  }

  @Test
  void ofDropIn() throws Exception {
    String model = TinyModels.kl(folder).toString();
    transparent(Files.createDirectories(folder.resolve("in")).resolve("a.png"));
    refused(
        "--lpips, --sample",
        "--drop-in",
        List.of("evaluate", model, "--drop-in", model, "--data", "in", "--sample=1", "--lpips=x"));
    assertNotEquals(dropIn(model), dropIn(model, "--alpha", "white"));
  }

  /** Seen: without {@code --device} a GPU computes, and the file said {@code cpu}. */
  @Test
  void theDeviceThatWasChosenIsNamed() throws Exception {
    Path built = Path.of(System.getProperty("eqvae.native.dir")).toAbsolutePath();
    assumeTrue(Files.exists(built.resolve("libeqv_simt.so")), "this build has no shim");
    Path libraries = Files.createDirectories(folder.resolve("libraries"));
    for (String name : List.of("libdnnl.so.3", "libgomp.so.1", "libeqv_cpu.so", "libeqv_null.so")) {
      Files.createSymbolicLink(libraries.resolve(name), built.resolve(name));
    }
    // The shim in the place of a GPU's library: this is tested where there is no GPU, too.
    Files.createSymbolicLink(libraries.resolve("libeqv_cuda.so"), built.resolve("libeqv_simt.so"));
    String model = TinyModels.kl(folder).toString();
    transparent(Files.createDirectories(folder.resolve("in")).resolve("a.png"));
    List<String> command =
        CommandProcess.command(
            List.of("-Deqvae.native.dir=" + libraries),
            List.of("evaluate", model, "--data", "in", "--size", "32", "--json", "a.json"));
    Path err = folder.resolve("err.txt");
    int code = begin(command, folder.resolve("out.txt"), err).waitFor();
    assertEquals(0, code, Files.readString(err));
    JsonNode machine = new ObjectMapper().readTree(folder.resolve("a.json").toFile());
    machine = machine.path("machine");
    assertEquals("cuda", machine.path("device").asText(), machine::toString);
  }
}
