package io.github.eqvae.diffusion;

import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The score that REPA's stochastic sampler makes of a velocity, against its own function. */
class GoldenRepaScoreTest {
  @Test
  void scoresAreTheReferences() throws IOException {
    List<Path> files = GoldenFile.with("score.v", "score.x", "score.t");
    assertFalse(files.isEmpty(), "no file has scores");
    for (Path file : files) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        double[] v = golden.values("score.v"); // [times, 3]
        double[] x = golden.values("score.x");
        double[] t = golden.values("score.t");
        int each = v.length / t.length;
        for (Map.Entry<String, Interpolant> path :
            Map.of("linear", Interpolant.LINEAR, "cosine", Interpolant.GVP).entrySet()) {
          RepaSampler sampler =
              new RepaSampler(path.getValue(), RepaSampler.Method.EULER_MARUYAMA, 2);
          double[] score = new double[v.length];
          for (int i = 0; i < score.length; i++) {
            score[i] = sampler.score(v[i], x[i], t[i / each]);
          }
          golden.compare("score." + path.getKey(), score);
        }
      }
    }
  }
}
