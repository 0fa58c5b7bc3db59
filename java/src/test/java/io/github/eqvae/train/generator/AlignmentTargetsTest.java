package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Features are those that the recipe wants, or the message says what to do. */
class AlignmentTargetsTest {
  private static final int EACH = 2 * 2 * TinyLatents.CLASSES;

  @TempDir Path folder;

  private LatentData open(Path latents, String... settings) throws IOException {
    return new LatentData(
        GeneratorRecipe.parse(
            TinyLatents.recipe(latents, 10, 5), "tiny", TinyLatents.alignment(settings)));
  }

  private void assertRefused(Path latents, List<String> settings, String... parts) {
    Exception e =
        assertThrows(Exception.class, () -> open(latents, settings.toArray(new String[0])));
    assertTrue(e instanceof EqvaeException.Argument || e instanceof IOException, e::toString);
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  @Test
  void whatDoesNotFitIsNamed() throws Exception {
    Path with = TinyLatents.aligned(folder);
    Path without = TinyLatents.folder(folder);
    assertRefused(without, List.of(), "no features", "--features", "alignment.coefficient=0");
    assertRefused(with, List.of("alignment.width=5"), "3 wide", "alignment.width=3");
    assertRefused(with, List.of("model.patch=1"), "2×2", "4×4 tokens", "--features-grid 4");
    assertRefused(with, List.of("alignment.network=dinov2-base"), "those of toy", "dinov2-base");
    assertRefused(with, List.of("alignment.sha256=" + "b".repeat(64)), "other weights", "aaaa");
    assertRefused(with, List.of("alignment.positions=hub"), "fitted as timm", "those of hub");
    open(
            with,
            "alignment.network=toy",
            "alignment.sha256=" + "a".repeat(64),
            "alignment.positions=timm")
        .close();
    Path index = with.resolve("index.json");
    Files.writeString(index, Files.readString(index).replaceFirst("\"positions\" : \"timm\",", ""));
    assertRefused(with, List.of("alignment.positions=timm"), "does not say", "encode again");
    open(with).close(); // an index of before
  }

  @Test
  void aRecipeMustMakeSense() {
    Path any = folder.resolve("any");
    assertRefused(any, List.of("alignment.depth=3"), "alignment.depth", "network of 2 blocks");
    assertRefused(any, List.of("alignment.sha256=abc"), "64 hexadecimal digits");
    assertRefused(any, List.of("model.kind=repa", "repa.path=vp"), "repa.path", "cosine");
    assertRefused(any, List.of("model.kind=repa", "transport.path=gvp"), "unknown key");
    GeneratorRecipe recipe =
        GeneratorRecipe.parse(
            TinyLatents.recipe(any, 10, 5),
            "tiny",
            List.of("model.kind=repa", "alignment.depth=1"));
    assertEquals(0.5, recipe.alignment().coefficient());
    assertEquals(recipe, GeneratorRecipe.parse(recipe.toYaml(), "again", List.of()));
  }

  /** A shard that lacks what the index promises is no reason to train on something else. */
  @Test
  void shardsMustHaveWhatTheIndexPromises() throws Exception {
    Path latents = TinyLatents.aligned(folder);
    Path index = latents.resolve("index.json");
    String said = Files.readString(index);
    Files.writeString(index, said.replace("\"width\" : 3", "\"width\" : 4"));
    assertRefused(latents, List.of("alignment.width=4"), "lacks the features", "2×2 cells");
    Files.writeString(index, said.replace("\"grid\" : 2", "\"grid\" : 0"));
    assertRefused(latents, List.of(), "must be positive");
  }

  @Test
  void featuresOfNpzAreRead() throws Exception {
    List<float[]> all = new ArrayList<>();
    for (ShardFormat format : List.of(ShardFormat.SAFETENSORS, ShardFormat.NPZ)) {
      Path latents =
          TinyLatents.folder(
              folder.resolve(format.extension()),
              new TinyLatents.Options(30, Content.MODE, true, true, format, 2, true));
      try (LatentData data = open(latents, "data.posterior=mode")) {
        AlignmentTargets targets = data.targets().orElseThrow();
        float[] features = new float[2 * EACH + 1];
        targets.read(new int[] {25, 3}, new boolean[] {true, false}, List.of(features));
        all.add(features);
      }
    }
    assertArrayEquals(all.get(0), all.get(1));
    assertEquals(0, all.get(0)[all.get(0).length - 1]); // nothing is written behind them
  }

  /** A run goes on with the features that it began with. */
  @Test
  void otherFeaturesAreRefusedOnResume() throws Exception {
    Path latents = TinyLatents.aligned(folder);
    Path run = Files.createDirectories(folder.resolve("run"));
    try (LatentData data = open(latents)) {
      RunLatents.write(run, data);
      String said = data.describe();
      assertTrue(said.contains("aligned with features of toy (3 wide, 2×2), weights aa"), said);
      assertTrue(said.contains("input: none"), said);
    }
    Path index = latents.resolve("index.json");
    String before = Files.readString(index);
    Files.writeString(index, before.replace("a".repeat(64), "c".repeat(64)));
    assertNotResumed(run, latents, "features_sha256");
    Files.writeString(index, before.replace("\"none\"", "\"positions as hub fits them\""));
    assertNotResumed(run, latents, "features_preprocessing");
    Path record = run.resolve("latents.json");
    String recorded = Files.readString(record);
    Files.writeString(record, recorded.replaceFirst("\"features_preprocessing\" : \"none\",", ""));
    try (LatentData data = open(latents)) {
      RunLatents.require(run, data); // a run of before, which did not record it
    }
  }

  private void assertNotResumed(Path run, Path latents, String key) throws IOException {
    try (LatentData data = open(latents)) {
      EqvaeException.Argument e =
          assertThrows(EqvaeException.Argument.class, () -> RunLatents.require(run, data));
      assertTrue(e.getMessage().contains(key), e.getMessage());
    }
  }
}
