package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.cli.CommandChain.Training;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.report.Report;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code eqvae demo generators}: are EQ latents learned faster than plain ones? */
@Command(
    name = "generators",
    mixinStandardHelpOptions = true,
    description = {
      "Trains the same generators on the latents of the plain and of the EQ autoencoder.",
      "Makes the demo's two autoencoders, encodes its images with both, and trains each generator"
          + " on both, from the same seed and for the same number of steps. During training the"
          + " Fréchet distance of samples to real images is measured on the features of three"
          + " classifiers. The report compares the curves. Each part is one command, which is"
          + " printed when it starts. A demo that was stopped skips its finished parts. With more"
          + " --steps, generators go on where they ended, if their rate does not depend on the"
          + " number of steps (--set optimizer.schedule=warmup or constant)."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae demo generators",
      "  eqvae demo generators --kinds sit,repa,maskgit --seed 1 --out runs/demo-generators-1",
      "  eqvae demo generators --steps 4000 --set run.batch_size=128"
    })
final class DemoGeneratorsCommand implements Callable<Integer> {
  /** The names of the two compared models, which are also those of their folders. */
  static final List<String> MODELS = List.of("plain", "eq");

  private static final int MEASURED = 10;

  /** The kind that aligns to the features of the first classifier. */
  static final String REPA = "repa";

  private static final String MASKGIT = "maskgit";
  private static final List<String> KINDS = List.of("sit", "dit", REPA, MASKGIT);

  /** The autoencoder whose codes MaskGIT learns; plain is the same without EQ's terms. */
  private static final Path VQ = Path.of("vq-small-eq");

  @Option(
      names = "--kinds",
      split = ",",
      paramLabel = "KIND",
      description =
          "Which recipes to train: sit, dit, repa, maskgit (those of KIND-small). Default:"
              + " sit,dit.")
  private List<String> kinds = new ArrayList<>(List.of("sit", "dit"));

  @Option(
      names = "--recipe",
      paramLabel = "RECIPE",
      description = "The autoencoder's recipe: a file or a name. Default: demo.")
  private Path recipe = Path.of("demo");

  @Option(
      names = "--autoencoder-set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a setting of both autoencoders.")
  private List<String> autoencoderSettings = new ArrayList<>();

  @Option(
      names = "--classifier-set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a setting of all classifiers.")
  private List<String> classifierSettings = new ArrayList<>();

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a setting of all generators.")
  private List<String> settings = new ArrayList<>();

