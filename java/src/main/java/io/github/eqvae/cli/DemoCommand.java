package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.eval.Evaluation;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.report.Report;
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
    description = {
      "Trains plain and EQ on real images and compares them.",
      "The same small autoencoder is trained twice on Fashion-MNIST, plain and with the EQ-VAE"
          + " objective; both are measured on held-out images and compared in"
          + " runs/demo/report.html. With model.init_from both go on from that checkpoint, which is"
          + " measured as well."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae demo",
      "  eqvae demo --seed 1 --out runs/demo-1",
      "  eqvae demo --recipe recipes/photos.yaml --set data.path=photos --out runs/photos-demo",
      "  eqvae demo --recipe recipes/photos.yaml --set data.path=photos"
          + " --set model.init_from=runs/photos/model.safetensors"
    })
final class DemoCommand implements Callable<Integer> {
  private static final List<String> PLAIN =
      List.of(
          "objective.equivariance_probability=0", "objective.low_resolution_prior_probability=0");

  @Option(
      names = "--recipe",
      paramLabel = "FILE",
      description = "What to train. Default: recipes/demo.yaml.")
  private Path recipeFile = root().resolve("recipes/demo.yaml");

  @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Overrides a setting.")
  private List<String> settings = new ArrayList<>();

  @Option(names = "--seed", paramLabel = "N", description = "Seed of both trainings.")
  private Optional<Long> seed = Optional.empty();

  @Option(names = "--steps", paramLabel = "N", description = "Steps of each training.")
  private Optional<Long> steps = Optional.empty();

  @Mixin private DeviceOption device = new DeviceOption();

  @Option(names = "--out", paramLabel = "DIR", description = "Folder. Default: runs/demo.")
  private Path out = Path.of("runs", "demo");

  @Spec private CommandSpec spec;

  /** Where recipes/ and data/ are: the launcher says it; else the working directory. */
  static Path root() {
    return Path.of(System.getProperty("eqvae.root", "."));
  }

  @Override
  public Integer call() throws Exception {
    long start = System.nanoTime();
    OtherPrograms others = OtherPrograms.start();
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    clear(out);
    Map<String, Result> results = new LinkedHashMap<>();
    Map<String, Path> metrics = new LinkedHashMap<>();
    AutoencoderRecipe eq = recipe(List.of());
    for (String name : List.of("plain", "EQ")) {
      boolean last = name.equals("EQ");
      AutoencoderRecipe recipe = last ? eq : recipe(PLAIN);
      RunFolder folder = new RunFolder(out.resolve(name.toLowerCase(Locale.ROOT)));
      Session.Part part =
          new Session.Part(name + (last ? ", 2 of 2," : ", 1 of 2,"), last ? 0 : eq.run().steps());
      stderr.printf(Locale.ROOT, "Training %s %,d steps%n", part.task(), recipe.run().steps());
      stderr.flush();
      try (Session session = new Session(recipe, folder, false, stderr, part)) {
        if (session.train(false, "run the demo again: it starts over") == Trainer.End.STOPPED) {
          return 0;
        }
        session.finish();
        results.put(name, session.evaluate());
        metrics.put(name, folder.metrics());
      }
    }
    if (eq.model().initFrom().isPresent()) {
      try (Session session = new Session(eq, new RunFolder(out), false, stderr)) {
        session.trainer().initialize();
        results.put("start", session.evaluate());
      }
    }
    double seconds = (System.nanoTime() - start) * 1e-9;
    Path report = out.resolve("report.html");
    AtomicFiles.write(report, Report.html(Reports.comparison(eq, results, metrics, seconds)));
    AtomicFiles.write(out.resolve("result.json"), json(eq, results, seconds, others.share()));
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
    if (!Files.exists(recipeFile)) {
      throw new EqvaeException.Argument(
          "There is no recipe "
              + recipeFile
              + ". Run eqvae from its own folder, or name a recipe"
              + " with --recipe.");
    }
    AutoencoderRecipe recipe = AutoencoderRecipe.read(recipeFile, overrides);
    Path path = recipe.data().path();
    boolean moved = !path.isAbsolute() && !Files.exists(path) && Files.exists(root().resolve(path));
    return moved
        ? recipe.with(RecipeReader.set("data.path", root().resolve(path).toString()))
        : recipe;
  }

  /** A demo starts over: earlier results in its folder are removed, nothing else. */
  private static void clear(Path folder) throws IOException {
    for (String name : List.of("plain", "eq")) {
      Path part = folder.resolve(name);
      if (Files.exists(part) && !new RunFolder(part).isUsed()) {
        throw new EqvaeException.Argument(
            part + " exists and is not the folder of a run; name another folder with --out");
      }
      if (Files.exists(part)) {
        try (Stream<Path> files = Files.walk(part)) {
          for (Path p : files.sorted(Comparator.reverseOrder()).toList()) {
            Files.delete(p);
          }
        }
      }
    }
    Files.createDirectories(folder);
  }

  private static String json(
      AutoencoderRecipe recipe,
      Map<String, Result> results,
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

  private static String text(Map<String, Result> results, double seconds) {
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
