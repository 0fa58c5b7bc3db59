package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.eval.Ssim;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.checkpoint.KnownModel;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeReader;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecipeReaderTest {
  private static final String MINIMAL =
      """
      data:
        path: photos
      objective:
        perceptual_weight: 0
      optimizer:
        learning_rate: 1e-4
      run:
        steps: 100
      """;

  private static AutoencoderRecipe parse(String yaml, String... overrides) {
    return AutoencoderRecipe.parse(yaml, "r.yaml", List.of(overrides));
  }

  private static String problem(String yaml, String... overrides) {
    RecipeException e = assertThrows(RecipeException.class, () -> parse(yaml, overrides));
    assertEquals(1, e.problems().size(), e.getMessage());
    return e.getMessage();
  }

  private static void assertContains(String text, String... parts) {
    for (String part : parts) {
      assertTrue(text.contains(part), () -> "expected <" + part + "> in: " + text);
    }
  }

  /** Seen: the setting was ignored, because its path is that of a key that there is. */
  @ParameterizedTest
  @ValueSource(
      strings = {"run.seed: 3\n", "run.steps: 7\n", "'objective.gan.enabled': false\n", "a.b: 1\n"})
  void aKeyWithDotsIsNoPath(String line) {
    assertContains(problem(MINIMAL + line), "a key has no dots", "--set");
  }

  @Test
  void defaultsAreThoseOfTheReleasedCode() {
    AutoencoderRecipe recipe = parse(MINIMAL);
    ObjectiveRecipe objective = recipe.objective();
    assertEquals(0.5, objective.equivarianceProbability());
    assertEquals(0.25, objective.lowResolutionPriorProbability());
    assertEquals(EqOptions.Scaling.ISOTROPIC, objective.scaling());
    assertEquals(EqOptions.ScaleSet.DISCRETE_32, objective.scaleSet());
    assertEquals(List.of(90, 180, 270), objective.rotations());
    assertEquals(Interpolation.BILINEAR, objective.interpolation());
    assertEquals(LossOptions.DiscriminatorForward.SEPARATE, objective.discriminatorForward());
    assertEquals(1e-6, objective.klWeight());
    assertEquals(
        new GanRecipe(
            true, 0, 0.5, 1, LossOptions.GanKind.HINGE, true, 1e4, GanRecipe.BatchNorm.PER_RANK),
        objective.gan());
    assertEquals(List.of(1, 2, 4, 4), recipe.model().chMult());
    assertEquals(8, recipe.model().downsamplingFactor());
    assertEquals(List.of(0.5, 0.9), recipe.optimizer().betas());
    assertEquals(Optional.empty(), recipe.run().emaDecay());
    assertEquals(10, recipe.run().batchSize());
  }

  @Test
  void someDefaultsFollowAnotherKey() {
    AutoencoderRecipe recipe = parse(MINIMAL, "model.in_channels=1", "model.resolution=64");
    assertEquals(1, recipe.model().outCh());
    assertEquals(1, recipe.data().channels());
    assertEquals(64, recipe.data().resolution());
    assertEquals(1e-4, recipe.discLearningRate());
    assertEquals(40, parse(MINIMAL, "data.validation=40").evaluation().images());
  }

  @Test
  void aLeadingTildeIsTheHomeFolder() {
    Path home = Path.of(System.getProperty("user.home"));
    assertEquals(home.resolve("Pictures"), parse(MINIMAL, "data.path=~/Pictures").data().path());
    assertEquals(Path.of("~a/b"), parse(MINIMAL, "data.path=~a/b").data().path());
  }

  /** It is the most that is measured: a small folder needs no second setting. */
  @Test
  void moreImagesToEvaluateThanHeldOutIsNoMistake() {
    assertEquals(513, parse(MINIMAL, "evaluation.images=513").evaluation().images());
  }

  @Test
  void learningRateIsUsedAsWritten() {
    AutoencoderRecipe recipe = parse(MINIMAL, "run.batch_size=64", "optimizer.accumulate=4");
    assertEquals(1e-4, recipe.optimizer().learningRate());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "photos",
        "photos-vqgan",
        "sd-vae",
        "sd-vae-16",
        "sdxl-vae",
        "sd3-vae",
        "flux2-vae",
        "vqgan"
      })
  void shippedRecipesParseAndRoundTrip(String name) {
    Path root = Path.of(System.getProperty("eqvae.root", ".."));
    AutoencoderRecipe recipe =
        AutoencoderRecipe.read(root.resolve("recipes/" + name + ".yaml"), List.of());
    assertEquals(recipe, parse(recipe.toYaml()));
    assertEquals(List.of(), recipe.warnings());
  }

  /** The recipes of the paper's first table are for the networks that were published. */
  @ParameterizedTest
  @CsvSource({
    "sd-vae, SD_VAE",
    "sd-vae-16, SD_VAE_16",
    "sdxl-vae, SDXL_VAE",
    "sd3-vae, SD3_VAE",
    "flux2-vae, FLUX2_VAE"
  })
  void aRecipeHasThePublishedArchitecture(String name, KnownModel model) {
    Path root = Path.of(System.getProperty("eqvae.root", ".."));
    AutoencoderRecipe recipe =
        AutoencoderRecipe.read(root.resolve("recipes/" + name + ".yaml"), List.of());
    assertEquals(model.architecture(), recipe.model().architecture(), name);
    if (recipe.model().kind() == ModelRecipe.Kind.AUTOENCODER_KL) {
      AutoencoderRecipe released =
          AutoencoderRecipe.read(root.resolve("recipes/sd-vae.yaml"), List.of());
      // FLUX.2 takes the posterior's mean; nothing else is known of how it was trained.
      boolean samples = model != KnownModel.FLUX2_VAE;
      assertEquals(samples, recipe.objective().terms().samplePosterior());
      assertEquals(
          released.objective(),
          recipe.with("objective.terms.sample_posterior=true").objective(),
          "SD-VAE's alone were released");
      assertEquals(released.optimizer(), recipe.optimizer());
    }
  }

  @Test
  void theReleasedRecipeDiffersFromTheDefaultsOnlyWhereItSaysSo() {
    Path root = Path.of(System.getProperty("eqvae.root", ".."));
    AutoencoderRecipe released =
        AutoencoderRecipe.read(root.resolve("recipes/sd-vae.yaml"), List.of());
    AutoencoderRecipe defaults = parse(MINIMAL);
    assertEquals(defaults.model(), released.model());
    assertEquals(
        defaults.objective(),
        released.with("objective.perceptual_weight=0", "objective.lpips_weights=null").objective());
  }

  /** What a discrete model is published with is what a recipe of its kind has by default. */
  @Test
  void theRecipeOfVqGanDiffersFromTheDefaultsOnlyWhereItSaysSo() {
    Path root = Path.of(System.getProperty("eqvae.root", ".."));
    AutoencoderRecipe published =
        AutoencoderRecipe.read(root.resolve("recipes/vqgan.yaml"), List.of());
    AutoencoderRecipe defaults = parse(MINIMAL, "model.kind=vq", "objective.gan.disc_weight=0.8");
    assertEquals(defaults.model().quantize(), published.model().quantize());
    assertEquals(false, defaults.model().doubleZ());
    assertEquals(
        defaults.objective(),
        published
            .with("objective.perceptual_weight=0", "objective.lpips_weights=null")
            .objective());
    LossOptions loss = published.objective().lossOptions(published.model().kind());
    assertEquals(1, loss.regularizationWeight());
    assertEquals(LossOptions.Normalization.PER_ELEMENT, loss.normalization());
  }

  @Test
  void aDiscreteModelHasNoLogVariance() {
    RecipeException e =
        assertThrows(
            RecipeException.class, () -> parse(MINIMAL, "model.kind=vq", "model.double_z=true"));
    assertContains(e.getMessage(), "model.double_z", "there is no log-variance");
  }

  @Test
  void settingsOfTheOtherKindAreNamedAsWithoutEffect() {
    assertEquals(
        List.of(
            "objective.codebook_weight has no effect without model.kind: vq",
            "model.quantize has no effect without model.kind: vq"),
        parse(MINIMAL, "objective.codebook_weight=2", "model.quantize.n_embed=64").warnings());
    assertEquals(
        List.of("objective.kl_weight has no effect with model.kind: vq"),
        parse(MINIMAL, "model.kind=vq", "objective.kl_weight=1").warnings());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: b # c",
        "null",
        "~",
        "true",
        "1e3",
        "0x10",
        " leading",
        "-",
        "*star",
        "&amp",
        "!tag",
        "@at",
        "ünïcode/雪",
        "back\\slash",
        "quote\"'",
        "{a}",
        "[b]",
        "2024-01-01",
        "none",
        "line\ntwo"
      })
  void everyPathRoundTrips(String path) {
    AutoencoderRecipe recipe = parse(MINIMAL);
    DataRecipe d = recipe.data();
    DataRecipe data =
        new DataRecipe(
            d.kind(),
            Path.of(path),
            d.resolution(),
            d.channels(),
            d.crop(),
            d.cropMin(),
            d.alpha(),
            d.orientation(),
            d.hflip(),
            d.pad(),
            d.validation(),
            Optional.of(Path.of(path)),
            d.shrink(),
            d.cacheMegabytes(),
            d.cacheLatentsMegabytes(),
            d.workers());
    AutoencoderRecipe changed =
        new AutoencoderRecipe(
            recipe.model(),
            data,
            recipe.objective(),
            recipe.optimizer(),
            recipe.discLearningRate(),
            recipe.run(),
            recipe.evaluation());
    assertEquals(changed, parse(changed.toYaml()));
  }

  @Test
  void everyKeyIsPrinted() {
    String yaml = parse(MINIMAL).toYaml();
    assertContains(
        yaml,
        "lpips_weights: null",
        "gradient_clip: null",
        "ema_decay: null",
        "disc_weight: 0.5",
        "n_layers: 3",
        "interpolation: bilinear",
        "explicit_stop_gradient: false");
    List<String> printed =
        yaml.lines().filter(line -> line.contains(":")).map(l -> l.strip().split(":")[0]).toList();
    List<String> expected = keys(AutoencoderRecipe.class);
    expected.addFirst("task");
    assertEquals(expected, printed);
  }

  /** The record components in snake case, depth first: what a complete recipe must print. */
  private static List<String> keys(Class<?> type) {
    List<String> keys = new ArrayList<>();
    for (RecordComponent component : type.getRecordComponents()) {
      keys.add(component.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT));
      if (component.getType().isRecord()) {
        keys.addAll(keys(component.getType()));
      }
    }
    return keys;
  }

  @Test
  void unknownKeyNamesFileLinePathAndNearest() {
    String text =
        problem(MINIMAL.replace("perceptual_weight: 0", "perceptual_weight: 0\n  scalng: none"));
    assertEquals(
        "r.yaml:5: objective.scalng: unknown key; did you mean 'objective.scaling'?", text);
  }

  @Test
  void unknownKeyInTheWrongSectionNamesTheRightOne() {
    assertContains(
        problem(MINIMAL + "  kl_weight: 1\n"),
        "r.yaml:9: run.kl_weight: unknown key; did you mean 'objective.kl_weight'?");
  }

  @Test
  void hopelessKeyListsTheValidOnes() {
    assertContains(
        problem(MINIMAL + "wallpaper: 1\n"),
        "wallpaper: unknown key",
        "Valid keys here: task, model, data");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "objective.equivariance_probability=1.5|found '1.5', expected a number in [0, 1]",
        "objective.equivariance_probability=NaN|found 'NaN', expected a number in [0, 1]",
        "objective.kl_weight=-1|found '-1', expected a number >= 0",
        "objective.kl_weight=1f|found '1f', expected a number >= 0",
        "optimizer.learning_rate=0|found '0', expected a number > 0",
        "optimizer.learning_rate=Infinity|found 'Infinity', expected a number > 0",
        "optimizer.betas=[0.5, 1]|found '1', expected each element a number in [0, 1)",
        "optimizer.betas=0.5|found '0.5', expected a list [...] of at most 2",
        "run.steps=1.5|found '1.5', expected a whole number >= 1",
        "run.batch_size=99999999999|found '99999999999', expected a whole number in [1, 65536]",
        "run.device=gpu|found 'gpu', expected cpu, cuda:N (cuda is cuda:0) or simt",
        "run.threads=many|found 'many', expected a whole number in [0, 1024], or auto",
        "data.hflip=yes|found 'yes', expected true or false",
        "data.hflip=|found null, expected true or false",
        "run.steps=٣|found '٣', expected a whole number",
        "data.crop=centre|found 'centre', expected one of random, center, adm, torchvision; did you"
            + " mean 'center'?",
        "objective.gan=true|found 'true', expected a section with keys below it",
        "run.seed=[1]|found a list of 1, expected a whole number >= 0",
        "run.ema_decay=1|found '1', expected a number in (0, 1), or none",
        "model.dropout=0.1|found '0.1', expected a number in [0, 0]",
      })
  void wrongValuesNameActualAndExpected(String override, String expected) {
    String text = problem(MINIMAL, override);
    String path = override.substring(0, override.indexOf('='));
    assertContains(text, "--set " + override + ": " + path + ": " + expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.resolution=100|100 is not divisible by the down-sampling factor 8",
        "data.resolution=36|36 is not divisible by the down-sampling factor 8 of model.ch_mult;"
            + " take 32 or 40",
        "model.ch=48|model.norm_num_groups: 32 groups do not divide the 48 channels",
        "model.attn_resolutions=[33]|33 is not the side of any level; at model.resolution 256 the"
            + " levels have [256, 128, 64, 32]",
        "model.ch_mult=[]|model.ch_mult: an empty list",
        "model.double_z=false|needs a mean and a log-variance",
        "model.out_ch=1|a reconstruction is compared with its input",
        "data.channels=1|data.channels: 1 but model.in_channels is 3",
        "objective.rotations=[]|write [0] for no rotation",
        "objective.rotations=[45]|45 degrees; only multiples of 90",
        "objective.rotations=[90, 90]|[90, 90] names a value twice",
        "objective.scale_max=0.2|0.25 is not below objective.scale_max = 0.2",
        "objective.perceptual_weight=1|name the file in objective.lpips_weights, or set"
            + " perceptual_weight to 0",
        "data.cache_latents_megabytes=8|8, but the encoder learns, so that latents change",
        "optimizer.betas=[0.5]|1 values; expected two",
        "optimizer.schedule=warmup|0 with schedule warmup",
        "optimizer.warmup_steps=5|5 with schedule constant",
      })
  void contradictionsAreRefused(String override, String expected) {
    assertContains(problem(MINIMAL, override), expected);
  }

  /** A latent that no later epoch sees again is not kept. */
  @Test
  void latentsOfPicturesThatAreCutAnewAreNotKept() {
    List<String> frozen = List.of("model.freeze=encoder", "data.cache_latents_megabytes=8");
    List<String> center = new ArrayList<>(frozen);
    center.add("data.crop=center");
    AutoencoderRecipe recipe = AutoencoderRecipe.parse(MINIMAL, "minimal", center);
    assertEquals(8, recipe.data().cacheLatentsMegabytes());
    center.add("data.hflip=True"); // as Python writes it
    String text = "cut or mirrored anew in every epoch, so that no latent comes twice";
    for (List<String> refused : List.of(frozen, center)) {
      assertContains(problem(MINIMAL, refused.toArray(String[]::new)), text);
    }
  }

  @Test
  void transformThatChangesNothingIsRefused() {
    assertContains(
        problem(MINIMAL, "objective.scaling=none", "objective.rotations=[0]"),
        "τ never changes anything",
        "set equivariance_probability to 0");
    parse(
        MINIMAL,
        "objective.scaling=none",
        "objective.rotations=[0]",
        "objective.equivariance_probability=0");
  }

  @Test
  void schedulesRiseAndFall() {
    OptimizerRecipe warmup =
        parse(MINIMAL, "optimizer.schedule=warmup", "optimizer.warmup_steps=10").optimizer();
    assertEquals(0.1, warmup.factor(0, 100));
    assertEquals(1, warmup.factor(9, 100));
    assertEquals(1, warmup.factor(99, 100));
    OptimizerRecipe cosine =
        parse(MINIMAL, "optimizer.schedule=cosine", "optimizer.warmup_steps=10").optimizer();
    assertEquals(0.5, cosine.factor(4, 110));
    assertEquals(1, cosine.factor(10, 110));
    assertEquals(0.5, cosine.factor(60, 110), 1e-12);
    assertEquals(0, cosine.factor(110, 110), 1e-12);
    assertEquals(1, parse(MINIMAL, "optimizer.schedule=cosine").optimizer().factor(0, 100));
  }

  @Test
  void scaleBoundsThatDiscreteScalesWouldIgnoreAreRefused() {
    assertContains(problem(MINIMAL, "objective.scale_min=0.5"), "discrete_32 always draws k/32");
    AutoencoderRecipe recipe =
        parse(MINIMAL, "objective.scale_min=0.5", "objective.scale_set=continuous");
    assertEquals(0.5, recipe.objective().eqOptions().scaleMin());
  }

  @Test
  void defaultsMakeTheReleasedObjectiveAndModel() {
    AutoencoderRecipe recipe = parse(MINIMAL);
    assertEquals(EqOptions.RELEASED, recipe.objective().eqOptions());
    AutoencoderRecipe perceptual =
        recipe.with("objective.lpips_weights=lpips.bin", "objective.perceptual_weight=1");
    assertEquals(
        LossOptions.RELEASED, perceptual.objective().lossOptions(ModelRecipe.Kind.AUTOENCODER_KL));
    assertEquals(
        new AutoencoderConfig(
            3, 3, 128, List.of(1, 2, 4, 4), 2, List.of(), 256, 4, 4, 32, true, true),
        recipe.model().autoencoder());
  }

  @Test
  void missingRequiredKeysAreAllNamedAtOnce() {
    RecipeException e = assertThrows(RecipeException.class, () -> parse("model:\n  ch: 64\n"));
    assertEquals(3, e.problems().size(), e.getMessage());
    assertContains(
        e.getMessage(),
        "data.path: missing",
        "optimizer.learning_rate: missing",
        "never scaled by batch or devices",
        "run.steps: missing");
  }

  @Test
  void allProblemsInLineOrderOverridesLast() {
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () ->
                parse(
                    MINIMAL.replace("steps: 100", "steps: x").replace("path: photos", "path: [a]"),
                    "run.keep=0"));
    assertEquals(3, e.problems().size(), e.getMessage());
    assertTrue(e.problems().get(0).startsWith("r.yaml:2: data.path"), e.getMessage());
    assertTrue(e.problems().get(1).startsWith("r.yaml:8: run.steps"), e.getMessage());
    assertTrue(e.problems().get(2).startsWith("--set run.keep=0: run.keep"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "photos #2",
        "a: b",
        "50% done",
        "x & y",
        "&anchor",
        "!tag",
        "*star",
        "- list",
        "trailing:",
        "straße/日本",
        "it's \"quoted\"",
        "@at",
        "true",
        "1e5"
      })
  void pathsInOverridesStayAsTheyAre(String path) {
    assertEquals(path, parse(MINIMAL, "data.path=" + path).data().path().toString());
    String set = RecipeReader.set("data.path", " [" + path + "]\n");
    assertEquals(" [" + path + "]\n", parse(MINIMAL, set).data().path().toString());
    AutoencoderRecipe recipe = parse(MINIMAL, "data.path=" + path);
    assertEquals(
        path, AutoencoderRecipe.parse(recipe.toYaml(), "r", List.of()).data().path().toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"[old] photos", "'a' #b", "\"a\" #\"b\"", "{x", "'open", "[a] #b"})
  void whatBeginsAsYamlMustBeYaml(String value) {
    assertContains(problem(MINIMAL, "data.path=" + value), "--set data.path=", "quote it whole");
  }

  @Test
  void overridesSetNestedKeysAndLists() {
    AutoencoderRecipe recipe =
        parse(
            MINIMAL,
            "objective.gan.enabled=false",
            "objective.rotations=[0, 180]",
            "run.ema_decay=0.99",
            "run.ema_decay=none",
            "run.threads=auto",
            "optimizer.gradient_clip=1");
    assertEquals(0, recipe.run().threads());
    assertEquals(false, recipe.objective().gan().enabled());
    assertEquals(List.of(0, 180), recipe.objective().rotations());
    assertEquals(Optional.empty(), recipe.run().emaDecay());
    assertEquals(Optional.of(1.0), recipe.optimizer().gradientClip());
    assertEquals(
        recipe,
        parse(MINIMAL)
            .with(
                "objective.gan.enabled=false",
                "objective.rotations=[0, 180]",
                "optimizer.gradient_clip=1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "objective.p_eq=0.3|p_eq: unknown key; it is 'objective.equivariance_probability' here",
        "run.dir=x|run.dir: unknown key; the folder of a run is named by --out DIR",
        "optimizer.lr=1e-4|optimizer.lr: unknown key; it is 'optimizer.learning_rate' here",
        "objektive.scaling=none|objektive: unknown key; did you mean 'objective'?",
        "run.steps|expected section.key=value",
        "=3|expected section.key=value",
        "run..steps=3|expected section.key=value",
        "run.steps.more=3|steps is a value, not a section",
        "run.steps=[1|not valid YAML",
      })
  void malformedOverridesAreRefused(String override, String expected) {
    assertContains(problem(MINIMAL, override), "--set " + override, expected);
  }

  /** A mapping where a value belongs has no keys that could be meant. */
  @ParameterizedTest
  @ValueSource(strings = {"data.path={a}", "run.steps={a: 1}", "model.ch_mult={a: {b: 1}}"})
  void aSectionIsNoValue(String override) {
    RecipeException e = assertThrows(RecipeException.class, () -> parse(MINIMAL, override));
    assertContains(
        e.getMessage(), override.substring(0, override.indexOf('=')) + ": found a section");
  }

  /** The override is named once. */
  @Test
  void brokenYamlInAnOverrideIsNamedOnce() {
    RecipeException e =
        assertThrows(RecipeException.class, () -> parse(MINIMAL, "model.ch_mult=[1,2"));
    assertEquals(0, e.getMessage().indexOf("--set"));
    assertEquals(0, e.getMessage().lastIndexOf("--set"), e.getMessage());
  }

  @Test
  void duplicateKeysAreRefused() {
    assertContains(
        problem(MINIMAL + "  steps: 5\n"),
        "r.yaml:9: duplicate key 'steps', first at r.yaml:8; keep one");
    assertContains(problem(MINIMAL + "run:\n  seed: 5\n"), "duplicate key 'run'");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'run: &a\n  steps: 1'|anchors",
        "'data: &a {path: x}\nrun: *a'|anchors",
        "'run: !!java.io.File x'|tags",
        "'a: [[[[[[[[[[1]]]]]]]]]]'|nested deeper",
        "'a: 1\n---\nb: 2'|second YAML document",
        "'a: [1'|not valid YAML",
        "'- a'|a list of 1; expected sections",
        "'hello'|the recipe is 'hello'",
        "''|the recipe is empty",
        "'# only a comment'|the recipe is empty",
      })
  void surprisingYamlIsRefused(String yaml, String expected) {
    assertContains(problem(yaml), "r.yaml", expected);
  }

  @Test
  void hostileFilesAreRefusedBeforeTheyAreParsed(@TempDir Path dir) throws IOException {
    Path big = dir.resolve("big.yaml");
    Files.write(big, new byte[RecipeReader.MAX_BYTES + 1]);
    Path latin = dir.resolve("latin.yaml");
    Files.write(latin, "data:\n  path: ä\n".getBytes(StandardCharsets.ISO_8859_1));
    Path none = dir.resolve("none.yaml");
    for (var expected :
        List.of(
            new String[] {big.toString(), "larger than"},
            new String[] {latin.toString(), "not UTF-8"},
            new String[] {none.toString(), "no such recipe"})) {
      RecipeException e =
          assertThrows(
              RecipeException.class, () -> AutoencoderRecipe.read(Path.of(expected[0]), List.of()));
      assertContains(e.getMessage(), expected);
    }
  }

  @Test
  void recipesMadeInJavaAreCheckedLikeFiles() {
    AutoencoderRecipe recipe = parse(MINIMAL);
    EvaluationRecipe bad =
        new EvaluationRecipe(
            0,
            List.of(90),
            List.of(2.0),
            16,
            Optional.empty(),
            List.of(),
            Optional.empty(),
            Ssim.Variant.SCIKIT_IMAGE);
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () ->
                new AutoencoderRecipe(
                    recipe.model(),
                    recipe.data(),
                    recipe.objective(),
                    recipe.optimizer(),
                    recipe.discLearningRate(),
                    recipe.run(),
                    bad));
    assertContains(
        e.getMessage(), "evaluation.images: found '0'", "evaluation.scales: found '2.0'");
  }

  @Test
  void settingsWithoutEffectAreWarnedAbout() {
    assertEquals(List.of(), parse(MINIMAL).warnings());
    for (String[] overrides :
        new String[][] {
          {"objective.gan.enabled=false", "objective.gan.disc_weight=0.8"},
          {"objective.gan.disc_weight=0"},
          {"objective.gan.disc_start=100"},
          {"objective.regularizer=explicit"},
          {"data.crop=center", "data.crop_min=0.9"},
          {"data.crop=torchvision", "data.shrink=100"},
          {"data.validation=0"},
          {"run.ema_rule=constant"},
        }) {
      assertEquals(1, parse(MINIMAL, overrides).warnings().size(), String.join(" ", overrides));
    }
  }
}
