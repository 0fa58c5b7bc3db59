package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.AutoencoderWorkload;
import io.github.eqvae.train.autoencoder.MeasuredModel;
import io.github.eqvae.train.autoencoder.RunReports;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.report.Report;
import io.github.eqvae.train.report.ResultFile;
import io.github.eqvae.train.run.OtherPrograms;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code eqvae demo}: plain against EQ on real images, in minutes. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    subcommands = DemoGeneratorsCommand.class,
    description = {
      "Trains plain and EQ on real images and compares them.",
      "The same small autoencoder is trained twice on Fashion-MNIST, plain and with the EQ-VAE"
          + " objective; both are measured on held-out images and compared in"
          + " runs/demo/report.html. With model.init_from both continue from that checkpoint, which"
          + " is measured as well."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae demo",
      "  eqvae demo --seed 1 --out runs/demo-1",
      "  eqvae demo --recipe photos --set data.path=photos --out runs/photos-demo",
      "  eqvae demo --recipe photos --set data.path=photos"
          + " --set model.init_from=runs/photos/model.safetensors"
    })
final class DemoCommand implements Callable<Integer> {
  private static final Path DEFAULT_RECIPE = Path.of("demo");

  private static final List<String> PLAIN =
      List.of(
          "objective.equivariance_probability=0", "objective.low_resolution_prior_probability=0");