  @Option(names = "--seed", paramLabel = "N", description = "Seed of all trainings. Default: 0.")
  private long seed;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Steps of each generator. Default: 1200.")
  private int steps = 1200;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of each training. Default: as the recipes say.")
  private int threads;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Folder. Default: runs/demo-generators.")
  private Path out = Path.of("runs", "demo-generators");

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stderr = spec.commandLine().getErr();
    for (String kind : kinds) {
      if (!KINDS.contains(kind)) {
        throw new EqvaeException.Argument(
            "--kinds: '" + kind + "' is none of " + String.join(", ", KINDS));
      }
    }
    kinds = kinds.stream().distinct().toList();
    if (steps < 1 || threads < 0) {
      throw new EqvaeException.Argument(
          "--steps %d --threads %d: at least 1 step, and no negative number of threads"
              .formatted(steps, threads));
    }
    try (FolderLock lock =
        FolderLock.acquire(out, "demo generators", note -> DemoCommand.note(stderr, note))) {
      lock.releaseAtExit();
      return run(new CommandChain(spec.commandLine().getOut(), stderr));
    }
  }

  private int run(CommandChain commands) throws IOException {
    long start = System.nanoTime();
    requireSame();
    int code = autoencoders(commands);
    code = code != 0 ? code : train(commands, classifiers());
    code = code != 0 ? code : latents(commands);
    code = code != 0 ? code : train(commands, generators());
    if (code != 0) {
      return code;
    }
    GeneratorsDemo demo = GeneratorsDemo.read(out, kinds, seed);
    AtomicFiles.write(out.resolve("result.json"), demo.json((System.nanoTime() - start) * 1e-9));
    AtomicFiles.write(out.resolve("report.html"), Report.html(GeneratorsDemoReport.of(demo, out)));
    PrintWriter stdout = spec.commandLine().getOut();
    stdout.print(demo.text());
    stdout.println("report " + out.resolve("report.html"));
    stdout.flush();
    return 0;
  }

  /** Before anything is trained, all parts that are there must be those that are asked for. */
  private void requireSame() {
    List<Training> all = new ArrayList<>();
    if (!onlyMaskGit()) {
      all.add(autoencoder(recipe, GeneratorsDemo.AUTOENCODERS));
    }
    if (kinds.contains(MASKGIT)) {
      all.add(autoencoder(VQ, GeneratorsDemo.VQ_AUTOENCODERS));
    }
    all.addAll(classifiers());
    all.addAll(generators());
    if (all.stream().noneMatch(t -> Files.exists(t.folder()))) {
      DemoCommand.requireNoOther(out);
    }
    for (Training t : all) {
      CommandChain.requireSame(t);
    }
  }

  private Training autoencoder(Path of, String name) {
    List<String> all = onThreads(autoencoderSettings);
    all.add("run.seed=" + seed);
    return new Training(of.toString(), out.resolve(name).resolve("eq"), all, false);
  }

  private int autoencoders(CommandChain commands) {
    int code = onlyMaskGit() ? 0 : autoencoders(commands, recipe, GeneratorsDemo.AUTOENCODERS);
    return code != 0 || !kinds.contains(MASKGIT)
        ? code
        : autoencoders(commands, VQ, GeneratorsDemo.VQ_AUTOENCODERS);
  }

  private boolean onlyMaskGit() {
    return kinds.stream().allMatch(MASKGIT::equals);
  }

  private int autoencoders(CommandChain commands, Path of, String name) {
    Path folder = out.resolve(name);
    if (Files.exists(folder.resolve("result.json"))) {
      return 0;
    }
    List<String> arguments = new ArrayList<>(List.of("demo", "--recipe", of.toString()));
    arguments.addAll(List.of("--out", folder.toString(), "--seed", Long.toString(seed)));
    onThreads(autoencoderSettings).forEach(s -> arguments.addAll(List.of("--set", s)));
    return commands.run(arguments);
  }

  private List<String> onThreads(List<String> given) {
    List<String> all = new ArrayList<>(given);
    if (threads > 0) {
      all.add("run.threads=" + threads);
    }
    return all;
  }

  private Path classifier(int number) {
    return out.resolve("classifier-" + number);
  }

  /**
   * Two convolutional ones with different widths and seeds, and one of another family, so that an
   * effect does not depend on one of them. The third is no target of any training.
   */
  private List<Training> classifiers() {
    AutoencoderRecipe images = images(recipe);
    List<String> data =
        new ArrayList<>(
            List.of(
                RecipeReader.set("data.path", images.data().path().toString()),
                "data.labels=null"));
    data.addAll(classifierSettings);
    List<String> other = new ArrayList<>(data);
    other.add("model.width=24");
    other.add("run.seed=1");
    return List.of(
        new Training("classifier-fashion-mnist", classifier(1), onThreads(data), false),
        new Training("classifier-fashion-mnist", classifier(2), onThreads(other), false),
        new Training("classifier-vit-fashion-mnist", classifier(3), onThreads(data), false));
  }

  private static int train(CommandChain commands, List<Training> trainings) throws IOException {
    for (Training t : trainings) {
      int code = commands.train(t);
      if (code != 0) {
        return code;
      }
    }
    return 0;
  }

  private AutoencoderRecipe images(Path of) {
    return AutoencoderRecipe.read(ShippedRecipes.resolve(of), autoencoderSettings);
  }

  private int latents(CommandChain commands) {
    for (String model : MODELS) {
      int code = onlyMaskGit() ? 0 : commands.run(encoding(model));
      code = code == 0 && kinds.contains(MASKGIT) ? commands.run(codes(model)) : code;
      if (code != 0) {
        return code;
      }
    }
    return 0;
  }

  private List<String> encoding(String model) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "encode",
                out.resolve(GeneratorsDemo.AUTOENCODERS).resolve(model).toString(),
                images(recipe).data().path().toString(),
                latents(model).toString()));
    arguments.addAll(List.of("--posterior", "moments", "--crop", "pad", "--hflip"));
    if (kinds.contains(REPA)) {
      arguments.addAll(List.of("--features", classifier(1).toString()));
    }
    return arguments;
  }

  private List<String> codes(String model) {
    return List.of(
        "encode",
        out.resolve(GeneratorsDemo.VQ_AUTOENCODERS).resolve(model).toString(),
        images(VQ).data().path().toString(),
        out.resolve("codes-" + model).toString(),
        "--posterior",
        "codes",
        "--crop",
        "pad",
        "--hflip");
  }

  private Path latents(String model) {
    return out.resolve("latents-" + model);
  }

  private List<Training> generators() {
    List<Training> all = new ArrayList<>();
    for (String kind : kinds) {
      for (String model : MODELS) {
        List<String> settings = kind.equals(MASKGIT) ? maskGit(model) : generator(model);
        all.add(new Training(kind + "-small", out.resolve(kind + "-" + model), settings, true));
      }
    }
    return all;
  }

  /** The same for both models except for the latents. */
  private List<String> generator(String model) {
    AutoencoderRecipe vae = images(recipe);
    List<String> all = onItsWay(vae);
    all.add(RecipeReader.set("data.path", latents(model).toString()));
    all.add("model.side=" + side(vae));
    all.add("model.channels=" + vae.model().autoencoder().embedDim());
    all.addAll(settings);
    return onThreads(all);
  }

  /** The same for both models except for the codes. */
  private List<String> maskGit(String model) {
    AutoencoderRecipe vq = images(VQ);
    List<String> all = onItsWay(vq);
    all.add(RecipeReader.set("data.path", out.resolve("codes-" + model).toString()));
    all.add("model.side=" + side(vq));
    all.add("model.codes=" + vq.model().quantize().nEmbed());
    all.addAll(settings);
    return onThreads(all);
  }

  private static int side(AutoencoderRecipe vae) {
    return vae.data().resolution() / vae.model().downsamplingFactor();
  }

  /** How long a generator trains, and what is measured meanwhile. */
  private List<String> onItsWay(AutoencoderRecipe vae) {
    int every = Math.max(1, steps / MEASURED);
    return new ArrayList<>(
        List.of(
            "run.seed=" + seed,
            "run.steps=" + steps,
            "run.validate_every=" + every,
            "run.sample_every=" + every,
            "samples.batch=64",
            RecipeReader.set("distance.reference", vae.data().path().toString()),
            RecipeReader.set(
                "distance.classifiers",
                IntStream.rangeClosed(1, GeneratorsDemo.DISTANCES.size())
                    .mapToObj(n -> classifier(n).resolve("model.safetensors").toString())
                    .toList())));
  }
}
