package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.ShippedRecipes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Recipes that extend others, are named, or lie beside their data. */
class RecipeFilesTest {
  @TempDir Path folder;

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private Path base() throws IOException {
    return write("base.yaml", TinyRun.recipe(TinyRun.images(folder), 7, 3));
  }

  private static AutoencoderRecipe read(Path file, String... overrides) {
    return AutoencoderRecipe.read(file, List.of(overrides));
  }

  private static void assertProblem(Path file, String... parts) {
    RecipeException e = assertThrows(RecipeException.class, () -> read(file));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  /** Seen: "there is no such folder", if the run or the user had moved to another folder. */
  @Test
  void pathsOfAMovedRunAreThoseOfItsStart() throws IOException {
    base();
    Path run = Files.createDirectories(folder.resolve("elsewhere/far/run"));
    Path recipe =
        Files.writeString(run.resolve("recipe.yaml"), TinyRun.recipe(Path.of("images.idx"), 7, 3));
    assertEquals(Path.of("images.idx"), read(recipe).data().path());
    Files.writeString(run.resolve("started-in.txt"), folder + "\n");
    assertEquals(folder.resolve("images.idx"), read(recipe).data().path());
    assertEquals(
        Path.of("lost.idx"), read(recipe, "data.path=lost.idx").data().path(), "not a file there");
    Files.writeString(run.resolve("started-in.txt"), "\0\n");
    assertEquals(Path.of("images.idx"), read(recipe).data().path());
  }

  @Test
  void sectionsAreJoinedAndValuesReplaced() throws IOException {
    AutoencoderRecipe before = read(base());
    Path middle = write("middle.yaml", "extends: base\nrun: {steps: 9}\nmodel: {ch_mult: [1]}\n");
    Path top =
        write(
            "top.yaml",
            "extends: middle.yaml\nrun:\n  seed: 11\nmodel: {attn_resolutions: []}\n"
                + "objective: {gan: {disc_start: 5}}\n");
    AutoencoderRecipe after = read(top, "run.keep=4");
    assertEquals(
        before.with(
            "run.steps=9",
            "run.seed=11",
            "run.keep=4",
            "model.ch_mult=[1]",
            "model.attn_resolutions=[]",
            "objective.gan.disc_start=5"),
        after);
    assertEquals(9, read(middle).run().steps());
    // What is written down is complete: it extends nothing.
    Path copy = write("copy.yaml", after.toYaml());
    assertEquals(after, read(copy));
    assertTrue(!after.toYaml().contains("extends"), after.toYaml());
  }

  /** A header whose keys are all comments, as in a copied recipe. */
  @Test
  void aSectionWithoutKeysChangesNothing() throws IOException {
    AutoencoderRecipe before = read(base());
    for (String nothing : new String[] {"", " null", " ~", " {}"}) {
      Path top =
          write(
              "top.yaml",
              "extends: base\nmodel:" + nothing + "\n  # ch: 16\nrun:" + nothing + "\n");
      assertEquals(before, read(top), nothing);
      Path whole = write("whole.yaml", before.toYaml() + "evaluation:" + nothing + "\n");
      Path without = write("without.yaml", before.toYaml().replaceAll("(?s)evaluation:.*", ""));
      Path empty =
          write(
              "empty.yaml",
              before.toYaml().replaceAll("(?s)evaluation:.*", "evaluation:" + nothing + "\n"));
      assertEquals(read(without), read(empty), nothing);
      assertProblem(whole, "duplicate key 'evaluation'");
    }
  }

  @Test
  void anOverrideOfASectionJoinsItsKeys() throws IOException {
    Path base = base();
    assertEquals(read(base).with("run.steps=9"), read(base, "run={steps: 9}"));
    assertEquals(
        read(base).with("objective.gan.disc_start=5"),
        read(base, "objective={gan: {disc_start: 5}}"));
  }

  @Test
  void mistakesAreNamedWhereTheyWereWritten() throws IOException {
    base();
    Path middle = write("middle.yaml", "extends: base.yaml\nrun:\n  setps: 9\n");
    assertProblem(
        write("top.yaml", "extends: middle\n\nrun: {keep: 0}\n"),
        middle + ":3: run.setps",
        "top.yaml:3: run.keep");
    assertProblem(write("a.yaml", "extends: [x, y]\n"), "a.yaml:1: extends: found a list of 2");
    assertProblem(write("b.yaml", "run: {}\nextends:\n"), "b.yaml:2: extends: found null");
    assertProblem(
        write("c.yaml", "extends: gone.yaml\n"), "c.yaml:1: extends", "gone.yaml", "no such");
    assertProblem(write("d.yaml", "extends: ../" + folder.getFileName() + "\n"), "a folder");
    assertProblem(write("e.yaml", "extends: e.yaml\n"), "a circle: e.yaml extends e.yaml");
    for (String itself : List.of("e", "./e", "./e.yaml")) {
      assertProblem(
          write("e.yaml", "extends: " + itself + "\n"), "a circle: e.yaml extends e.yaml");
    }
    write("f.yaml", "extends: g\n");
    assertProblem(
        write("g.yaml", "extends: ./f.yaml\n"), "a circle: g.yaml extends f.yaml extends g.yaml");
    write("0.yaml", "extends: base\n");
    for (int i = 1; i <= 20; i++) {
      write(i + ".yaml", "extends: " + (i - 1) + ".yaml\n");
    }
    assertEquals(7, read(folder.resolve("9.yaml")).run().steps());
    assertProblem(folder.resolve("20.yaml"), "a chain of more than 16");
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () -> AutoencoderRecipe.parse("extends: base\n", "text", List.of()));
    assertTrue(e.getMessage().contains("only a recipe in a file"), e.getMessage());
  }

