package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.ConfidenceSampler;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.diffusion.TransportLoss;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.run.RunnableRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Recipes of generators: the shipped ones, defaults, and what is refused. */
class GeneratorRecipeTest {
  private static final Path RECIPES = Path.of(System.getProperty("eqvae.root"), "recipes");

  private static GeneratorRecipe shipped(String name) {
    return GeneratorRecipe.read(RECIPES.resolve(name + ".yaml"), List.of());
  }

  private static GeneratorRecipe tiny(String... settings) {
    return GeneratorRecipe.parse(
        TinyLatents.recipe(Path.of("latents"), 10, 5), "tiny", List.of(settings));
  }

  /** A recipe of any kind is read, says all of itself, and is read back as it was. */
  @Test
  void everyShippedRecipeIsRead() throws IOException {
    int generators = 0;
    for (String name : ShippedRecipes.names()) {
      RunnableRecipe<?> recipe =
          RecipeKinds.read(ShippedRecipes.find(name).orElseThrow(), List.of());
      Path again = Files.createTempFile("recipe", ".yaml");
      Files.writeString(again, recipe.toYaml());
      assertEquals(recipe.toYaml(), RecipeKinds.read(again, List.of()).toYaml(), name);
      Files.delete(again);
      boolean generator = name.matches("(dit|sit|repa)-.*");
      assertEquals(generator, recipe instanceof GeneratorRecipe, name);
      generators += generator ? 1 : 0;
      assertEquals(List.of(), recipe.warnings(), name);
    }
    assertTrue(generators >= 10);
  }

  /** Each line of a recipe that follows a paper says whether it does. */
  @Test
  void linesSayWhereTheyAreFrom() throws IOException {
    for (String name : ShippedRecipes.names()) {
      if (!name.matches("(dit|sit|repa)-(b|xl)2.*|maskgit-imagenet")) {
        continue;
      }
      for (String line : Files.readAllLines(RECIPES.resolve(name + ".yaml"))) {
        boolean value = line.matches("  [a-z_]+:.*");
        assertTrue(!value || line.matches(".*# (published|ours).*"), name + ": " + line);
      }
    }
  }

  /** Published counts have the table of positions, which is fixed: 256 tokens. */
  @Test
  void thePapersNetworksHaveTheirSizes() {
    long parameters = MemoryPlan.of(shipped("dit-b2")).parameters().get("generator");
    assertEquals(130_512_416L, parameters + 256 * 768);
    parameters = MemoryPlan.of(shipped("sit-xl2")).parameters().get("generator");
    assertEquals(675_129_632L, parameters + 256 * 1152);
    parameters = MemoryPlan.of(shipped("repa-xl2")).parameters().get("generator");
    assertEquals(675_111_184L + 8_131_328L, parameters + 256 * 1152);
  }

  @Test
  void thePublishedMaskGitIsTheReferences() {
    Path file = RECIPES.resolve("maskgit-imagenet.yaml");
    MaskGitRecipe recipe = assertInstanceOf(MaskGitRecipe.class, RecipeKinds.read(file, List.of()));
    assertEquals(MaskGitConfig.published(), recipe.model().config());
    assertEquals(174_160_874L, MemoryPlan.of(recipe).parameters().get("generator"), "as published");
    assertEquals(ConfidenceSampler.published(), recipe.samples().sampler());
    AdamSettings adam = recipe.optimizer().adam();
    assertEquals(0.96, adam.beta2());
    assertEquals(1e-5, adam.weightDecay());
    assertEquals(0.5e-4, 1e-4 * recipe.optimizer().factor(1249, recipe.run().steps()), 1e-12);
  }

