package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.PhiloxDraws;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import io.github.eqvae.generator.checkpoint.MaskGitSamples;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sampling of codes behind the embedding interface. */
class CodeGeneratorTest {
  /** Wide enough that products take the ways that they take in networks of use. */
  private static final MaskGitConfig WIDE = MaskGitConfig.of(4, 20, 5, 128, 2, 4, 256);

  @TempDir private Path folder;
  private final Device device = Device.open("cpu");

  @AfterEach
  void close() {
    device.close();
  }

  private Path file(MaskGitConfig config, boolean guided) throws IOException {
    MaskGitMetadata metadata = new MaskGitMetadata(config, guided, Optional.empty(), List.of());
    return MaskGitSamples.safetensors(
        folder.resolve(config.hashCode() + "" + guided + ".safetensors"),
        MaskGitSamples.tensors(config, 5),
        metadata.toMap());
  }

  private CodeGenerator load(Path file, int batch) throws IOException {
    return CodeGenerator.load(
        file, device, GeneratorOptions.defaults().withBatch(batch).withSessions(batch % 2 + 1));
  }

  private static CodeSamplingOptions options(CodeSamplingOptions.Order order) {
    return CodeSamplingOptions.defaults().withOrder(order).withSteps(4);
  }

  /** Products of a few rows have other bits than products of more, unless all have as many. */
  @ParameterizedTest
  @EnumSource(CodeSamplingOptions.Order.class)
  void aSampleDoesNotDependOnItsBatch(CodeSamplingOptions.Order order) throws IOException {
    for (MaskGitConfig config : List.of(WIDE, MaskGitSamples.halton())) {
      Path file = file(config, true);
      int[] labels = new int[18];
      Arrays.setAll(labels, i -> i % 4 == 3 ? Generator.NO_LABEL : i % 3);
      int[] expected = {};
      for (int batch : new int[] {18, 1, 5}) {
        try (CodeGenerator g = load(file, batch)) {
          int[] codes = g.sample(labels, 7, 0, options(order)).indices();
          expected = expected.length == 0 ? codes : expected;
          assertArrayEquals(expected, codes, "batch " + batch);
          Codes alone = g.sample(new int[] {labels[5]}, 7, 5, options(order));
          int each = config.tokens();
          assertArrayEquals(Arrays.copyOfRange(codes, 5 * each, 6 * each), alone.indices());
        }
      }
      assertTrue(Arrays.stream(expected).allMatch(c -> c >= 0 && c < config.codes()));
      assertTrue(Arrays.stream(expected).distinct().count() > 1);
    }
  }

  @Test
  void seedsNumbersLabelsAndOptionsMakeTheDifference() throws IOException {
    try (CodeGenerator g = load(file(WIDE, true), 16)) {
      CodeSamplingOptions o = options(CodeSamplingOptions.Order.CONFIDENCE);
      assertTrue(
          g.toString().matches("CodeGenerator\\[codes \\d+×\\d+ of \\d+, \\d+ classes]"),
          g.toString());
      int[] first = g.sample(new int[] {1}, 0, 0, o).indices();
      assertArrayEquals(first, g.sample(new int[] {1}, 0, 0, o).indices());
      assertFalse(Arrays.equals(first, g.sample(new int[] {1}, 1, 0, o).indices()));
      assertFalse(Arrays.equals(first, g.sample(new int[] {1}, 0, 1, o).indices()));
      assertFalse(Arrays.equals(first, g.sample(new int[] {1}, 0, 0, o.withSteps(7)).indices()));
      assertEquals(8, CodeSamplingOptions.defaults().sampler(true).steps(), "as published");
      assertEquals(3, CodeSamplingOptions.defaults().sampler(true).guidance(), "as published");
      assertEquals("confidence", CodeSamplingOptions.defaults().describe(true).get("sampler"));
    }
  }

  private static void assertSays(String part, Executable call) {
    EqvaeException e = assertThrows(EqvaeException.Argument.class, call);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void whatCannotBeIsRefused() throws IOException {
    CodeSamplingOptions o = CodeSamplingOptions.defaults().withSteps(4);
    try (CodeGenerator g = load(file(WIDE, true), 16)) {
      assertSays("0 to 4", () -> g.sample(new int[] {5}, 0, 0, o));
      assertSays("no labels", () -> g.sample(new int[0], 0, 0, o));
      assertSays("use fewer steps", () -> g.sample(new int[] {0}, 0, 0, o.withSteps(40)));
    }
    try (CodeGenerator g = load(file(WIDE, false), 16)) {
      assertSays("guidance to 0", () -> g.sample(new int[] {0}, 0, 0, o.withGuidance(1)));
      assertSays("no other", () -> g.sample(new int[] {Generator.NO_LABEL}, 0, 0, o));
      assertEquals(16, g.sample(new int[] {0}, 0, 0, o).indices().length, "without guidance");
    }
    assertTrue(CodeGenerator.isThere(file(WIDE, true)));
  }

  /** Each code is drawn as often as its probability says. */
  @Test
  void codesAreDrawnByTheirProbabilities() {
    float[] p = {0.5f, 0, 0.3f, 0.2f};
    int[] counts = new int[4];
    int all = 20_000;
    double gumbel = 0;
    for (int i = 0; i < all; i++) {
      PhiloxDraws draws = new PhiloxDraws(3, i);
      counts[draws.code(1, 2, p)]++;
      gumbel += draws.gumbel(1, 2) / all;
    }
    for (int k = 0; k < p.length; k++) { // five standard deviations
      assertEquals(p[k], counts[k] / (double) all, 5 * Math.sqrt(p[k] * (1 - p[k]) / all));
    }
    // Gumbel's mean is Euler's constant, its variance π²/6.
    assertEquals(0.5772, gumbel, 5 * Math.PI / Math.sqrt(6.0 * all));
  }

  /** The references' files: names under model_state_dict, counts as published, both ways. */
  @Test
  void filesOfTheReferencesAreReadAndWritten() throws IOException {
    for (MaskGitConfig config : List.of(WIDE, MaskGitSamples.halton())) {
      Path torch = folder.resolve(config.kind() + ".pth");
      MaskGitSamples.torch(torch, config, 9);
      GeneratorHints hints =
          new GeneratorHints(
              java.util.OptionalInt.of(config.heads()),
              Optional.empty(),
              java.util.OptionalInt.of(config.codes()));
      try (MaskGitCheckpoint checkpoint = MaskGitCheckpoint.open(torch, Weights.AUTO, hints)) {
        assertEquals(config, checkpoint.config());
        assertTrue(checkpoint.report().isClean(), checkpoint.report().lines()::toString);
        assertEquals("model_state_dict", checkpoint.where());
        MaskGitSamples.roundTrip(folder, checkpoint);
      }
    }
    assertEquals(174_160_874L, MaskGitSamples.count(MaskGitConfig.published()));
  }
}
