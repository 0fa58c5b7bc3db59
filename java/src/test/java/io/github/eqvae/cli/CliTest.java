package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.train.autoencoder.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line as users meet it: another process, its exit code, what it prints. */
class CliTest extends CliFixture {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "demo",
        "train",
        "evaluate",
        "reconstruct",
        "encode",
        "decode",
        "convert",
        "inspect",
        "doctor"
      })
  void helpShowsExamples(String command) throws Exception {
    Outcome o = command.isEmpty() ? alone("--help") : alone(command, "--help");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("Usage:"), o.out());
    assertTrue(o.out().contains("eqvae " + (command.isEmpty() ? "train" : command)), o.out());
  }

  @Test
  void wrongUsageEndsWithTwo() throws Exception {
    assertUserError(run("train", "--stepz", "3"), 2, "--stepz");
    assertUserError(run("tran"), 2, "tran");
    assertUserError(run(), 2, "Say what to do");
    assertUserError(alone("train"), 2, "Name a recipe");
    assertUserError(run("train", "a.yaml", "--resume", "run"), 2, "leave out RECIPE");
    assertUserError(run("train", "--out", "o", "--resume", "run"), 2, "leave out --out");
    assertUserError(run("convert", "a", "b"), 2, "--to");
    assertUserError(run("convert", "a", "b", "--to", "compvis"), 2, ".safetensors or .ckpt");
    assertUserError(run("convert", "a", "b", "--to", "diffusers", "--dtype", "fp8"), 2, "fp8");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train nowhere.yaml|photos, photos-vqgan",
        "train nowhere|photos, photos-vqgan",
        "train .|a folder, not a recipe; name a file in it: tiny.yaml",
        "demo --recipe fotos|classifier-vit-fashion-mnist, demo, dit-b2",
        "train tiny.yaml --set run.threads=1024|run.threads is 1024",
        "train tiny.yaml --dry-run --set run.threads=1024|run.threads is 1024",
        "train tiny.yaml --set model.ch_mult=[1,1,1,1,1]|at most 4 levels",
        "evaluate nowhere --json gone/x.json|no such folder",
        "train tiny.yaml --dry-run --set data.path=gone|gone",
        "train tiny.yaml --dry-run --set data.path=~/gone|/of-the-user/gone",
        "train tiny.yaml --dry-run --set data.validation=1000000|none is left to train on",
        "train --resume nowhere|nowhere",
        "evaluate nowhere|nowhere",
        "reconstruct nowhere in out|nowhere",
        "reconstruct tiny.yaml gone out|There is no folder or picture gone",
        "reconstruct tiny.yaml in out --rotate 45|multiples of 90",
        "reconstruct tiny.yaml in out --rotate 90 --whole|leave out --whole",
        "reconstruct tiny.yaml in out --size 32 --whole|leave out --whole",
        "train tiny.yaml --set model.chh=3|model.ch",
        "train tiny.yaml --set data.path=gone|gone",
        "train tiny.yaml --set optimizer.learning_rate=-1|learning_rate",
        "train tiny.yaml --device cuda:99|cuda",
        "train tiny.yaml --set model.init_from=gone.ckpt|gone.ckpt",
        "inspect nowhere|nowhere",
        "encode nowhere in out|nowhere",
        "encode tiny.yaml in out|tiny.yaml",
        "decode nowhere in out|in",
        "inspect tiny.yaml|tiny.yaml",
        "demo generators --seed -1|run.seed=-1",
        "convert nowhere vae --to diffusers|nowhere"
      })
  void mistakesAreAnsweredInASentence(String command, String part) throws Exception {
    recipe(3);
    assertUserError(run(command.split(" ")), 1, part);
  }

  @Test
  void aDryRunPlansAndWritesNothing() throws Exception {
    recipe(3);
    Outcome o = run("train", "tiny.yaml", "--dry-run");
    assertEquals(0, o.code(), o.err());
    assertTrue(
        o.out().contains("Memory plan") && o.out().contains("learning_rate: 0.001"), o.out());
    assertFalse(Files.exists(folder.resolve("runs")));
    o = run("train", "tiny.yaml", "--dry-run", "--device", "cuda");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("peak on the device"), o.out());
    assertFalse(o.err().contains("already holds a run"), o.err());
    Files.createDirectories(folder.resolve("runs/tiny"));
    Files.copy(folder.resolve("tiny.yaml"), folder.resolve("runs/tiny/recipe.yaml"));
    o = run("train", "tiny.yaml", "--dry-run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("runs/tiny already holds a run"), o.err());
  }

  /** The recipes of the paper's first table, at full size. */
  @ParameterizedTest
  @Tag("full")
  @CsvSource({
    "sd-vae, '83,653,863'",
    "sd-vae-16, '69,610,963'",
    "sdxl-vae, '83,653,863'",
    "sd3-vae, '83,819,683'",
    "flux2-vae, '84,046,115'",
    "vqgan, '72,141,699'"
  })
  void publishedRecipesArePlanned(String name, String parameters) throws Exception {
    Path root = Path.of(System.getProperty("eqvae.root"));
    Path images = TinyRun.images(folder);
    Outcome o =
        run(
            "train",
            root.resolve("recipes/" + name + ".yaml").toString(),
            "--dry-run",
            "--set=data.kind=idx",
            "--set=data.path=" + images,
            "--set=data.validation=16",
            "--set=objective.perceptual_weight=0",
            "--set=objective.lpips_weights=null");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("Memory plan"), o.out());
    assertTrue(o.out().contains(parameters + " parameters"), o.out());
  }

  @Test
  @Tag("full")
  void trainEvaluateReconstructResume() throws Exception {
    recipe(4);
    Outcome o = alone("train", "tiny.yaml", "--out", "run");
    assertEquals(0, o.code(), o.err());
    Path run = folder.resolve("run");
    for (String name :
        List.of("report.html", "model.safetensors", "recipe.yaml", "metrics.jsonl")) {
      assertTrue(Files.size(run.resolve(name)) > 0, name);
    }
    assertUserError(
        run("train", "tiny.yaml", "--out", "run"), 1, "already holds a run", "--resume");

    assertUserError(run("train", "--resume", "run", "--set", "model.ch=16"), 1, "model.ch 8 -> 16");
    for (String refused : List.of("run.seed=6", "data.validation=8", "data.validation=0")) {
      o = run("train", "--resume", "run", "--set", refused);
      assertUserError(o, 1, "held out 16 images", "held-out.txt");
    }
    assertTrue(Files.exists(run.resolve("model.safetensors")), "a refusal changes nothing");
    o = run("train", "--resume", "run", "--steps", "6");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("recipe.yaml has changed: [run.steps 4 -> 6]"), o.err());
    assertTrue(Files.exists(run.resolve("model-before-resume.safetensors")));
    assertTrue(Files.readString(run.resolve("recipe.yaml")).contains("steps: 6"));
    assertTrue(
        Files.readString(run.resolve("metrics.jsonl"))
            .contains("{\"event\":\"changed\",\"step\":4,\"run.steps\":\"6\"}"));
    assertTrue(Files.readString(run.resolve("metrics.jsonl")).contains("\"step\":6"));
    assertTrue(Files.readString(run.resolve("metrics.jsonl")).contains("\"peak_bytes\":"));

    o = run("evaluate", "run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("PSNR"), o.out());
    assertTrue(Files.readString(run.resolve("evaluation.json")).contains("rotation_error"));
    assertTrue(o.err().contains("rFID is left out"), o.err());
    assertFalse(o.out().contains("rFID"), o.out());
    assertUserError(
        run("evaluate", "run", "--set", "evaluation.inception_weights=none.safetensors"),
        1,
        "evaluation.inception_weights",
        "none.safetensors");

    o = run("evaluate", "run", "--json", "figures.json");
    assertEquals(0, o.code(), o.err());
    assertEquals(
        Files.readString(run.resolve("evaluation.json")),
        Files.readString(folder.resolve("figures.json")));
    o = run("evaluate", "run", "--json", "-");
    assertEquals(Files.readString(run.resolve("evaluation.json")), o.out(), "nothing beside it");
    assertTrue(o.err().contains("PSNR"), o.err());
    assertFalse(Files.exists(folder.resolve("-")));
    byte[] ofMode = Files.readAllBytes(run.resolve("evaluation.json"));
    String drawn = run("evaluate", "run", "--sample", "1", "--json", "-").out();
    assertTrue(drawn.contains("\"posterior\" : \"sample\""), drawn);
    assertEquals(drawn, run("evaluate", "run", "--sample=1", "--json=-").out(), "the same seed");
    String others = run("evaluate", "run", "--sample", "2", "--json", "-").out();
    assertNotEquals(field(drawn, "psnr"), field(others, "psnr"), "another seed");
    assertEquals(field(drawn, "latent"), field(others, "latent"), "latents are the mode's");
    assertArrayEquals(ofMode, Files.readAllBytes(run.resolve("evaluation.json")));
    assertUserError(run("evaluate", "run", "--batch", "1"), 1, "folder of a run");
    Path in = Files.createDirectories(folder.resolve("in"));
    Images.writePng(in.resolve("a.png"), new Image(20, 16, 1, new byte[320]));
    Files.writeString(in.resolve("broken.png"), "no picture");
    o = run("reconstruct", "run", "in", "out", "--rotate", "90");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("broken.png"), "the broken file is not named: " + o.err());
    assertTrue(o.out().contains("1 picture written to out, 1 broken"), o.out());
    assertTrue(Files.exists(folder.resolve("out/a.png")), o.out() + o.err());
    o = run("reconstruct", "run", "in/a.png", "out1"); // one picture is a folder of one
    assertEquals(0, o.code(), o.err());
    assertTrue(Files.exists(folder.resolve("out1/a.png")), o.out() + o.err());
    o = run("recipes");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("\nphotos  "), o.out());

    // a finished run without checkpoints is not begun anew: that would replace what it measured
    byte[] metrics = Files.readAllBytes(run.resolve("metrics.jsonl"));
    Files.move(run.resolve("checkpoints"), folder.resolve("elsewhere"));
    for (String option : List.of("--steps=8", "--dry-run")) {
      assertUserError(run("train", "--resume", "run", option), 1, "no checkpoints", "init_from");
    }
    assertArrayEquals(metrics, Files.readAllBytes(run.resolve("metrics.jsonl")));
    assertUserError(
        run("evaluate", "run/model.safetensors", "--data=in", "--batch=0"), 1, "--batch 0");
  }

  /** A picture more, and the split is another: what was held out would be trained on. */
  @Test
  void aRunGoesOnWithTheImagesItBeganWith() throws Exception {
    Path in = Files.createDirectories(folder.resolve("in"));
    for (int i = 0; i < 12; i++) {
      byte[] gray = new byte[256]; // no copies: those of held-out images are left out
      Arrays.fill(gray, (byte) (20 * i + 5));
      Images.writePng(in.resolve(i + ".png"), new Image(16, 16, 1, gray));
    }
    Outcome o = trainOnFolder();
    assertEquals(0, o.code(), o.err());
    assertEquals(4, Files.readAllLines(folder.resolve("run/held-out.txt")).size());
    Files.move(in, folder.resolve("moved"));
    assertEquals(0, run("train", "--resume=run", "--set=data.path=moved", "--steps=3").code());
    Images.writePng(folder.resolve("moved/00.png"), new Image(16, 16, 1, new byte[256]));
    assertUserError(run("train", "--resume=run", "--steps=4"), 1, "held-out.txt", "init_from=run");
    o =
        run(
            "train",
            "tiny.yaml",
            "--out=few",
            "--set=data.kind=image_folder",
            "--set=data.path=moved",
            "--set=data.validation=8");
    assertTrue(o.err().contains("more images are held out than trained on"), o.err());
  }

  private static com.fasterxml.jackson.databind.JsonNode field(String json, String name)
      throws IOException {
    return new com.fasterxml.jackson.databind.ObjectMapper().readTree(json).get(name);
  }

  @Test
  @Tag("full")
  void checkpointsAreMeasuredReconstructedAndRescaled() throws Exception {
    Path model = TinyModels.unscaled(folder);
    Path in = Files.createDirectories(folder.resolve("in"));
    byte[] pixels = new byte[72 * 50 * 3];
    new java.util.Random(1).nextBytes(pixels);
    for (int i = 0; i < 5; i++) {
      Images.writePng(
          in.resolve(i + ".png"), new Image(72 - i, 50, 3, Arrays.copyOf(pixels, (72 - i) * 150)));
    }
    assertUserError(run("evaluate", model.toString()), 1, "--data");
    String m = model.toString();
    Outcome o = run("evaluate", m, "--data", "in", "--images", "4", "--json", "figures.json");
    assertEquals(0, o.code(), o.err());
    assertTrue(
        o.out().contains("PSNR") && o.out().contains("images                        4"), o.out());
    assertTrue(o.err().contains("rFID is left out"), o.err());
    Outcome sampled = run("evaluate", m, "--data", "in", "--images", "4", "--sample", "3");
    assertEquals(0, sampled.code(), sampled.err());
    assertFalse(o.out().equals(sampled.out()), "samples give the figures of the mode");
    assertTrue(sampled.out().contains("samples of the posterior, seed 3"), sampled.out());
    assertTrue(o.out().contains("SSIM, scikit-image"), o.out());
    Outcome other = run("evaluate", m, "--data", "in", "--images", "4", "--ssim", "torchmetrics");
    assertEquals(0, other.code(), other.err());
    assertTrue(other.out().contains("SSIM, torchmetrics"), other.out());
    Outcome same = run("evaluate", m, "--data", "in", "--images", "4", "--sample", "3");
    assertEquals(sampled.out(), same.out(), "the same seed");
    assertUserError(
        run("evaluate", m, "--data", "in", "--crop", "none"),
        1,
        "0.png is 72x50",
        "expected 256x256");
    o = run("convert", m, "vae", "--to", "diffusers");
    assertUserError(o, 1, "--scaling-from");
    o = run("convert", m, "vae", "--to", "diffusers", "--scaling-from", "figures.json");
    assertEquals(0, o.code(), o.err());
    double std =
        new com.fasterxml.jackson.databind.ObjectMapper()
            .readTree(folder.resolve("figures.json").toFile())
            .path("latent")
            .path("std")
            .asDouble();
    String config = Files.readString(folder.resolve("vae/config.json"));
    assertTrue(config.contains("\"scaling_factor\": " + 1 / std), config);
    assertTrue(config.contains("\"shift_factor\": null"), config);
    o =
        run(
            "convert",
            m,
            "vae2",
            "--to",
            "diffusers",
            "--scaling-from",
            "figures.json",
            "--scaling-kind",
            "channels");
    assertEquals(0, o.code(), o.err());
    assertTrue(
        Files.readString(folder.resolve("vae2/config.json")).contains("\"latents_mean\": ["));
    assertTrue(o.err().contains("note: scaling_factor is 1 beside latents_mean"), o.err());
    o = run("reconstruct", "vae", "in", "out", "--whole", "--tile", "32");
    assertEquals(0, o.code(), o.err());
    Image first = Images.read(folder.resolve("out/1.png"));
    assertEquals(71, first.width());
    assertEquals(50, first.height());
  }

  @Test
  void weightsAreListedCheckedAndConverted() throws Exception {
    Outcome o = run("weights");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("vgg16-397923af.pth") && o.out().contains("6726825d"), o.out());
    Files.writeString(folder.resolve("vgg16.pth"), "another file");
    assertUserError(
        run("weights", "lpips", "vgg16.pth", "vgg16.pth", "out.safetensors"),
        1,
        "is not the published vgg16-397923af.pth",
        "expected 397923af");
    assertUserError(run("weights", "inception", "vgg16.pth", "out.safetensors"), 1, "6726825d");
    assertTrue(o.out().contains("dinov2_vitb14_pretrain.pth") && o.out().contains("0b8b82f8"));
    assertUserError(run("weights", "dinov2", "vgg16.pth", "out.safetensors"), 1, "not a published");
    assertFalse(Files.exists(folder.resolve("out.safetensors")));
  }

  @Test
  @Tag("full")
  void imagesBecomeLatentsAndLatentsImages() throws Exception {
    Path model = TinyModels.kl(folder);
    Path in = Files.createDirectories(folder.resolve("in/a"));
    for (int i = 0; i < 5; i++) {
      Images.writePng(in.resolve(i + ".png"), new Image(40, 32, 3, new byte[3840]));
    }
    Files.writeString(in.resolve("broken.png"), "no picture");
    Outcome o = run("encode", model.toString(), "in", "latents", "--dry-run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("5 images of 32 pixels to mode"), o.out());
    assertFalse(Files.exists(folder.resolve("latents")));
    o =
        run(
            "encode",
            model.toString(),
            "in",
            "latents",
            "--shard-size",
            "3",
            "--scaled",
            "--hflip");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("5 images in 2 shards in latents"), o.out());
    assertUserError(
        run("encode", model.toString(), "in", "latents"), 1, "shard_size", "--overwrite");
    o = run("decode", model.toString(), "latents", "images");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("5 images written to images"), o.out());
    assertEquals(32, Images.read(folder.resolve("images/a/4.png")).width());
    assertUserError(run("decode", model.toString(), "latents", "images"), 1, "--overwrite");
    o = run("decode", model.toString(), "latents", "images.npz");
    assertEquals(0, o.code(), o.err());
    NpyArray all =
        NpzFile.read(folder.resolve("images.npz"), List.of("arr_0"), 1 << 20).get("arr_0");
    assertEquals("[5, 32, 32, 3]", Arrays.toString(all.shape()));
    o = run("encode", model.toString(), "in", "latents", "--overwrite");
    assertEquals(0, o.code(), o.err());
    try (var files = Files.list(folder.resolve("latents"))) {
      assertEquals(2, files.count(), "one shard and the index: nothing is left of the old two");
    }
    assertUserError(
        run("evaluate", model.toString(), "--data", "in", "--images", "0"), 1, "--images 0");
    assertUserError(
        run("evaluate", model.toString(), "--data", "in", "--set", "evaluation.images=3"),
        1,
        "--images");
  }

  @Test
  @Tag("full")
  void aDiscreteModelTrainsAndSaysHowItUsesItsCodes() throws Exception {
    recipe(3);
    List<String> train = new ArrayList<>(List.of("train", "tiny.yaml", "--out", "run"));
    TinyRun.discrete().forEach(setting -> train.addAll(List.of("--set", setting)));
    Outcome o = run(train.toArray(String[]::new));
    assertEquals(0, o.code(), o.err());
    Path run = folder.resolve("run");
    String log = Files.readString(run.resolve("metrics.jsonl"));
    assertTrue(log.contains("\"quant_loss\":") && log.contains("\"perplexity\":"), log);
    assertFalse(log.contains("\"kl\":"), log);
    o = run("evaluate", "run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().matches("(?s).*codes used, perplexity +\\d+ of 24, \\d+\\.\\d.*"), o.out());
    assertTrue(Files.readString(run.resolve("evaluation.json")).contains("\"codebook\""));
    String report = Files.readString(run.resolve("report.html"));
    assertTrue(report.contains("codebook perplexity") && report.contains("Codebook loss"), report);
    Path in = Files.createDirectories(folder.resolve("in"));
    Images.writePng(in.resolve("a.png"), new Image(16, 16, 1, new byte[256]));
    o = run("reconstruct", "run", "in", "out", "--scale", "0.5");
    assertEquals(0, o.code(), o.err());
    assertTrue(Files.exists(folder.resolve("out/a.png")), o.out() + o.err());
  }

  @Test
  void interruptingSavesAndSaysSo() throws Exception {
    // SIGTERM takes the way of Ctrl-C's SIGINT, which children of background jobs ignore.
    Outcome o = interrupted("TERM");
    assertEquals(143, o.code(), o.err()); // 130 after Ctrl-C
    String said = o.err();
    assertTrue(said.contains("the state will be saved"), said);
    assertTrue(said.contains("and saved; go on with: eqvae train --resume run"), said);
    try (var saved = Files.list(folder.resolve("run/checkpoints"))) {
      List<String> names = saved.map(p -> p.getFileName().toString()).toList();
      assertEquals(1, names.stream().filter(n -> n.startsWith("step-")).count(), names.toString());
    }
  }

  @Test
  void doctorSaysWhatItFound() throws Exception {
    Outcome o = alone("doctor");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("oneDNN") && o.out().contains("a native call costs"), o.out());
    assertTrue(
        Pattern.compile("^nvcc +(/|not found: )", Pattern.MULTILINE).matcher(o.out()).find());
    assertTrue(Pattern.compile("^cuda +\\S", Pattern.MULTILINE).matcher(o.out()).find(), o.out());
  }

  /** What a run leaves, through diffusers and back; then a training that starts from it. */
  @Test
  @Tag("full")
  void convertInspectFineTune() throws Exception {
    recipe(2);
    Outcome o = run("train", "tiny.yaml", "--out", "run");
    assertEquals(0, o.code(), o.err());
    String model = "run/model.safetensors";
    assertUserError(
        run("convert", model, "vae", "--to", "diffusers"), 1, "--scaling-factor", "evaluate");
    o = run("convert", model, "vae", "--to", "diffusers", "--scaling-factor", "0.5");
    assertEquals(0, o.code(), o.err());
    String config = Files.readString(folder.resolve("vae/config.json"));
    assertTrue(
        config.contains("\"scaling_factor\": 0.5") && config.contains("\"norm_num_groups\": 4"),
        config);
    assertUserError(
        run("convert", model, "vae", "--to", "diffusers", "--model", "sd-vae"), 1, "overwrite");
    assertUserError(
        run("convert", model, "new", "--to", "diffusers", "--model", "sd-vae"),
        1,
        "is no sd-vae",
        "in_channels: sd-vae has 3");

    o = run("inspect", "run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("run, model.safetensors (safetensors)"), o.out());
    Files.createDirectories(folder.resolve("begun"));
    Files.copy(folder.resolve("run/recipe.yaml"), folder.resolve("begun/recipe.yaml"));
    assertUserError(run("inspect", "begun"), 1, "has not finished", "--resume begun");
    Path link = folder.resolve("begun/model.safetensors");
    Files.createSymbolicLink(link, folder.resolve("gone.safetensors"));
    assertUserError(run("inspect", "begun"), 1, "begun/model.safetensors is a link to nothing");
    Files.delete(link);

    o = run("inspect", "vae", "--keys");
    assertEquals(0, o.code(), o.err());
    for (String part :
        List.of(
            "diffusers folder",
            "none of the published ones",
            "encoder.mid_block.attentions.0.to_q.weight F32[16, 16]",
            "norm_num_groups              4",
            "nothing is missing")) {
      assertTrue(o.out().contains(part), "missing '" + part + "' in " + o.out());
    }

    o = run("convert", "vae", "vae.ckpt", "--to", "compvis", "--dtype", "bf16");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("wrote vae.ckpt"), o.out());
    o =
        run(
            "train",
            "tiny.yaml",
            "--out",
            "tuned",
            "--set=model.init_from=vae.ckpt",
            "--set=model.resolution=32",
            "--set=data.resolution=16");
    assertEquals(0, o.code(), o.err());
    Files.writeString(folder.resolve("vae.ckpt"), "something else");
    o = run("train", "--resume", "tuned", "--steps", "3");
    assertEquals(0, o.code(), "the start is needed no longer: " + o.err());
    o = run("evaluate", "tuned");
    assertEquals(0, o.code(), "the start is needed no longer: " + o.err());
    o = run("convert", "tuned", "tuned-vae", "--to", "diffusers");
    assertEquals(0, o.code(), o.err());
    config = Files.readString(folder.resolve("tuned-vae/config.json"));
    assertTrue(config.contains("\"scaling_factor\": 0.5"), "that of the start: " + config);
    assertTrue(config.contains("\"sample_size\": 16"), "that of the data: " + config);
    Path in = Files.createDirectories(folder.resolve("in"));
    Images.writePng(in.resolve("a.png"), new Image(40, 40, 1, new byte[1600]));
    o = run("encode", "tuned", "in", "latents", "--scaled", "--dry-run");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("1 image of 16 pixels"), "what it was trained on: " + o.out());
  }

  @Test
  void whatIsNoAutoencoderIsInspectedAndSaid() throws Exception {
    SafetensorsWriter.write(
        folder.resolve("dit.safetensors"),
        List.of(
            SafetensorsWriter.Entry.floats("x_embedder.proj.weight", new float[8], 8),
            SafetensorsWriter.Entry.floats("blocks.0.adaLN_modulation.1.bias", new float[6], 6)),
        Map.of());
    Outcome o = run("inspect", "dit.safetensors");
    assertUserError(o, 1, "it is a DiT or SiT");
    assertTrue(o.out().contains("blocks.0 ") && o.out().contains("6 numbers F32"), o.out());
    assertUserError(
        run("convert", "dit.safetensors", "vae", "--to", "diffusers"), 1, "it is a DiT or SiT");
    assertFalse(Files.exists(folder.resolve("vae")));
    Files.write(folder.resolve("cut.safetensors"), new byte[] {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'});
    assertUserError(alone("inspect", "cut.safetensors"), 1, "not a valid safetensors file");
  }
}
