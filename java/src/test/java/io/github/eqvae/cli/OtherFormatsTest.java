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
    String[] all = {"--data", "in", "--set", "evaluation.images=13"};
    assertNamed(run("evaluate", "run", all[0], all[1], all[2], all[3]));
    String model = "run/model.safetensors";
    assertNamed(run("evaluate", model, "--data", "in"));
    assertNamed(run("evaluate", model, "--drop-in", model, "--data", "in"));
  }
}
