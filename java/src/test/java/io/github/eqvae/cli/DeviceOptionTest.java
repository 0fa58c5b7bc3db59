package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.autoencoder.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The commands that compute do so on every device, and say the same. */
class DeviceOptionTest {
  /** PSNR is of 8-bit images, of which rounding may move a pixel by one. */
  private static final double TOLERANCE = 1e-3;

  private static final String FP32 = "run.precision=fp32";

  @TempDir Path folder;
  private String recipe;

  static Stream<String> others() {
    return Devices.computing().stream().filter(d -> !d.equals("cpu"));
  }

  @BeforeEach
  void recipe() throws IOException {
    Path file = folder.resolve("tiny.yaml");
    Files.writeString(
        file, TinyRun.recipe(TinyRun.images(folder), 2, 1000).replace("images: 16", "images: 4"));
    recipe = file.toString();
  }

  private String path(String name) {
    return folder.resolve(name).toString();
  }

  private static void run(String... arguments) {
    assertEquals(0, Main.execute(arguments), () -> String.join(" ", arguments));
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  /** Numbers of the same names in the same order, each near the other; nothing else differs. */
  private static void assertAlike(String where, JsonNode expected, JsonNode actual) {
    assertEquals(expected.getNodeType(), actual.getNodeType(), where);
    assertEquals(expected.size(), actual.size(), where);
    if (expected.isNumber()) {
      double e = expected.doubleValue();
      double difference = Math.abs(actual.doubleValue() - e);
      assertTrue(
          difference <= TOLERANCE * Math.max(1, Math.abs(e)), where + ": " + e + " " + actual);
    }
    expected.properties().stream()
        .filter(e -> !e.getKey().equals("machine"))
        .forEach(e -> assertAlike(where + "." + e.getKey(), e.getValue(), actual.path(e.getKey())));
    for (int i = 0; expected.isArray() && i < expected.size(); i++) {
      assertAlike(where + "[" + i + "]", expected.get(i), actual.get(i));
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @Tag("full")
  @MethodSource("others")
  void theDemoRunsOnIt(String device) throws IOException {
    for (String d : List.of("cpu", device)) {
      run("demo", "--recipe", recipe, "--set", FP32, "--device", d, "--out", path(d));
      String used = Files.readString(folder.resolve(d).resolve("eq/recipe.yaml"));
      assertTrue(used.contains("device: " + d), used);
      assertTrue(Files.size(folder.resolve(d).resolve("report.html")) > 0);
    }
    for (String model : List.of("plain", "eq")) {
      JsonNode expected = json(folder.resolve("cpu/result.json")).get(model);
      JsonNode actual = json(folder.resolve(device).resolve("result.json")).get(model);
      assertAlike(model, expected, actual);
    }
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("others")
  void whatTheCpuTrainedIsMeasuredAndUsedOnIt(String device) throws IOException {
    run("train", recipe, "--out", path("run"));
    JsonNode expected = json(folder.resolve("run/evaluation.json"));
    run("evaluate", path("run"), "--set", FP32, "--device", device);
    assertAlike("", expected, json(folder.resolve("run/evaluation.json")));

    byte[] pixels = new byte[16 * 16];
    new Random(3).nextBytes(pixels);
    Images.writePng(folder.resolve("in.png"), new Image(16, 16, 1, pixels));
    run("reconstruct", path("run"), path("in.png"), path("cpu"), "--rotate", "90");
    run(
        "reconstruct",
        path("run"),
        path("in.png"),
        path(device),
        "--rotate=90",
        "--device",
        device);
    byte[] a = Images.read(folder.resolve("cpu/in.png")).data();
    byte[] b = Images.read(folder.resolve(device).resolve("in.png")).data();
    assertEquals(a.length, b.length);
    for (int i = 0; i < a.length; i++) {
      assertTrue(Math.abs((a[i] & 0xff) - (b[i] & 0xff)) <= 1, "pixel " + i);
    }
  }
}
