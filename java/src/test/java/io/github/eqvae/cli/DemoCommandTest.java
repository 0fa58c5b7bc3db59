package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.testing.CommandProcess;
import io.github.eqvae.train.report.ResultFile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The demo as users start it, but for seconds: the real recipe and images, few steps. How good the
 * models get is not asked here, only that both are trained, compared and shown.
 */
class DemoCommandTest {
  private static final int STEPS = 40;
  private static final int LOG_EVERY = 2;
  private static final int SHOWN = 8;
  private static final int SIDE = 32;
  private static final String DIFFERENCE = "their difference to the row above, times 4";
  private static final int LATENT_SIDE = 128; // 16, enlarged eight times

  private static final List<String> BRIEFLY =
      List.of(
          "demo",
          "--seed=3",
          "--set=run.batch_size=8",
          "--set=run.log_every=" + LOG_EVERY,
          "--set=run.threads=1", // the same sums in the same order wherever this runs
          "--set=data.validation=128",
          "--set=evaluation.images=16");

  @TempDir static Path folder;

  private static Outcome first;
  private static JsonNode result;
  private static String html;

  private record Outcome(int code, String out, String err) {}

  @BeforeAll
  static void demo() throws Exception {
    first = run("--out=out", "--steps=" + STEPS);
    assertEquals(0, first.code(), first.err());
    result = new ObjectMapper().readTree(out("result.json").toFile());
    html = Files.readString(out("report.html"));
  }

  private static Path out(String name) {
    return folder.resolve("out").resolve(name);
  }

  /**
   * Another process in a folder that has neither recipes nor data, started as the launcher does.
   */
  private static Outcome run(String... more) throws Exception {
    List<String> arguments = new ArrayList<>(BRIEFLY);
    arguments.addAll(List.of(more));
    List<String> command =
        CommandProcess.command(
            List.of("-Deqvae.command=./eqvae " + String.join(" ", arguments)), arguments);
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    Process child =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    if (!child.waitFor(10, TimeUnit.MINUTES)) {
      child.destroyForcibly();
    }
    return new Outcome(child.waitFor(), Files.readString(out), Files.readString(err));
  }

  @Test
  void saysWhereTheResultsAre() {
    assertTrue(first.out().contains("report " + Path.of("out/report.html")), first.out());
    assertTrue(first.out().contains("models " + Path.of("out/plain")), first.out());
    assertTrue(first.out().contains("rotation error"), first.out());
  }

  @Test
  void saysHowMuchIsLeft() {
    assertTrue(
        first.err().matches("(?s).*plain, 1 of 2, 2/40 [^\\n]*:\\d\\d left, [0-9:]+ in all.*"),
        first.err());
    assertTrue(first.err().matches("(?s).*EQ, 2 of 2, 2/40 [^\\n]*:\\d\\d left\\n.*"), first.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "eq"})
  void resultHoldsTheFiguresOfAModel(String model) {
    JsonNode figures = result.get(model);
    List<String> measured = List.of("psnr", "ssim", "rotation_error", "scale_error");
    for (String key : measured) {
      assertTrue(figures.path(key).isNumber(), key + " in " + result);
      assertTrue(Double.isFinite(figures.get(key).doubleValue()), key + " in " + result);
    }
    assertTrue(figures.get("rotation_error").doubleValue() > 0, result.toString());
    assertTrue(figures.get("scale_error").doubleValue() > 0, result.toString());
    assertEquals(STEPS, figures.get("steps").intValue());
    assertEquals(measured.size() + 1, figures.size(), result.toString());
  }

  @Test
  void resultSaysSeedTimeAndMachine() {
    assertEquals(3, result.get("seed").intValue());
    assertTrue(result.get("seconds").doubleValue() > 0);
    assertEquals("eqvae-demo", result.get("format").textValue());
    JsonNode machine = result.get("machine");
    assertEquals(1, machine.get("threads").intValue(), result.toString());
    assertTrue(machine.get("detail").textValue().contains("oneDNN"), result.toString());
    assertTrue(html.contains(machine.get("processor").textValue()), "the report says it as well");
  }