  @Option(
      names = "--recipe",
      paramLabel = "RECIPE",
      completionCandidates = CompletionCommand.Recipes.class,
      description = "What to train: a file, or a name that `eqvae recipes` lists. Default: demo.")
  private Path recipeFile = DEFAULT_RECIPE;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      completionCandidates = CompletionCommand.Settings.class,
      description = "Overrides a setting.")
  private List<String> settings = new ArrayList<>();

  @Option(names = "--seed", paramLabel = "N", description = "Seed of both trainings.")
  private Optional<Long> seed = Optional.empty();

  @Option(names = "--steps", paramLabel = "N", description = "Steps of each training.")
  private Optional<Long> steps = Optional.empty();

  @Mixin private DeviceOption device = new DeviceOption();

  @Option(names = "--out", paramLabel = "DIR", description = "Folder. Default: runs/demo.")
  private Path out = Path.of("runs", "demo");

  @Option(
      names = "--overwrite",
      description = "Replaces a finished demo in the folder; one that was stopped starts over.")
  private boolean overwrite;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    long start = System.nanoTime();
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    try (FolderLock lock = FolderLock.acquire(out, "demo", note -> note(stderr, note))) {
      lock.releaseAtExit();
      return run(start, stdout, stderr);
    }
  }

  static void note(PrintWriter stderr, String text) {
    stderr.println("eqvae: note: " + text);
    stderr.flush();
  }

  private int run(long start, PrintWriter stdout, PrintWriter stderr) throws IOException {
    OtherPrograms others = OtherPrograms.start();
    clear(stderr);
    Map<String, MeasuredModel> results = new LinkedHashMap<>();
    Map<String, Path> metrics = new LinkedHashMap<>();
    AutoencoderRecipe eq = recipe(List.of());
    for (String name : List.of("plain", "EQ")) {
      boolean last = name.equals("EQ");
      AutoencoderRecipe recipe = last ? eq : recipe(PLAIN);
      RunFolder folder = new RunFolder(out.resolve(name.toLowerCase(Locale.ROOT)));
      Console.Part part =
          new Console.Part(name + (last ? ", 2 of 2," : ", 1 of 2,"), last ? 0 : eq.run().steps());
      stderr.printf(Locale.ROOT, "Training %s %,d steps%n", part.task(), recipe.run().steps());
      stderr.flush();
      Console console = new Console(stderr, part);
      AutoencoderWorkload images = recipe.workload(console);
      try (TrainingRun<AutoencoderTask> run = new TrainingRun<>(recipe, images, folder, console)) {
        if (console.train(run, false, "run the demo again: it starts over")
            == Trainer.End.STOPPED) {
          return Main.STOPPED;
        }
        run.finish();
        results.put(name, images.evaluate(run));
        metrics.put(name, folder.metrics());
      }
    }
    if (eq.model().initFrom().isPresent()) {
      Console console = new Console(stderr);
      AutoencoderWorkload images = eq.workload(console);
      try (TrainingRun<AutoencoderTask> run =
          new TrainingRun<>(eq, images, new RunFolder(out), console)) {
        run.trainer().initialize();
        results.put("start", images.evaluate(run));
      }
    }
    double seconds = (System.nanoTime() - start) * 1e-9;
    Path report = report();
    AtomicFiles.write(report, Report.html(RunReports.comparison(eq, results, metrics, seconds)));
    AtomicFiles.write(result(), json(eq, results, seconds, others.share()));
    stdout.print(text(results, seconds));
    stdout.println("report " + report);
    stdout.println("models " + out.resolve("plain") + ", " + out.resolve("eq"));
    stdout.flush();
    return 0;
  }

  private AutoencoderRecipe recipe(List<String> more) {
    List<String> overrides = new ArrayList<>(settings);
    seed.ifPresent(s -> overrides.add("run.seed=" + s));
    steps.ifPresent(s -> overrides.add("run.steps=" + s));
    device.addTo(overrides);
    overrides.addAll(more);
    return AutoencoderRecipe.read(ShippedRecipes.resolve(recipeFile), overrides);
  }

  /**
   * A demo always starts from the beginning: the files of a stopped one are removed, and with
   * --overwrite those of a finished one.
   */
  private void clear(PrintWriter stderr) throws IOException {
    List<RunFolder> parts = new ArrayList<>();
    for (String name : List.of("plain", "eq")) {
      RunFolder part = new RunFolder(out.resolve(name));
      if (!Files.exists(part.path())) {
        continue;
      }
      parts.add(part);
      if (!part.isUsed() && OutputLock.isUsed(part.path())) {
        throw new EqvaeException.Argument(
            part.path() + " exists and is not the folder of a run; name another folder with --out");
      }
    }
    if (parts.isEmpty() && !overwrite) {
      requireNoOther(out);
    }
    boolean finished =
        Files.exists(result())
            || parts.size() == 2 && parts.stream().allMatch(RunFolder::isFinished);
    if (finished && !parts.isEmpty() && !overwrite) {
      throw new EqvaeException.Argument(
          out
              + " holds a demo"
              + (Files.exists(report()) ? " (" + report() + ")" : "")
              + ". Keep it and name another folder: "
              + elsewhere()
              + "; or add --overwrite to replace it.");
    }
    for (RunFolder part : parts) { // check both before either is changed
      part.lock("demo", note -> note(stderr, note)).close();
      try (Stream<Path> files = Files.walk(part.path())) {
        for (Path p : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(p);
        }
      }
    }
    if (!parts.isEmpty()) {
      note(
          stderr,
          out
              + " held a demo"
              + (finished ? ", which is replaced" : " that was stopped; it starts over"));
    }
  }

  /**
   * Refuses a folder without any part of a demo, in which its results would replace others.
   *
   * @throws EqvaeException.Argument if there are such files
   */
  static void requireNoOther(Path out) {
    for (String name : List.of("report.html", "result.json")) {
      Path file = out.resolve(name);
      if (Files.exists(file)) {
        throw new EqvaeException.Argument(
            file
                + " is there, but no model of a demo beside it: it would be replaced. Name another"
                + " folder with --out");
      }
    }
  }

  private Path result() {
    return out.resolve("result.json");
  }

  private Path report() {
    return out.resolve("report.html");
  }

  /** This command for a folder that is free. */
  private String elsewhere() {
    List<Object> words = new ArrayList<>(List.of("demo"));
    if (!recipeFile.equals(DEFAULT_RECIPE)) {
      words.addAll(List.of("--recipe", recipeFile));
    }
    settings.forEach(setting -> words.addAll(List.of("--set", setting)));
    seed.ifPresent(s -> words.addAll(List.of("--seed", s)));
    steps.ifPresent(s -> words.addAll(List.of("--steps", s)));
    device.name().ifPresent(name -> words.addAll(List.of("--device", name)));
    words.addAll(List.of("--out", freeFolder()));
    return Invocation.command(words.toArray());
  }

  private Path freeFolder() {
    for (int i = 2; ; i++) {
      Path next = out.resolveSibling(out.getFileName() + "-" + i);
      if (!Files.exists(next)) {
        return next;
      }
    }
  }

  private static String json(
      AutoencoderRecipe recipe,
      Map<String, MeasuredModel> results,
      double seconds,
      OptionalDouble others) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("date", LocalDate.now(ZoneOffset.UTC).toString());
    map.put("command", System.getProperty("eqvae.command", "eqvae demo"));
    map.put("machine", results.get("EQ").machine().json());
    results.forEach(
        (name, result) -> {
          Evaluation e = result.evaluation();
          Map<String, Object> model = new LinkedHashMap<>();
          model.put("psnr", e.psnr());
          model.put("rotation_error", e.rotationError());
          model.put("scale_error", e.scaleError());
          model.put("ssim", e.ssim());
          e.codebook().ifPresent(u -> model.put("codes_used", u.used()));
          model.put("steps", name.equals("start") ? 0 : recipe.run().steps());
          map.put(name.toLowerCase(Locale.ROOT), model);
        });
    map.put("seed", recipe.run().seed());
    map.put("seconds", seconds);
    others.ifPresent(share -> map.put("other_programs_share", share));
    return ResultFile.text(ResultFile.DEMO, map);
  }

  private static String text(Map<String, MeasuredModel> results, double seconds) {
    Evaluation plain = results.get("plain").evaluation();
    Evaluation eq = results.get("EQ").evaluation();
    return String.format(
        Locale.ROOT,
        """

                            plain        EQ   EQ against plain
        PSNR              %7.2f   %7.2f   %+.2f dB
        SSIM              %7.4f   %7.4f
        rotation error    %7.4f   %7.4f   %.2fx
        scale error       %7.4f   %7.4f   %.2fx
        %.0f seconds for both trainings and evaluations
        """,
        plain.psnr(),
        eq.psnr(),
        eq.psnr() - plain.psnr(),
        plain.ssim(),
        eq.ssim(),
        plain.rotationError(),
        eq.rotationError(),
        eq.rotationError() / plain.rotationError(),
        plain.scaleError(),
        eq.scaleError(),
        eq.scaleError() / plain.scaleError(),
        seconds);
  }
}
