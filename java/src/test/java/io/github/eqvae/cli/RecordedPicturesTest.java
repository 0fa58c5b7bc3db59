package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.train.report.LearningCurve;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * docs/images/experiment.svg is drawn from docs/results/experiment-seed-*.json, and exploration.svg
 * from exploration-generators.jsonl. {@code -Deqvae.tables.write=true} draws them anew.
 */
class RecordedPicturesTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final Path RESULTS = ROOT.resolve("docs/results");

  private static final String PLAIN = "#b3541e";
  private static final String EQ = "#1f6fb4";
  private static final int WIDTH = 420;
  private static final int HEIGHT = 300;
  private static final int LEFT = 46;
  private static final int TOP = 64;
  private static final int PLOT_WIDTH = 350;
  private static final int PLOT_HEIGHT = 180;

  private static String f(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  /** Of each kind of generator the curves of all seeds. */
  private static Map<String, List<RecordedPair>> seeds() throws IOException {
    Map<String, List<RecordedPair>> all = new LinkedHashMap<>();
    for (String name : RecordedPair.experiments()) {
      JsonNode record = ResultFile.read(RESULTS.resolve(name + ".json"));
      for (Map.Entry<String, JsonNode> run : record.path("runs").properties()) {
        RecordedPair pair =
            RecordedPair.of(
                run.getValue(),
                GeneratorsDemo.DISTANCES.get(GeneratorsDemo.Pair.headline(run.getKey())));
        String kind = GeneratorsDemoReport.NAMES.get(run.getKey());
        all.computeIfAbsent(kind, k -> new ArrayList<>()).add(pair);
      }
    }
    return all;
  }

  /** What was tried, each with one seed. */
  private static Map<String, List<RecordedPair>> tried() throws IOException {
    Map<String, List<RecordedPair>> all = new LinkedHashMap<>();
    ObjectMapper json = new ObjectMapper();
    for (String line : Files.readAllLines(RESULTS.resolve("exploration-generators.jsonl"))) {
      JsonNode r = json.readTree(line);
      RecordedPair pair = new RecordedPair(points(r.at("/plain/curve")), points(r.at("/eq/curve")));
      all.put(r.path("what").asText(), List.of(pair));
    }
    return all;
  }

  private static LearningCurve points(JsonNode pairs) {
    double[] steps = new double[pairs.size()];
    double[] values = new double[pairs.size()];
    for (int i = 0; i < steps.length; i++) {
      steps[i] = pairs.get(i).get(0).doubleValue();
      values[i] = pairs.get(i).get(1).doubleValue();
    }
    return new LearningCurve(steps, values);
  }

  /** A plot's axes: steps from 0, distances on a logarithmic scale. */
  private record Axes(double steps, double low, double high) {
    static Axes of(List<RecordedPair> pairs) {
      double steps = 0;
      double low = Double.POSITIVE_INFINITY;
      double high = 0;
      for (RecordedPair pair : pairs) {
        for (LearningCurve c : List.of(pair.plain(), pair.eq())) {
          steps = Math.max(steps, c.lastStep());
          for (double v : c.values()) {
            low = Math.min(low, v);
            high = Math.max(high, v);
          }
        }
      }
      return new Axes(steps, low / 1.1, high * 1.1);
    }

    double x(double step) {
      return LEFT + PLOT_WIDTH * step / steps;
    }

    double y(double distance) {
      double share = Math.log(distance / low) / Math.log(high / low);
      return TOP + PLOT_HEIGHT * (1 - share);
    }

    /** 1, 2 and 5 times the powers of ten. */
    List<Double> ticks() {
      List<Double> ticks = new ArrayList<>();
      for (int power = -3; power <= 3; power++) {
        for (int digit : new int[] {1, 2, 5}) {
          double tick = digit * Math.pow(10, power);
          if (tick >= low && tick <= high) {
            ticks.add(tick);
          }
        }
      }
      return ticks;
    }
  }

  private static String text(double x, double y, String style, String text) {
    return f("<text x='%.1f' y='%.1f' %s>%s</text>\n", x, y, style, text);
  }

  private static String line(Axes axes, LearningCurve curve, String colour) {
    StringBuilder points = new StringBuilder();
    for (int i = 0; i < curve.steps().length; i++) {
      points.append(f("%.1f,%.1f ", axes.x(curve.steps()[i]), axes.y(curve.values()[i])));
    }
    return f(
        "<polyline points='%s' fill='none' stroke='%s' stroke-width='1.8'/>\n",
        points.toString().strip(), colour);
  }

  /** What came out, in words. */
  private static String outcome(List<RecordedPair> pairs) {
    List<Double> shares = new ArrayList<>();
    pairs.forEach(p -> p.share().ifPresent(shares::add));
    if (shares.isEmpty()) {
      return "EQ does not reach the plain run's end";
    }
    shares.sort(null);
    String range =
        shares.size() == 1
            ? f("%.2f", shares.getFirst())
            : f("%.2f to %.2f", shares.getFirst(), shares.getLast());
    return f("EQ reaches plain's end in %s of the steps", range)
        + (shares.size() < pairs.size() ? f(", %d of %d seeds", shares.size(), pairs.size()) : "");
  }

  private static String plot(String name, List<RecordedPair> pairs) {
    Axes axes = Axes.of(pairs);
    StringBuilder out = new StringBuilder();
    out.append(text(LEFT, 24, "font-weight='bold' font-size='15'", name));
    out.append(text(LEFT, 44, "fill='#444'", outcome(pairs)));
    for (double tick : axes.ticks()) {
      double y = axes.y(tick);
      out.append(
          f(
              "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/>\n",
              LEFT, LEFT + PLOT_WIDTH, y, y));
      String label = tick < 1 ? f("%.2g", tick) : f("%.0f", tick);
      out.append(text(LEFT - 6, y + 4, "text-anchor='end' fill='#444'", label));
    }
    int floor = TOP + PLOT_HEIGHT;
    out.append(
        f(
            "<line x1='%d' x2='%d' y1='%d' y2='%d' stroke='#444'/>\n",
            LEFT, LEFT + PLOT_WIDTH, floor, floor));
    for (int part = 0; part <= 4; part++) {
      double step = axes.steps() * part / 4;
      String anchor = part == 0 ? "start" : part == 4 ? "end" : "middle";
      out.append(
          text(
              axes.x(step),
              floor + 17,
              f("text-anchor='%s' fill='#444'", anchor),
              f("%,.0f", step) + (part == 0 ? " steps" : "")));
    }
    for (RecordedPair pair : pairs) {
      out.append(line(axes, pair.plain(), PLAIN));
      out.append(line(axes, pair.eq(), EQ));
      if (pair.steps().isPresent()) {
        out.append(
            f(
                "<circle cx='%.1f' cy='%.1f' r='4' fill='%s'/>\n",
                axes.x(pair.steps().getAsDouble()), axes.y(pair.plain().last()), EQ));
      }
    }
    return out.toString();
  }

  private static String picture(Map<String, List<RecordedPair>> records) {
    int rows = (records.size() + 1) / 2;
    int width = 2 * WIDTH;
    int height = 46 + rows * HEIGHT;
    StringBuilder out = new StringBuilder();
    out.append(
        f(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' height='%d'"
                + " font-family='sans-serif' font-size='13' role='img'>\n",
            width, height, width, height));
    out.append("<title>Distance of generated to real images during training, on plain and on EQ");
    out.append(" latents</title>\n");
    out.append(f("<rect width='%d' height='%d' fill='white'/>\n", width, height));
    out.append(
        text(
            LEFT,
            30,
            "fill='#222'",
            "Fréchet distance of generated to real images during training (lower is better) on "
                + f("<tspan fill='%s' font-weight='bold'>plain</tspan> and ", PLAIN)
                + f("<tspan fill='%s' font-weight='bold'>EQ</tspan> latents", EQ)));
    int at = 0;
    for (Map.Entry<String, List<RecordedPair>> run : records.entrySet()) {
      out.append(f("<g transform='translate(%d %d)'>\n", at % 2 * WIDTH, 46 + at / 2 * HEIGHT));
      out.append(plot(run.getKey(), run.getValue()));
      out.append("</g>\n");
      at++;
    }
    return out.append("</svg>\n").toString();
  }

  @Test
  void picturesAreThoseOfTheRecords() throws IOException {
    check("exploration", tried());
    check("experiment", seeds());
  }

  /** The story that the project is about comes first. */
  @Test
  void theFirstPictureOfReadmeIsTheExperiments() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    int first = readme.indexOf("![");
    int end = readme.indexOf(')', first);
    assertTrue(readme.substring(first, end).endsWith("(docs/images/experiment.svg"));
  }

  private static void check(String name, Map<String, List<RecordedPair>> records)
      throws IOException {
    Path file = ROOT.resolve("docs/images").resolve(name + ".svg");
    String picture = picture(records);
    if (Boolean.getBoolean("eqvae.tables.write")) {
      Files.writeString(file, picture);
    }
    assertEquals(picture, Files.readString(file), file + ": -Deqvae.tables.write=true mends it");
  }
}
