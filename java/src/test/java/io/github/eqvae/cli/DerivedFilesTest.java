package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.serve.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is made of a trained model beside its weights: cards, discriminators, comparisons. */
class DerivedFilesTest extends CliFixture {
  private static final ObjectMapper JSON = new ObjectMapper();

  private void pictures() throws IOException {
    Path in = Files.createDirectories(folder.resolve("pics"));
    for (int i = 0; i < 3; i++) {
      byte[] bytes = new byte[32 * 32 * 3];
      new Random(i).nextBytes(bytes);
      Images.writePng(in.resolve("p" + i + ".png"), new Image(32, 32, 3, bytes));
    }
  }

  /** The tiny model with other numbers in every tensor whose name begins so. */
  private void changed(String name, String prefix, double noise) throws IOException {
    Random random = new Random(5);
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("kl.safetensors"))) {
      for (String tensor : file.names()) {
        float[] values = file.floats(tensor);
        for (int i = 0; i < values.length && tensor.startsWith(prefix); i++) {
          values[i] += (float) (noise * random.nextGaussian());
        }
        entries.add(SafetensorsWriter.Entry.floats(tensor, values, file.info(tensor).shape()));
      }
      SafetensorsWriter.write(folder.resolve(name), entries, file.metadata());
    }
  }

  @Test
  void aRunsCardAndItsDiscriminator() throws Exception {
    recipe(4);
    Outcome o = run("train", "tiny.yaml", "--out", "run");
    assertEquals(0, o.code(), o.err());
    o = run("convert", "run", "vae", "--to", "diffusers", "--scaling-from", "run/evaluation.json");
    assertEquals(0, o.code(), o.err());
    String card = Files.readString(folder.resolve("vae/README.md"));
    JsonNode figures = JSON.readTree(folder.resolve("run/evaluation.json").toFile());
    for (String part :
        List.of(
            "library_name: diffusers",
            "# AutoencoderKL, f2, 2 channels",
            String.format(Locale.ROOT, "| PSNR, dB | %.4f |", figures.path("psnr").asDouble()),
            "scaling_factor",
            "Of 16 held-out images, at step 4.",
            "$ eqvae train tiny.yaml --out run\n$ eqvae convert run vae --to diffusers",
            Files.readString(folder.resolve("run/recipe.yaml")).strip())) {
      assertTrue(card.contains(part), "missing '" + part + "' in " + card);
    }
    // A card that somebody wrote stays.
    Files.writeString(folder.resolve("vae/README.md"), "mine");
    o = run("convert", "run", "vae", "--to", "diffusers", "--scaling-factor=1", "--overwrite");
    assertEquals(0, o.code(), o.err());
    assertEquals("mine", Files.readString(folder.resolve("vae/README.md")));
    assertTrue(o.err().contains("README.md was not written by eqvae and is kept"), o.err());

    o = run("convert", "run", "disc.safetensors", "--to", "compvis", "--discriminator");
    assertEquals(0, o.code(), o.err());
    try (SafetensorsFile disc = SafetensorsFile.open(folder.resolve("disc.safetensors"))) {
      // ndf 8, one layer: input, one strided, one more with batch norms, the verdict.
      assertTrue(disc.names().contains("main.0.weight"), disc.names().toString());
      assertTrue(disc.names().contains("main.3.running_var"), disc.names().toString());
      assertEquals(8, disc.info("main.0.weight").shape()[0]);
      // Trained, not as it began.
      boolean moved = false;
      for (float v : disc.floats("main.3.running_mean")) {
        moved |= v != 0;
      }
      assertTrue(moved, "running statistics never moved");
    }
    assertUserError(
        run("convert", "vae", "d.safetensors", "--to", "compvis", "--discriminator"),
        1,
        "no discriminator");
  }

  /** Cards that were written before the run went on, and runs of versions that said less. */
  @Test
  @Tag("full")
  void aCardGoesWithItsModel() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    String[] convert = {
      "convert", "run", "vae", "--to", "diffusers", "--scaling-factor=1", "--overwrite"
    };
    assertEquals(0, run(convert).code());
    Path card = folder.resolve("vae/README.md");
    assertTrue(Files.readString(card).contains("images, at step 2."));
    assertEquals(0, run("train", "--resume", "run", "--steps", "3").code());
    Outcome o = run(convert);
    assertEquals(0, o.code(), o.err());
    assertTrue(Files.readString(card).contains("images, at step 3."), Files.readString(card));

    // As earlier versions left it: the model does not say its step, the figures not of what.
    Path model = folder.resolve("run/model.safetensors");
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    Map<String, String> metadata;
    try (SafetensorsFile file = SafetensorsFile.open(model)) {
      metadata = new HashMap<>(file.metadata());
      for (String name : file.names()) {
        long[] shape = file.info(name).shape();
        entries.add(SafetensorsWriter.Entry.floats(name, file.floats(name), shape));
      }
    }
    metadata.remove("eqvae.step");
    SafetensorsWriter.write(model, entries, metadata);
    Path figures = folder.resolve("run/evaluation.json");
    ObjectNode json = (ObjectNode) JSON.readTree(figures.toFile());
    json.remove("measured");
    Files.writeString(figures, json.toString());
    assertEquals(0, run(convert).code());
    assertTrue(Files.readString(card).contains("No figures of these weights"));
    assertEquals(0, run("evaluate", "run").code());
    assertEquals(0, run(convert).code());
    assertTrue(Files.readString(card).contains("images, at step 3."), Files.readString(card));
  }

  private String card(String source, String... options) throws Exception {
    Path out = folder.resolve("card-" + System.nanoTime());
    List<String> arguments = new ArrayList<>(List.of("convert", source, out.toString()));
    arguments.addAll(List.of("--to", "diffusers", "--scaling-factor=1"));
    arguments.addAll(List.of(options));
    Outcome o = run(arguments.toArray(String[]::new));
    assertEquals(0, o.code(), o.err());
    return Files.readString(out.resolve("README.md"));
  }

  /** Figures of the end are not those of the best, nor the average's those of what was trained. */
  @Test
  void aCardHasTheFiguresOfItsOwnWeights() throws Exception {
    recipe(4);
    Outcome o =
        run(
            "train",
            "tiny.yaml",
            "--out=run",
            "--set=run.validate_every=2",
            "--set=run.best_metric=rotation_error");
    assertEquals(0, o.code(), o.err());
    JsonNode end = JSON.readTree(folder.resolve("run/evaluation.json").toFile());
    assertEquals("ema", end.path("measured").path("weights").asText());
    assertEquals(4, end.path("measured").path("step").asInt());
    assertEquals("held-out", end.path("measured").path("pictures").asText());
    String psnr = "| PSNR, dB | ";
    assertTrue(card("run").contains(psnr));
    assertTrue(card("run/model.safetensors").contains(psnr));
    String best = card("run/model-best.safetensors");
    assertFalse(best.contains(psnr), best);
    try (SafetensorsFile file =
        SafetensorsFile.open(folder.resolve("run/model-best.safetensors"))) {
      String row =
          String.format(
              Locale.ROOT,
              "| equivariance error, rotation | %.4f |",
              Double.parseDouble(file.metadata().get("eqvae.rotation_error")));
      assertTrue(best.contains(row), best);
      assertTrue(best.contains("validation at step " + file.metadata().get("eqvae.step")), best);
    }
    assertTrue(card("run", "--weights", "model").contains("No figures of these weights"));
    Files.copy(folder.resolve("run/model.safetensors"), folder.resolve("run/other.safetensors"));
    assertTrue(card("run/other.safetensors").contains("No figures of these weights"));
  }

  /** What was measured of other pictures or weights is not the run's. */
  @Test
  void aRunsFiguresAreOfItsOwnImagesAndWeights() throws Exception {
    recipe(4);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    Path own = folder.resolve("run/evaluation.json");
    Path report = folder.resolve("run/report.html");
    String figures = Files.readString(own);
    String page = Files.readString(report);
    Files.createDirectories(folder.resolve("pics"));
    for (int i = 0; i < 2; i++) {
      byte[] bytes = new byte[32 * 32];
      new Random(i).nextBytes(bytes);
      Images.writePng(folder.resolve("pics/p" + i + ".png"), new Image(32, 32, 1, bytes));
    }
    for (String[] other :
        new String[][] {
          {"--data", "pics"}, {"--sample", "1"}, {"--weights", "model"}, {"--set", "run.seed=9"}
        }) {
      Outcome o = run("evaluate", "run", other[0], other[1]);
      assertEquals(0, o.code(), o.err());
      assertEquals(figures, Files.readString(own), other[0]);
      assertEquals(page, Files.readString(report), other[0]);
      assertTrue(
          o.out().contains("were not written into run:") && o.out().contains("--json"), o.out());
      assertFalse(o.out().contains("report run"), o.out());
    }
    Outcome o = run("evaluate", "run", "--data", "pics", "--weights", "model", "--json", "-");
    JsonNode measured = JSON.readTree(o.out()).path("measured");
    assertEquals("pics", measured.path("pictures").asText());
    assertEquals("model", measured.path("weights").asText());
    o = run("evaluate", "run", "--set", "evaluation.images=4");
    assertEquals(0, o.code(), o.err());
    assertEquals(4, JSON.readTree(own.toFile()).path("images").asInt(), "its own images");
  }

  @Test
  void aDropInIsMeasured() throws Exception {
    pictures();
    TinyModels.kl(folder);
    changed("decoder.safetensors", "decoder.", 0.3);
    Outcome o = run("evaluate", "kl.safetensors", "--drop-in", "kl.safetensors", "--data", "pics");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("fits: both have the same weights"), o.out());
    o =
        run(
            "evaluate",
            "decoder.safetensors",
            "--drop-in",
            "kl.safetensors",
            "--data",
            "pics",
            "--json",
            "fit.json");
    assertEquals(0, o.code(), o.err());
    JsonNode fit = JSON.readTree(folder.resolve("fit.json").toFile());
    assertEquals(0, fit.path("latent_difference").asDouble(), "the encoders are the same");
    assertEquals(fit.path("psnr_own").asDouble(), fit.path("psnr_swapped").asDouble(), 1e-9);
    assertEquals(
        fit.path("psnr_other").asDouble() - fit.path("psnr_swapped").asDouble(),
        fit.path("loss_db").asDouble(),
        1e-9);
    assertUserError(run("evaluate", "kl.safetensors", "--drop-in", "kl.safetensors"), 1, "--data");
  }

  /** Latents know their encoder, and what a generator will see of them. */
  @Test
  void latentsAreCheckedAtUse() throws Exception {
    pictures();
    TinyModels.kl(folder); // scaling_factor 0.5, shift_factor 0.25
    changed("other.safetensors", "encoder.", 0.01);
    Outcome o = run("encode", "kl.safetensors", "pics", "latents");
    assertEquals(0, o.code(), o.err());
    JsonNode s = JSON.readTree(folder.resolve("latents/index.json").toFile()).path("statistics");
    double mean = s.path("mean").asDouble() - 0.25;
    double std = s.path("std").asDouble();
    Matcher m = Pattern.compile("root mean square of ([0-9.]+)").matcher(o.err());
    assertTrue(m.find(), o.err());
    assertEquals(0.5 * Math.sqrt(std * std + mean * mean), Double.parseDouble(m.group(1)), 6e-4);
    assertTrue(o.err().contains("warning") && o.err().contains("--scaling-from"), o.err());
    String fitting =
        Double.toString(
            1 / Math.sqrt(std * std + s.path("mean").asDouble() * s.path("mean").asDouble()));
    o = run("encode", "kl.safetensors", "pics", "fits", "--scaling-factor", fitting);
    assertTrue(o.err().contains("root mean square of 1.000"), o.err());
    assertFalse(o.err().contains("warning"), o.err());

    o = run("decode", "kl.safetensors", "latents", "same");
    assertEquals(0, o.code(), o.err());
    assertFalse(o.err().contains("other weights"), o.err());
    o = run("decode", "other.safetensors", "latents", "images");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("made with other weights") && o.err().contains("--drop-in"));
    String shard = "latents/latents-00000.safetensors";
    o = run("decode", "other.safetensors", shard, "of-a-shard");
    assertTrue(o.code() == 0 && o.err().contains("made with other weights"), o.err());
    Files.copy(folder.resolve(shard), folder.resolve("latents/mine.safetensors"));
    o = run("decode", "other.safetensors", "latents/mine.safetensors", "of-another");
    assertTrue(o.code() == 0 && !o.err().contains("made with other weights"), o.err());
  }
}
