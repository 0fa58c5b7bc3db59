package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranks that are not the same are refused before their first step, in all of them. */
class RankAgreementTest {
  private static final int RANKS = 3;
  private static final int SIDE = 16;

  @TempDir Path folder;

  private static AutoencoderRecipe recipe(Path pictures, String... more) {
    List<String> all = new ArrayList<>(List.of("objective.gan.enabled=false", "run.threads=1"));
    all.add("data.kind=image_folder");
    all.add("data.validation=0");
    all.addAll(List.of(more));
    return AutoencoderRecipe.parse(TinyRun.recipe(pictures, 1, 1000), "tiny", all);
  }

  /** Equal pictures, of which the last one has a name. */
  private Path pictures(String name, String lastName, int count, int value) throws Exception {
    Path pictures = Files.createDirectories(folder.resolve(name));
    byte[] pixels = new byte[SIDE * SIDE];
    Arrays.fill(pixels, (byte) value);
    for (int i = 0; i < count; i++) {
      String file = i < count - 1 ? "%02d.png".formatted(i) : lastName;
      Images.writePng(pictures.resolve(file), new Image(SIDE, SIDE, 1, pixels));
    }
    return pictures;
  }

  /** Compares ranks; the recipe names the data, which a rank may have opened elsewhere. */
  private static <T extends Task> void check(
      RunnableRecipe<T> recipe, RunnableRecipe<T> opened, Communicator ranks) throws Exception {
    try (Workload<T> workload = opened.workload(RunObserver.NONE);
        Trainer<T> trainer = new Trainer<>(recipe, ranks)) {
      RankAgreement.check(ranks, recipe, workload, trainer, false);
    }
  }

  /** In what the last rank differs, as all say. */
  private static String difference(
      AutoencoderRecipe recipe, AutoencoderRecipe last, AutoencoderRecipe lastData)
      throws Exception {
    List<String> said =
        TestRanks.run(
            RANKS,
            ranks -> {
              boolean differs = ranks.rank() == RANKS - 1;
              return assertThrows(
                      EqvaeException.Argument.class,
                      () -> check(differs ? last : recipe, differs ? lastData : recipe, ranks))
                  .getMessage();
            });
    assertEquals(Collections.nCopies(RANKS, said.getFirst()), said);
    return said.getFirst()
        .replaceFirst(
            "rank 2 cannot work with rank 0, because they differ in the (.*?): '.*", "$1");
  }

  @Test
  void recipesMustBeTheSame() throws Exception {
    Path pictures = pictures("all", "last.png", 20, 7);
    AutoencoderRecipe recipe = recipe(pictures);
    for (String other : List.of("run.seed=6", "optimizer.learning_rate=2e-3", "run.steps=2")) {
      AutoencoderRecipe last = recipe(pictures, other);
      assertEquals("recipe's " + other.split("=")[0], difference(recipe, last, last));
    }
  }

  /** Threads may differ, as machines do. */
  @Test
  void ranksThatAreTheSameBegin() throws Exception {
    Path pictures = pictures("all", "last.png", 20, 7);
    Path copy = pictures("copy", "last.png", 20, 7);
    AutoencoderRecipe recipe = recipe(pictures);
    AutoencoderRecipe threads = recipe(pictures, "run.threads=2");
    TestRanks.run(
        RANKS,
        ranks -> {
          AutoencoderRecipe opened = ranks.rank() == 2 ? recipe(copy) : recipe;
          check(ranks.rank() == 1 ? threads : recipe, opened, ranks);
          return "";
        });
  }

  @Test
  void dataMustBeTheSame() throws Exception {
    AutoencoderRecipe recipe = recipe(pictures("all", "last.png", 20, 7));
    AutoencoderRecipe brighter = recipe(pictures("brighter", "last.png", 20, 8));
    assertEquals("first batch", difference(recipe, recipe, brighter));
    AutoencoderRecipe renamed = recipe(pictures("renamed", "x.png", 20, 7));
    assertEquals("names of the training images", difference(recipe, recipe, renamed));
    AutoencoderRecipe fewer = recipe(pictures("fewer", "last.png", 19, 7));
    assertEquals("data", difference(recipe, recipe, fewer));
  }

  /** Each rank reads them itself, and computes its gradients with them. */
  @Test
  void weightsOfLpipsAreCompared() throws Exception {
    Path weights = folder.resolve("lpips.safetensors");
    AutoencoderRecipe recipe =
        recipe(
            pictures("all", "last.png", 20, 7),
            "model.in_channels=3",
            "data.channels=3",
            "objective.lpips_weights=" + weights);
    List<Map<String, String>> all = new ArrayList<>();
    for (String content : List.of("these", "those")) {
      Files.writeString(weights, content);
      try (Workload<?> workload = recipe.workload(RunObserver.NONE)) {
        all.add(workload.agreement());
      }
    }
    assertEquals(all.getFirst().keySet(), all.getLast().keySet());
    assertNotEquals(all.getFirst().get("weights of LPIPS"), all.getLast().get("weights of LPIPS"));
  }
}
