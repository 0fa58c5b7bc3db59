package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.train.report.LearningCurve;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code demo generators} in seconds: all of its parts, on a handful of pictures. */
@Tag("full")
class DemoGeneratorsTest {
  private static final int PICTURES = 60;
  private static final int STEPS = 12;

  /** A folder whose name means something in YAML. */
  private static final String PLACE = "o u, t: #1/out";

  @TempDir static Path folder;
  private static String said;
  private static String printed;

  @BeforeAll
  static void run() throws IOException {
    Path images = folder.resolve("t-images-idx3-ubyte");
    Random random = new Random(1);
    byte[] pixels = new byte[PICTURES * 28 * 28];
    byte[] labels = new byte[PICTURES];
    random.nextBytes(pixels);
    for (int i = 0; i < PICTURES; i++) {
      labels[i] = (byte) (i % 10);
    }
    idx(images, pixels, PICTURES, 28, 28);
    idx(folder.resolve("t-labels-idx1-ubyte"), labels, PICTURES);
    execute(images);
  }

  private static void idx(Path file, byte[] values, int... shape) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(4 + 4 * shape.length).putInt(0x800 + shape.length);
    for (int n : shape) {
      head.putInt(n);
    }
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(head.array());
      out.write(values);
    }
  }

  private static String run(Path images, int expected, List<String> more) {
    return run(images, PLACE, "dit,repa,maskgit", STEPS, expected, more);
  }

  private static String run(
      Path images, String place, String kinds, int steps, int expected, List<String> more) {
    List<String> arguments =
        new ArrayList<>(List.of("demo", "generators", "--kinds", kinds, "--seed", "3"));
    arguments.addAll(List.of("--out", folder.resolve(place).toString(), "--threads", "1"));
    arguments.addAll(List.of("--steps", Integer.toString(steps)));
    for (String setting :
        List.of(
            "data.path=" + images, "data.validation=16", "run.steps=3", "evaluation.images=16")) {
      arguments.addAll(List.of("--autoencoder-set", setting));
    }
    for (String setting : List.of("data.validation=16", "run.steps=3", "run.batch_size=8")) {
      arguments.addAll(List.of("--classifier-set", setting));
    }
    for (String setting :
        List.of(
            "data.validation=8",
            "run.batch_size=4",
            "distance.count=12",
            "distance.steps=2",
            "samples.count=4",
            "samples.labels=[0, 1]",
            "samples.steps=2")) {
      arguments.addAll(List.of("--set", setting));
    }
    arguments.addAll(more);
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Commands.all();
    line.setOut(new PrintWriter(out, true));
    line.setErr(new PrintWriter(err, true));
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          err.write(String.valueOf(e.getMessage()));
          return 1;
        });
    int code = line.execute(arguments.toArray(String[]::new));
    said = err.toString();
    printed = out.toString();
    assertEquals(expected, code, said);
    return said;
  }

  private static void execute(Path images) {
    run(images, 0, List.of());
  }

  /** A recording that turns out too short needs only the steps that are missing. */
  @Test
  void moreStepsContinueARunOfConstantRate() throws IOException {
    List<String> constant = List.of("--set", "optimizer.schedule=warmup");
    Path images = folder.resolve("t-images-idx3-ubyte");
    String more = run(images, PLACE, "dit,repa,maskgit", 2 * STEPS, 1, List.of());
    assertTrue(more.contains("run.steps: there 12, now 24"), more); // the rate has fallen to 0
    String straight = run(images, "straight", "dit", 2 * STEPS, 0, constant);
    assertFalse(straight.contains("--resume"), straight);
    run(images, "in two parts", "dit", STEPS, 0, constant);
    String second = run(images, "in two parts", "dit", 2 * STEPS, 0, constant);
    assertTrue(second.contains("--resume"), second);
    assertFalse(second.contains("$ " + Invocation.command("demo")), second);
    for (String model : List.of("dit-plain", "dit-eq")) {
      assertEquals(average("straight", model), average("in two parts", model), model);
    }
    JsonNode whole = ResultFile.read(folder.resolve("straight/result.json")).at("/runs/dit/eq");
    JsonNode parts = ResultFile.read(folder.resolve("in two parts/result.json")).at("/runs/dit/eq");
    assertEquals(whole.get("steps").size() + STEPS / 2, parts.get("steps").size());
    assertEquals(last(whole.get("frechet_distance")), last(parts.get("frechet_distance")));
    String shorter = run(images, "in two parts", "dit", STEPS, 1, constant);
    assertTrue(shorter.contains("run.steps: there 24, now 12"), shorter);
  }

  private static String average(String place, String model) throws IOException {
    return FileHash.sha256(
        folder.resolve(
            "%s/%s/checkpoints/step-%08d/generator.ema".formatted(place, model, 2 * STEPS)));
  }

  private static double last(JsonNode values) {
    return values.get(values.size() - 1).asDouble();
  }

  /** Seen: finished parts were skipped, and the record was of the settings before. */
  @Test
  void otherSettingsAreRefused() throws IOException {
    Path images = folder.resolve("t-images-idx3-ubyte");
    String before = Files.readString(folder.resolve(PLACE + "/result.json"));
    for (List<String> other :
        List.of(
            List.of("--set", "run.batch_size=5"),
            List.of("--autoencoder-set", "run.steps=4"),
            List.of("--classifier-set", "run.steps=4"))) {
      String words = run(images, 1, other);
      assertTrue(words.contains("with other settings") && words.contains("now "), words);
    }
    assertEquals(before, Files.readString(folder.resolve(PLACE + "/result.json")));
  }

  /**
   * The curves of the record are those of the runs' logs, and what is derived follows from them.
   */
  @Test
  void theRecordIsThatOfTheRuns() throws IOException {
    Path out = folder.resolve(PLACE);
    JsonNode result = ResultFile.read(out.resolve("result.json"));
    assertEquals("eqvae-demo-generators", result.get("format").asText());
    assertEquals(3, result.get("seed").asInt());
    JsonNames.assertSnakeCase("result.json", result);
    for (String kind : List.of("dit", "repa", "maskgit")) {
      LearningCurve plain =
          LearningCurve.read(out.resolve(kind + "-plain/metrics.jsonl"), "frechet_distance_2");
      LearningCurve eq =
          LearningCurve.read(out.resolve(kind + "-eq/metrics.jsonl"), "frechet_distance_2");
      JsonNode run = result.get("runs").get(kind);
      assertTrue(run.at("/plain/evaluator").asText().startsWith("eqvae "), kind);
      assertEquals(
          ResultFile.read(out.resolve(kind + "-eq/latents.json")).get("weights_sha256"),
          run.at("/eq/autoencoder_sha256"));
      JsonNode how = run.get("measured_distances");
      assertEquals(12, how.get("count").asInt());
      assertEquals(2, how.get("steps").asInt());
      assertTrue(how.get("guidance").isNumber(), kind);
      assertEquals(
          kind.equals("dit") ? "ddim" : kind.equals("repa") ? "heun" : "confidence",
          how.get("sampler").asText());
      for (int d = 0; d < 3; d++) {
        JsonNode network = how.get("extractors").get(d);
        assertEquals("classifier", network.get("protocol").asText());
        Path weights = out.resolve("classifier-" + (d + 1)).resolve("model.safetensors");
        assertEquals(FileHash.sha256(weights), network.get("extractor_sha256").asText());
      }
      assertEquals(3, how.get("extractors").size());
      assertEquals(12, run.at("/plain/frechet_distance_3").size());
      assertEquals(12, run.at("/plain/steps").size());
      assertEquals(STEPS, run.at("/eq/steps").get(11).asInt());
      assertEquals(plain.last(), run.at("/plain/frechet_distance_2").get(11).asDouble());
      assertEquals(
          ResultFile.read(out.resolve(kind + "-plain/evaluation.json"))
              .path("frechet_distance_2_of_real_latents")
              .doubleValue(),
          run.at("/plain/frechet_distance_2_of_real_latents").asDouble(-1));
      assertEquals(eq.last(), run.at("/eq/frechet_distance_2").get(11).asDouble());
      JsonNode reached = run.get("eq_steps_to_plain_frechet_distance_2");
      assertEquals(
          eq.stepsTo(plain.last()).isPresent() ? eq.stepsTo(plain.last()).getAsDouble() : -1,
          reached.isNull() ? -1 : reached.asDouble());
    }
    for (String model : List.of("plain", "eq", "vq_plain", "vq_eq")) {
      for (String figure : List.of("psnr", "rotation_error", "high_frequency_share")) {
        assertTrue(result.get(model).get(figure).isNumber(), figure);
      }
    }
    assertTrue(result.get("eq").get("rotation_error").asDouble() > 0);
  }

  /** Both runs of a kind differ in their latents only. */
  @Test
  void nothingIsTunedOnOneSide() throws IOException {
    for (String kind : List.of("dit", "repa", "maskgit")) {
      String plain = Files.readString(folder.resolve(PLACE + "/" + kind + "-plain/recipe.yaml"));
      String eq = Files.readString(folder.resolve(PLACE + "/" + kind + "-eq/recipe.yaml"));
      assertFalse(plain.equals(eq));
      assertEquals(
          plain, eq.replace("latents-eq", "latents-plain").replace("codes-eq", "codes-plain"));
    }
  }

  @Test
  void theReportShowsCurvesAndSamples() throws IOException {
    String html = Files.readString(folder.resolve(PLACE + "/report.html"));
    for (String shown :
        List.of("EQ latents", "DiT", "SiT with REPA", "after 12 steps", "second classifier")) {
      assertTrue(html.contains(shown), shown);
    }
    GeneratorsDemo demo =
        GeneratorsDemo.read(folder.resolve(PLACE), List.of("dit", "repa", "maskgit"), 3);
    for (GeneratorsDemo.Pair pair : demo.pairs()) {
      OptionalDouble factor = pair.speedUp(pair.headline());
      String outcome =
          factor.isPresent()
              ? String.format(Locale.ROOT, "%.2f×", factor.getAsDouble())
              : GeneratorsDemoReport.NAMES.get(pair.kind())
                  + ": EQ does not reach the plain run&#39;s distance";
      assertTrue(html.contains(outcome), outcome);
    }
    // Of each kind the samples of both runs, at the same steps.
    assertEquals(3, html.split("<h3>On plain latents<", -1).length - 1);
    assertEquals(3, html.split("<h3>On EQ latents<", -1).length - 1);
    assertEquals(0, (html.split("after 6 steps<", -1).length - 1) % 2);
    assertTrue(html.contains("after 6 steps"));
    assertTrue(printed.contains("rotation error"), printed);
    assertTrue(said.contains(shown("encode")), said);
    assertTrue(said.contains(shown("train", "dit-small", "--out")), said);
  }

  /** The beginning of a command that is printed, with the program's name here. */
  private static String shown(Object... arguments) {
    return "$ " + Invocation.command(arguments) + " ";
  }

  /** What is done is not done again. */
  @Test
  void aSecondCallOnlyReports() throws IOException {
    Path out = folder.resolve(PLACE);
    List<Path> models = new ArrayList<>();
    List<FileTime> times = new ArrayList<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(f -> f.endsWith("model.safetensors")).sorted().toList()) {
        models.add(file);
        times.add(Files.getLastModifiedTime(file));
      }
    }
    assertEquals(2 + 2 + 3 + 6, models.size());
    JsonNode before = ResultFile.read(out.resolve("result.json")).get("runs");
    execute(folder.resolve("t-images-idx3-ubyte"));
    assertFalse(said.contains(shown("train")), said);
    assertEquals(before, ResultFile.read(out.resolve("result.json")).get("runs"));
    for (int i = 0; i < times.size(); i++) {
      assertEquals(times.get(i), Files.getLastModifiedTime(models.get(i)));
    }
  }

  @Test
  void anUnknownKindIsNamed() {
    StringWriter err = new StringWriter();
    CommandLine line = Commands.all();
    line.setErr(new PrintWriter(err, true));
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          err.write(e.getMessage());
          return 1;
        });
    int code =
        line.execute(
            "demo", "generators", "--kinds", "gan", "--out", folder.resolve("no").toString());
    assertEquals(1, code);
    assertTrue(err.toString().contains("'gan' is none of sit, dit, repa, maskgit"), err.toString());
    assertFalse(Files.exists(folder.resolve("no")));
  }
}