  @Test
  void publishedSettingsAreTheReferences() {
    GeneratorRecipe dit = shipped("dit-b2");
    requirePublished(dit);
    assertEquals(List.of(0.9, 0.999), dit.optimizer().betas());
    assertEquals(1e-4, dit.optimizer().learningRate());
    assertEquals(0.9999, dit.run().emaRule().decay(dit.run().emaDecay().orElseThrow(), 0));
    GeneratorRecipe sit = shipped("sit-xl2-eq");
    assertEquals(TransportLoss.published(), sit.process().loss());
    assertTrue(sit.data().path().toString().endsWith("imagenet-eq-vae"));
    assertEquals(dit.optimizer(), sit.optimizer());
    GeneratorRecipe repa = shipped("repa-xl2");
    assertEquals(new RepaLoss(Interpolant.LINEAR, RepaLoss.Times.UNIFORM), repa.process().loss());
    assertEquals(Optional.of(new Alignment(8, 2048, List.of(768))), repa.alignment().shape());
    assertEquals(0.5, repa.alignment().coefficient());
    GeneratorRecipe lightning = tiny(TinyLatents.lightning().toArray(String[]::new));
    assertEquals(1, assertInstanceOf(TransportRecipe.class, lightning.process()).cosine());
    assertTrue(lightning.model().swiglu() && lightning.model().rope());
    assertEquals(2, lightning.model().config().outChannels(), "no variance");
  }

  /** What the two runs show is the alignment's. */
  @Test
  void theSmallRecipesDifferInTheAlignmentOnly() {
    Map<String, String> plain = shipped("sit-small").settings();
    Map<String, String> aligned = shipped("repa-small").settings();
    assertEquals(plain.keySet(), aligned.keySet());
    for (String key : plain.keySet()) {
      boolean may = key.startsWith("alignment.") || key.equals("data.path");
      assertTrue(may || plain.get(key).equals(aligned.get(key)), key);
    }
  }

  /** Schedules compare by what they are made of, not by their tables. */
  private static void requirePublished(GeneratorRecipe recipe) {
    DiffusionLoss made = assertInstanceOf(DiffusionLoss.class, recipe.process().loss());
    DiffusionLoss published = DiffusionLoss.published();
    for (int t : new int[] {0, 1, 500, 999}) {
      assertEquals(published.diffusion().schedule().beta(t), made.diffusion().schedule().beta(t));
    }
    assertEquals(published.diffusion().prediction(), made.diffusion().prediction());
    assertEquals(published.diffusion().variance(), made.diffusion().variance());
    assertEquals(published.kind(), made.kind());
  }

  private static void assertRefused(String setting, String... parts) {
    RecipeException e = assertThrows(RecipeException.class, () -> tiny(setting.split(" ")));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  @Test
  void whatContradictsItselfIsNamed() {
    assertRefused("model.patch=3", "model", "side 4 does not divide into patches of 3");
    assertRefused("model.heads=3", "does not divide into 3 heads");
    assertRefused("model.learn_sigma=false diffusion.variance=learned_range", "learn_sigma=true");
    assertRefused("diffusion.variance=fixed_large", "learn_sigma=false");
    assertRefused("samples.sampler=heun", "ddpm or ddim");
    assertRefused("model.kind=sit samples.sampler=ddim", "euler, heun or sde");
    assertRefused("samples.labels=[3]", "3 is no label", "0 to 2");
    assertRefused("model.class_dropout=0", "samples.guidance");
    assertRefused("model.kind=sit diffusion.steps=10", "diffusion", "unknown key");
    assertRefused("transport.path=gvp", "transport", "unknown key");
    assertRefused("diffusion.steps=2", "steps", "20");
    assertRefused("run.precision=bf16", "run.precision", "cuda");
    assertRefused("run.precision=bf16_products run.device=cuda", "needs run.device cpu");
    assertRefused("optimizer.warmup_steps=3", "optimizer.warmup_steps");
    assertRefused("model.kind=vit", "did you mean");
    assertTrue(tiny("run.ema_decay=none").warnings().getFirst().contains("ema_decay"));
  }

  @Test
  void aRunGoesOnWithTheSameNetworkOnly() {
    GeneratorRecipe recipe = tiny();
    assertTrue(recipe.mayChange("run.steps") && recipe.mayChange("optimizer.learning_rate"));
    assertTrue(recipe.mayChange("data.path") && recipe.mayChange("samples.guidance"));
    for (String key : List.of("model.width", "diffusion.steps", "data.scaling", "model.kind")) {
      assertTrue(!recipe.mayChange(key), key);
    }
  }
}