  /** Programs find every figure under a name of one kind, in every file. */
  @Test
  void namesAreOfOneKind() throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNames.assertSnakeCase("result.json", result);
    for (String model : List.of("plain", "eq")) {
      Path file = out(model + "/evaluation.json");
      JsonNode evaluation = json.readTree(file.toFile());
      JsonNames.assertSnakeCase(file.toString(), evaluation);
      assertEquals(
          evaluation.get("rotation_errors").get("90"),
          ResultFile.read(file).get("rotation_errors").get("90"));
      for (String line : Files.readAllLines(out(model + "/metrics.jsonl"))) {
        JsonNames.assertSnakeCase("metrics.jsonl", json.readTree(line));
      }
    }
  }

  /** What is compared is the objective: all else that determines a training is equal. */
  @Test
  void recipesDifferInTheObjectiveOnly() throws IOException {
    List<String> plain = Files.readAllLines(out("plain/recipe.yaml"));
    List<String> eq = Files.readAllLines(out("eq/recipe.yaml"));
    assertEquals(eq.size(), plain.size());
    List<String> different =
        IntStream.range(0, eq.size())
            .filter(i -> !eq.get(i).equals(plain.get(i)))
            .mapToObj(i -> plain.get(i).strip() + " | " + eq.get(i).strip())
            .toList();
    assertEquals(
        List.of(
            "equivariance_probability: 0.0 | equivariance_probability: 0.08",
            "low_resolution_prior_probability: 0.0 | low_resolution_prior_probability: 0.08"),
        different);
    assertFalse(
        Arrays.equals(weights("out", "plain"), weights("out", "eq")), "the same model twice");
  }

  /** One step at a rate of nothing leaves the weights where they started. */
  @Test
  void bothTrainingsStartFromTheSameWeights() throws Exception {
    Outcome o = run("--out=start", "--steps=1", "--set=optimizer.learning_rate=1e-30");
    assertEquals(0, o.code(), o.err());
    float[] start = weights("start", "plain");
    assertArrayEquals(start, weights("start", "eq"), 1e-20f);
    assertTrue(distinct(start) > start.length / 2, "these weights are not random");
    assertFalse(Arrays.equals(start, weights("out", "plain")), "nothing was trained");
  }

  private static float[] weights(String run, String model) throws IOException {
    Path file = folder.resolve(run).resolve(model).resolve("model.safetensors");
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      List<float[]> parts = tensors.names().stream().sorted().map(tensors::floats).toList();
      float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
      int at = 0;
      for (float[] part : parts) {
        System.arraycopy(part, 0, all, at, part.length);
        at += part.length;
      }
      return all;
    }
  }

  private static long distinct(float[] values) {
    return IntStream.range(0, values.length).mapToObj(i -> values[i]).distinct().count();
  }

  /** A demo is repeated from scratch, not resumed, and leaves alone what is not its own. */
  @Test
  @Tag("full")
  void aSecondRunStartsOverAndGivesTheSameFigures() throws Exception {
    float[] plain = weights("out", "plain");
    float[] eq = weights("out", "eq");
    Path foreign = Files.writeString(out("note.txt"), "mine");
    Path stale = Files.writeString(out("eq/samples/stale.png"), "old");
    Outcome o = run("--out=out", "--steps=" + STEPS);
    assertEquals(1, o.code(), "a finished demo is replaced on demand only: " + o.err());
    assertTrue(
        o.err().contains("--seed 3") && o.err().contains("--out out-2; or add --overwrite"),
        o.err());
    assertArrayEquals(plain, weights("out", "plain"));
    o = run("--out=out", "--steps=" + STEPS, "--overwrite");
    assertEquals(0, o.code(), o.err());
    JsonNode again = new ObjectMapper().readTree(out("result.json").toFile());
    assertEquals(result.get("plain"), again.get("plain"));
    assertEquals(result.get("eq"), again.get("eq"));
    assertArrayEquals(plain, weights("out", "plain"));
    assertArrayEquals(eq, weights("out", "eq"));
    assertEquals("mine", Files.readString(foreign));
    assertFalse(Files.exists(stale), "results of two runs are mixed");
  }

  @Test
  void aFolderThatIsNoRunIsNotRemoved() throws Exception {
    Path precious = Files.createDirectories(folder.resolve("other/eq")).resolve("thesis.txt");
    Files.writeString(precious, "mine");
    Outcome o = run("--out=other", "--steps=1");
    assertEquals(1, o.code(), o.err());
    assertTrue(o.err().contains("--out"), o.err());
    assertEquals("mine", Files.readString(precious));
  }

  /** From one heading to the next. */
  private static String section(String title) {
    return part(html, "<h2>" + title + "</h2>", "<h2>");
  }

  private static String card(String section, String title) {
    return part(section, "<h3>" + title + "</h3>", "<h3>");
  }

  private static String part(String text, String start, String end) {
    int from = text.indexOf(start);
    assertTrue(from >= 0, "the report has no " + start);
    int to = text.indexOf(end, from + start.length());
    return text.substring(from, to < 0 ? text.length() : to);
  }

  private static List<MatchResult> matches(String text, String pattern) {
    return Pattern.compile(pattern, Pattern.DOTALL).matcher(text).results().toList();
  }

  /** Both axes, and both sizes of screen, are there; the style sheet shows one. */
  @Test
  void reportShowsLossCurvesOfBothTrainings() {
    String chart = card(section("Training"), "Reconstruction loss");
    assertTrue(chart.contains("</svg>plain</span>") && chart.contains("</svg>EQ</span>"), chart);
    for (String curve : List.of("raw c0", "line c0", "raw c1", "line c1")) {
      List<MatchResult> path = matches(chart, "<path class='" + curve + "' d='(M[^']{20,})'");
      assertEquals(4, path.size(), curve);
      assertEquals(STEPS / LOG_EVERY, matches(path.getFirst().group(1), "[ML]").size(), curve);
    }
  }

  @Test
  void reportShowsWhatWasMeasuredOnTheWay() {
    String validation = section("Validation");
    for (String title : List.of("PSNR", "SSIM", "Rotation error at 90°", "Scale error at ×0.5")) {
      assertTrue(card(validation, title).contains("<title>EQ: "), title);
    }
  }

  /** First of all one sees what it is about: the turned image, and what both models make of it. */
  @Test
  void reportBeginsWithTheEffect() throws IOException {
    List<MatchResult> tiles =
        matches(html, "<figure><img alt='([^']*)'[^>]*base64,([^']*)'><figcaption><b>([^<]*)</b>");
    assertEquals(
        List.of("An image", "Turned by 90°", "plain", "EQ"),
        tiles.stream().map(t -> t.group(3)).toList());
    assertTrue(html.indexOf("<figure>") < html.indexOf("class='card figure'"), "pictures first");
    Map<String, List<BufferedImage>> plain = rows("Reconstructions", "plain");
    int shown = -1;
    for (int i = 0; i < SHOWN; i++) {
      if (Arrays.equals(pixels(plain.get("originals").get(i)), pixels(picture(tiles.get(0))))) {
        shown = i;
      }
    }
    assertTrue(shown >= 0, "not one of those below");
    assertArrayEquals(
        pixels(plain.get("decoded from latents rotated 90°").get(shown)),
        pixels(picture(tiles.get(2))));
    assertArrayEquals(
        pixels(rows("Reconstructions", "EQ").get("decoded from latents rotated 90°").get(shown)),
        pixels(picture(tiles.get(3))));
  }

  private static BufferedImage picture(MatchResult tile) throws IOException {
    return ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(tile.group(2))));
  }

  /** The pictures of a row by label; labels end with figures that vary. */
  private static Map<String, List<BufferedImage>> rows(String section, String model)
      throws IOException {
    Map<String, List<BufferedImage>> rows = new LinkedHashMap<>();
    String pattern = "<div class='row'><span>(.*?)( <small>.*?)?</span>(.*?)</div></div>";
    for (MatchResult row : matches(card(section(section), model), pattern)) {
      List<BufferedImage> pictures = new ArrayList<>();
      for (MatchResult png : matches(row.group(3), "src='data:image/png;base64,([^']*)'")) {
        byte[] bytes = Base64.getDecoder().decode(png.group(1));
        pictures.add(ImageIO.read(new ByteArrayInputStream(bytes)));
      }
      String label = row.group(1);
      rows.put(rows.containsKey(label) ? label + " (" + rows.size() + ")" : label, pictures);
    }
    return rows;
  }

  private static void assertPictures(int side, List<BufferedImage> row) {
    assertEquals(SHOWN, row.size());
    for (BufferedImage picture : row) {
      assertEquals(side, picture.getWidth());
      assertEquals(side, picture.getHeight());
      assertTrue(Arrays.stream(pixels(picture)).distinct().count() > 1, "a blank picture");
    }
  }

  private static int[] pixels(BufferedImage picture) {
    int w = picture.getWidth();
    int h = picture.getHeight();
    return picture.getRGB(0, 0, w, h, null, 0, w);
  }

  /** As they are in the file: {@code getRGB} would convert gray values. */
  private static int[] levels(BufferedImage picture) {
    int[] none = null;
    return picture.getRaster().getPixels(0, 0, picture.getWidth(), picture.getHeight(), none);
  }

  /** Four times as bright as the difference is; levels were rounded before they are compared. */
  private static void assertDifference(
      List<BufferedImage> a, List<BufferedImage> b, List<BufferedImage> difference) {
    for (int n = 0; n < SHOWN; n++) {
      int[] first = levels(a.get(n));
      int[] second = levels(b.get(n));
      int[] shown = levels(difference.get(n));
      for (int i = 0; i < shown.length; i++) {
        assertEquals(Math.min(255, 4 * Math.abs(first[i] - second[i])), shown[i], 5, "pixel " + i);
      }
    }
  }

  /** The second row holds the pictures of the first after a quarter turn clockwise. */
  private static void assertTurned(List<BufferedImage> row, List<BufferedImage> turned) {
    for (int n = 0; n < SHOWN; n++) {
      int[] before = pixels(row.get(n));
      int[] after = pixels(turned.get(n));
      int side = row.get(n).getWidth();
      for (int i = 0; i < before.length; i++) {
        assertEquals(before[(side - 1 - i % side) * side + i / side], after[i], "pixel " + i);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "EQ"})
  void reportShowsPicturesAndWhatIsDecodedFromTransformedLatents(String model) throws Exception {
    Map<String, List<BufferedImage>> rows = rows("Reconstructions", model);
    assertEquals(
        List.of(
            "originals",
            "reconstructions",
            DIFFERENCE,
            "rotated 90° originals",
            "decoded from latents rotated 90°",
            DIFFERENCE + " (5)",
            "half-size originals",
            "decoded from half-size latents",
            DIFFERENCE + " (8)"),
        List.copyOf(rows.keySet()));
    int n = 0;
    for (List<BufferedImage> row : rows.values()) {
      assertPictures(n++ < 6 ? SIDE : SIDE / 2, row);
    }
    assertDifference(rows.get("originals"), rows.get("reconstructions"), rows.get(DIFFERENCE));
    assertTurned(rows.get("originals"), rows.get("rotated 90° originals"));
  }

  /** Both models are judged by the same held-out images, and they answer differently. */
  @Test
  void reportShowsTheSameImagesForBothModels() throws Exception {
    Map<String, List<BufferedImage>> plain = rows("Reconstructions", "plain");
    Map<String, List<BufferedImage>> eq = rows("Reconstructions", "EQ");
    for (int n = 0; n < SHOWN; n++) {
      assertArrayEquals(pixels(plain.get("originals").get(n)), pixels(eq.get("originals").get(n)));
    }
    assertFalse(
        Arrays.equals(
            pixels(plain.get("reconstructions").getFirst()),
            pixels(eq.get("reconstructions").getFirst())));
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "EQ"})
  void reportShowsLatentsBeforeAndAfterTau(String model) throws Exception {
    Map<String, List<BufferedImage>> rows = rows("Latent channels", model);
    assertEquals(
        List.of("E(x)", "τ∘E(x), 90°", "E(τ∘x), 90°", "|τ∘E(x) − E(τ∘x)|"),
        List.copyOf(rows.keySet()));
    rows.values().forEach(row -> assertPictures(LATENT_SIDE, row));
    assertTurned(rows.get("E(x)"), rows.get("τ∘E(x), 90°"));
  }

  /** A bar per transform and model; their mean is the figure in result.json. */
  @ParameterizedTest
  @CsvSource({"Rotation, rotation_error, 90° 180° 270°", "Scale, scale_error, ×0.25 ×0.5 ×0.75"})
  void reportShowsEquivarianceErrorsOfBothModels(String title, String key, String transforms) {
    String chart = card(section("Equivariance error"), title);
    assertTrue(chart.contains("</svg>plain</span>") && chart.contains("</svg>EQ</span>"), chart);
    for (String model : List.of("plain", "EQ")) {
      String colour = model.equals("plain") ? "c0" : "c1";
      List<MatchResult> bars =
          matches(
              part(chart, "<svg class='wide'", "<svg class='narrow'"),
              "<rect class='bar "
                  + colour
                  + "'[^>]* height='([0-9.]+)'[^>]*><title>"
                  + model
                  + ", ([^:]*): ([0-9.]+)</title>");
      assertEquals(List.of(transforms.split(" ")), bars.stream().map(b -> b.group(2)).toList());
      assertTrue(bars.stream().allMatch(b -> Double.parseDouble(b.group(1)) > 0), "no bar");
      double mean =
          bars.stream().mapToDouble(b -> Double.parseDouble(b.group(3))).average().orElseThrow();
      double figure = result.get(model.toLowerCase(Locale.ROOT)).get(key).doubleValue();
      assertEquals(figure, mean, 1e-4, model);
    }
  }

  @Test
  void reportSaysHowItWasMade() throws IOException {
    String how = unescaped(section("How this was made"));
    assertTrue(how.contains(Files.readString(out("eq/recipe.yaml"))), how);
    String command = "./eqvae " + String.join(" ", BRIEFLY) + " --out=out --steps=" + STEPS;
    assertTrue(how.contains("<pre>" + command + "</pre>"), how);
  }

  private static String unescaped(String text) {
    return text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
  }

  /** The report can be mailed: one file that asks nothing of the network or of other files. */
  @Test
  void reportLoadsNothing() {
    List<MatchResult> sources =
        matches(html, "(?:src|href|srcset|data|action|poster)\\s*=\\s*[\"']?([^\"'> ]*)");
    assertTrue(sources.size() > 2 * 10 * SHOWN, "ten rows per model: " + sources.size());
    for (MatchResult source : sources) {
      assertTrue(source.group(1).startsWith("data:"), () -> "loads " + source.group(1));
    }
    for (String loader : List.of("http://", "https://", "url(", "@import", "<script", "<iframe")) {
      assertFalse(html.contains(loader), "the report contains " + loader);
    }
  }

  /** Each model's own folder is one that the other commands take. */
  @ParameterizedTest
  @ValueSource(strings = {"plain", "eq"})
  void eachModelHasARunFolder(String model) throws IOException {
    Set<String> expected =
        Set.of("recipe.yaml", "metrics.jsonl", "model.safetensors", "report.html", "checkpoints");
    try (Stream<Path> files = Files.list(out(model))) {
      List<String> names = files.map(f -> f.getFileName().toString()).toList();
      assertTrue(names.containsAll(expected), names.toString());
    }
  }
}
