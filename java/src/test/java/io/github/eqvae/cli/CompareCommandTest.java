package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class CompareCommandTest extends CliFixture {
  private Path run(String name, int steps, double loss) throws IOException {
    Path run = Files.createDirectories(folder.resolve(name));
    Files.writeString(
        run.resolve("recipe.yaml"),
        "model:\n  ch: 16\nrun:\n  steps: " + steps + "\n  seed: 0\ndata:\n  path: a <b>\n");
    StringBuilder log = new StringBuilder();
    for (int step = 1; step <= steps; step++) {
      log.append("{\"event\":\"step\",\"step\":" + step + ",\"total\":" + loss / step + "}\n");
    }
    log.append("{\"event\":\"validation\",\"step\":" + steps + ",\"psnr\":" + loss + "}\n");
    Files.writeString(run.resolve("metrics.jsonl"), log);
    return run;
  }

  private static byte[] samples(Path run, int step, int level) throws IOException {
    Path file =
        Files.createDirectories(run.resolve("samples"))
            .resolve(String.format("step-%08d.png", step));
    Images.writePng(file, new Image(2, 2, 1, new byte[] {(byte) level, 0, 0, 0}));
    return Files.readAllBytes(file);
  }

  private String page(String file) throws IOException {
    return Files.readString(folder.resolve(file));
  }

  /** A small distance alone can hide blurred or invented detail. */
  @Test
  void distancesOfReconstructionsHaveTheThreeOthersOrAReason() throws Exception {
    for (String key : List.of("rfid", "frechet_distance_of_reconstructions")) {
      for (String name : List.of("a", "b")) {
        Files.writeString(
            run(name, 2, 1).resolve("evaluation.json"),
            "{\"format\": \"eqvae-evaluation\", \"version\": 2, \"psnr\": 20, \"ssim\": 0.5,"
                + (name.equals("b") ? "\"lpips\": 0.25, " : "")
                + " \"%s\": 1.5}".formatted(key));
      }
      Outcome o = run("compare", "a", "b", "--out", key + ".html");
      assertEquals(0, o.code(), o.err());
      assertTrue(o.out().matches("(?s).*PSNR, dB +20.00 +20.00\n.*"), o.out());
      assertTrue(o.out().matches("(?s).*SSIM +0.5000 +0.5000\n.*"), o.out());
      assertTrue(o.out().matches("(?s).*LPIPS +no weights +0.2500\n.*"), o.out());
      String label = key.equals("rfid") ? "rFID" : "Fréchet distance of reconstructions";
      String html = page(key + ".html");
      assertTrue(row(html, label).matches("1.500+ 1.500+"), html);
      assertEquals("no weights 0.2500", row(html, "LPIPS"));
    }
  }

  private static String row(String html, String label) {
    var m =
        Pattern.compile("<tr><th scope='row'>" + Pattern.quote(label) + "</th>(.*?)</tr>")
            .matcher(html);
    assertTrue(m.find(), "no row " + label);
    return m.group(1).replaceAll("<td>|</td>", " ").strip().replaceAll("\\s+", " ");
  }

  /** Seen: two generators were compared by their steps alone. */
  @Test
  void generatorsHaveFigures() throws Exception {
    for (int i = 1; i <= 2; i++) {
      Path run = run("g" + i, 40, i);
      Path recipe = run.resolve("recipe.yaml");
      Files.writeString(recipe, "task: generator\n" + Files.readString(recipe));
      samples(run, 40, i);
      Files.writeString(
          run.resolve("metrics.jsonl"),
          "{\"event\":\"validation\",\"step\":1,\"loss\":2.5,\"frechet_distance\":9}\n"
              + "{\"event\":\"validation\",\"step\":40,\"loss\":2,\"frechet_distance\":8}\n");
      Files.writeString(
          run.resolve("evaluation.json"),
          "{\"format\": \"eqvae-evaluation\", \"version\": 2, \"loss\": 2.%d,".formatted(i)
              + " \"frechet_distance\": 8.5, \"masked_accuracy\": 0.25}");
    }
    Outcome o = run("compare", "g1", "g2");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().matches("(?s).*held-out loss +2.1000 +2.2000\n.*"), o.out());
    String html = page("compare.html");
    assertEquals("8.5000 8.5000", row(html, "Fréchet distance"));
    assertEquals("0.2500 0.2500", row(html, "share of hidden codes right"));
    assertTrue(html.contains("Loss on held-out data"), "its curve");
    assertTrue(html.contains("Fréchet distance of samples"), "its curve");
    assertTrue(html.contains("samples after 40 steps"), "its samples");
    assertFalse(html.contains("should be alike"), "a generator's samples are no reconstructions");
  }

  /** Seen: the report of a run was replaced. */
  @Test
  void onlyComparisonsAreReplaced() throws Exception {
    run("a", 4, 2);
    run("b", 4, 3);
    assertEquals(0, run("compare", "a", "b", "--out", "c.html").code());
    assertEquals(0, run("compare", "a", "b", "--out", "c.html").code());
    Path report = folder.resolve("a/report.html");
    Files.writeString(report, page("c.html").replace("<title>2 runs", "<title>A run"));
    String before = Files.readString(report);
    assertUserError(
        run("compare", "a", "b", "--out", "a/report.html"), 1, "no comparison that eqvae wrote");
    assertEquals(before, Files.readString(report));
  }

  /** One run is done, one was written by an earlier version, one is still training. */
  @Test
  void runsStandBesideEachOther() throws Exception {
    Path a = run("a", 40, 2);
    Path b = run("b", 60, 3);
    run("c", 20, 4);
    Files.writeString(
        a.resolve("evaluation.json"),
        """
        {"format": "eqvae-evaluation", "version": 2, "psnr": 30.5, "scale_error": 0.25,
         "rotation_errors": {"90": 0.125, "180": 0.5},
         "latent": {"std": 2, "spectrum": [0.5, 0.25, 0.25]}}
        """);
    Files.writeString(
        b.resolve("evaluation.json"),
        "{\"psnr\": 20.25, \"scale_error\": 0.5, \"rotation_errors\": {\"90°\": 0.375}}");
    samples(a, 5, 1);
    byte[] last = samples(a, 40, 2);
    byte[] other = samples(b, 60, 3);
    Outcome o = run("compare", "a", "b", "c", "a/../b");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("compare.html"), o.out());
    assertTrue(o.out().matches("(?s).*PSNR, dB +30.50 +20.25 +–\n.*"), o.out());
    String html = page("compare.html");
    assertEquals("40 60 20", row(html, "steps"));
    assertEquals("30.50 20.25 –", row(html, "PSNR, dB"));
    assertEquals("0.2500 0.5000 –", row(html, "scale error"));
    assertEquals("40 60 20", row(html, "run.steps"));
    assertFalse(html.contains("<th scope='row'>model.ch</th>"), "it is the same in all");
    assertTrue(html.contains("Not measured yet: c."), html);
    assertTrue(html.contains("aria-label='Total loss (loss) over steps: a, b, c'"), html);
    assertTrue(html.contains("aria-label='PSNR (dB) over steps: a, b, c'"), html);
    assertTrue(html.contains("a: 90° 0.125, 180° 0.500; b: 90° 0.375, 180° NaN"), html);
    assertTrue(html.contains("Latent spectrum"), html);
    for (byte[] png : List.of(last, other)) {
      assertTrue(html.contains(Base64.getEncoder().encodeToString(png)), "samples are missing");
    }
    assertTrue(html.contains("The last two should be alike"), html);
    assertTrue(html.contains("samples after 40 steps") && !html.contains("after 5 steps"), html);
  }

  @Test
  void namesTellRunsApart() {
    assertEquals(
        List.of("x/eq", "y/eq"), ComparedRun.names(List.of(Path.of("x/eq"), Path.of("y/eq"))));
    assertEquals(
        List.of("plain", "eq"), ComparedRun.names(List.of(Path.of("d/plain"), Path.of("d/eq"))));
  }

  @Test
  void aDemoStandsForItsRuns() throws Exception {
    run("demo/plain", 3, 1);
    run("demo/eq", 3, 2);
    Outcome o = run("compare", "demo", "--out", "demo.html");
    assertEquals(0, o.code(), o.err());
    assertEquals("3 3", row(page("demo.html"), "steps"));
    assertTrue(page("demo.html").contains("All settings are the same."));
    assertEquals(0, run("compare", "demo", "--out", "demo.html").code(), "replaces its own");
  }

  @Test
  void whatCannotBeComparedIsSaid() throws Exception {
    run("a", 3, 1);
    run("b", 3, 1);
    Files.createDirectories(folder.resolve("empty"));
    assertUserError(run("compare", "a", "empty"), 1, "empty is not the folder of a run");
    assertUserError(run("compare", "a", "a"), 1, "one run");
    Path notes = Files.writeString(folder.resolve("notes.html"), "<html>mine</html>");
    assertUserError(run("compare", "a", "b", "--out", "notes.html"), 1, "notes.html", "--out");
    assertEquals("<html>mine</html>", Files.readString(notes));
    Files.writeString(folder.resolve("b/recipe.yaml"), "a: [");
    assertUserError(run("compare", "a", "b"), 1, "b/recipe.yaml", "YAML");
  }
}