  @Test
  void whatARecipeExtendsIsNotSetOnTheCommandLine() throws IOException {
    Path base = base();
    for (String set : List.of("extends=photos", "extends.x=photos")) {
      RecipeException e = assertThrows(RecipeException.class, () -> read(base, set));
      assertTrue(e.getMessage().contains("--set " + set), e.getMessage());
      assertTrue(e.getMessage().contains("only in a recipe's file"), e.getMessage());
      assertTrue(!e.getMessage().contains("task"), e.getMessage());
    }
  }

  @Test
  void aFolderIsNoRecipe() throws IOException {
    base();
    assertProblem(folder, "a folder, not a recipe", "base.yaml");
    assertProblem(folder.resolve("gone.yaml"), "there is no such recipe file");
  }

  /** A path that is not in the working directory may lie beside the recipe that says it. */
  @Test
  void dataLiesBesideTheRecipe() throws IOException {
    Path images = TinyRun.images(folder);
    Path recipes = Files.createDirectory(folder.resolve("recipes"));
    Path file =
        Files.writeString(recipes.resolve("a.yaml"), TinyRun.recipe(images.getFileName(), 7, 3));
    assertEquals(images, read(file).data().path());
    // Also for one that extends it from elsewhere; but what a command line says is as it stands.
    Path other = Files.createDirectories(folder.resolve("x/y/z"));
    Path top = Files.writeString(other.resolve("b.yaml"), "extends: " + file + "\n");
    assertEquals(images, read(top).data().path());
    String name = images.getFileName().toString();
    assertEquals(Path.of(name), read(top, "data.path=" + name).data().path());
    assertEquals(Path.of("gone"), read(top, "data.path=gone").data().path());
  }

  @Test
  void shippedRecipesAreFoundByName() throws IOException {
    assertTrue(ShippedRecipes.names().containsAll(List.of("demo", "photos", "sd-vae")));
    for (String name : ShippedRecipes.names()) {
      String summary = ShippedRecipes.summary(name);
      assertTrue(summary.length() > 10 && !summary.endsWith("."), name + ": " + summary);
      assertEquals(ShippedRecipes.find(name), ShippedRecipes.find(name + ".yaml"));
    }
    AutoencoderRecipe demo = read(ShippedRecipes.resolve(Path.of("demo")));
    assertTrue(Files.exists(demo.data().path()), "from any folder: " + demo.data().path());
    Path mine = write("mine.yaml", "extends: demo\nrun: {steps: 3}\n");
    assertEquals(demo.with("run.steps=3"), read(mine));
    RecipeException e =
        assertThrows(RecipeException.class, () -> ShippedRecipes.resolve(Path.of("fotos")));
    assertTrue(e.getMessage().contains("photos, photos-vqgan"), e.getMessage());
    assertThrows(RecipeException.class, () -> ShippedRecipes.resolve(Path.of("x", "demo")));
  }

  /** A recipe of one's own may have the name of the one that it changes. */
  @Test
  void aRecipeMayExtendTheShippedOneOfItsName() throws IOException {
    AutoencoderRecipe demo = read(ShippedRecipes.resolve(Path.of("demo")));
    for (String name : List.of("demo", "demo.yaml")) {
      Path mine = write("demo.yaml", "extends: " + name + "\nrun: {steps: 3}\n");
      assertEquals(demo.with("run.steps=3"), read(mine), name);
      Path other = write("other.yaml", "extends: demo\nrun: {keep: 4}\n");
      assertEquals(demo.with("run.steps=3", "run.keep=4"), read(other), "mine comes first");
    }
    Path data = Files.createDirectory(folder.resolve("photos"));
    Path mine = write("mine.yaml", "extends: photos\ndata: {path: " + data + "}\n");
    AutoencoderRecipe photos = read(ShippedRecipes.resolve(Path.of("photos")), "data.path=" + data);
    assertEquals(photos, read(mine), "a folder hides no recipe");
    assertProblem(
        write("c.yaml", "extends: nix\n"),
        "c.yaml:1: extends",
        "nix: there is no such recipe",
        "or one of ",
        "photos, photos-vqgan");
  }

  /** Six levels at 32 px leave one vector: trained before, refused by the evaluation at the end. */
  @Test
  void geometryIsCheckedAtTheStart() throws IOException {
    Path base = base();
    String plain = "model.attn_resolutions=[]";
    assertEquals(4, read(base, plain, "model.ch_mult=[1,1,1,1]").model().chMult().size());
    RecipeException e =
        assertThrows(RecipeException.class, () -> read(base, plain, "model.ch_mult=[1,1,1,1,1]"));
    assertTrue(e.getMessage().contains("at most 4 levels"), e.getMessage());
    e = assertThrows(RecipeException.class, () -> read(base, "data.resolution=8"));
    assertTrue(e.getMessage().contains("evaluation.ssim"), e.getMessage());
    String[] lpips = {
      "objective.perceptual_weight=1",
      "objective.lpips_weights=x",
      "objective.scaling=isotropic",
      "model.in_channels=3"
    };
    e = assertThrows(RecipeException.class, () -> read(base, lpips));
    assertTrue(e.getMessage().contains("LPIPS needs images of at least 16 px"), e.getMessage());
    lpips[2] = "objective.scaling=none";
    assertEquals(1, read(base, lpips).objective().perceptualWeight());
    lpips[3] = "model.in_channels=1";
    e = assertThrows(RecipeException.class, () -> read(base, lpips));
    assertTrue(e.getMessage().contains("LPIPS compares RGB"), e.getMessage());
    lpips[0] = "objective.perceptual_weight=0"; // figures would have it
    assertThrows(RecipeException.class, () -> read(base, lpips));
  }
}
