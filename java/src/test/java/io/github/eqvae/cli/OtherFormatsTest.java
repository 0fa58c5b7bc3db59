package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A GIF among the pictures is of a format that is not read, for training and evaluation, too. */
class OtherFormatsTest extends CliFixture {
  private static final byte[] GIF = "GIF89a, and more of it".getBytes(StandardCharsets.US_ASCII);

  private static void assertNamed(Outcome o) {
    String all = o.out() + o.err();
    assertEquals(0, o.code(), all);
    for (String gif : new String[] {"x.gif", "y.png"}) {
      assertTrue(all.contains("not read: " + gif + ": is a GIF"), gif + " is not named: " + all);
      assertFalse(all.contains("broken image " + gif), all);
    }
    assertTrue(all.contains("skipped broken image cut.png"), all);
    assertTrue(all.contains("pictures left out: 1 broken, 2 of formats that are not read"), all);
  }

  @Test
  void trainAndEvaluateNameIt() throws Exception {
    Path in = Files.createDirectories(folder.resolve("in"));
    Random random = new Random(3);
    for (int i = 0; i < 12; i++) {
      byte[] pixels = new byte[256];
      random.nextBytes(pixels);
      Images.writePng(in.resolve(i + ".png"), new Image(16, 16, 1, pixels));
    }
    byte[] whole = Files.readAllBytes(in.resolve("0.png"));
    Files.write(in.resolve("cut.png"), java.util.Arrays.copyOf(whole, 20));
    Files.write(in.resolve("x.gif"), GIF);
    Files.write(in.resolve("y.png"), GIF);
    assertNamed(trainOnFolder());
    // Seen: of a folder no more pictures were measured than the run holds out
    Outcome all = run("evaluate", "run", "--data", "in");
    assertNamed(all);
    assertTrue(all.out().matches("(?s)images +12\\n.*"), all.out());
    Outcome some = run("evaluate", "run", "--data", "in", "--set", "evaluation.images=5");
    assertTrue(some.out().matches("(?s)images +5\\n.*"), some.out());
    String model = "run/model.safetensors";
    assertNamed(run("evaluate", model, "--data", "in"));
    assertNamed(run("evaluate", model, "--drop-in", model, "--data", "in"));
  }
}
