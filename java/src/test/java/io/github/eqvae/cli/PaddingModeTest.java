package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.serve.TinyModels;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code padding_mode}, which no tensor tells, on its way through files. */
class PaddingModeTest extends CliFixture {
  private String metadata(Path file) throws Exception {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      return opened.metadata().getOrDefault("padding_mode", "not said");
    }
  }

  private void convert(String... arguments) throws Exception {
    String[] all = new String[arguments.length + 1];
    all[0] = "convert";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    Outcome o = run(all);
    assertEquals(0, o.code(), o.err());
  }

  private void assertInspected(String model, String mode) throws Exception {
    Outcome o = run("inspect", model);
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().matches("(?s).*padding_mode +" + mode + ".*"), o.out());
  }

  @Test
  @Tag("full")
  void aModeGoesThroughEveryFormat() throws Exception {
    Path plain = TinyModels.kl(folder);
    assertEquals("not said", metadata(plain));
    assertInspected("kl.safetensors", "not in the file; zeros unless");
    convert("kl.safetensors", "vae", "--to", "diffusers", "--padding-mode", "reflect");
    JsonNode config = new ObjectMapper().readTree(folder.resolve("vae/config.json").toFile());
    assertEquals("reflect", config.path("padding_mode").asText());
    assertInspected("vae", "reflect\n");
    convert("vae", "back.safetensors", "--to", "compvis");
    assertEquals("reflect", metadata(folder.resolve("back.safetensors")));
    assertInspected("back.safetensors", "reflect\n");
    convert("vae", "back.ckpt", "--to", "compvis");
    assertInspected("back.ckpt", "reflect\n");
    convert("back.ckpt", "again", "--to", "diffusers");
    config = new ObjectMapper().readTree(folder.resolve("again/config.json").toFile());
    assertEquals("reflect", config.path("padding_mode").asText());
    // What is asked for wins over what the file says.
    convert("vae", "other.safetensors", "--to", "compvis", "--padding-mode", "replicate");
    assertEquals("replicate", metadata(folder.resolve("other.safetensors")));
    // Without the option nothing is made up.
    convert("kl.safetensors", "plain", "--to", "diffusers");
    config = new ObjectMapper().readTree(folder.resolve("plain/config.json").toFile());
    assertFalse(config.has("padding_mode"), config.toString());
    assertUserError(
        run("convert", "vae", "x.safetensors", "--to", "compvis", "--padding-mode", "circular"),
        2,
        "circular");
  }

  /** A start whose convolutions saw other edges is refused, before anything is trained. */
  @Test
  @Tag("full")
  void aStartOfAnotherModeIsRefused() throws Exception {
    recipe(2);
    String reflect = "--set=model.padding_mode=reflect";
    Outcome o = run("train", "tiny.yaml", "--out", "run", reflect);
    assertEquals(0, o.code(), o.err());
    assertEquals("reflect", metadata(folder.resolve("run/model.safetensors")));
    assertInspected("run", "reflect\n");
    String start = "--set=model.init_from=run/model.safetensors";
    assertUserError(
        run("train", "tiny.yaml", "--out", "tuned", start),
        1,
        "model.init_from",
        "padding_mode: the recipe has zeros, the checkpoint reflect");
    assertFalse(Files.exists(folder.resolve("tuned")));
    assertUserError(
        run("train", "tiny.yaml", "--out", "tuned", start, "--set=model.padding_mode=replicate"),
        1,
        "padding_mode: the recipe has replicate, the checkpoint reflect");
    o = run("train", "tiny.yaml", "--out", "tuned", start, reflect);
    assertEquals(0, o.code(), o.err());
  }
}
