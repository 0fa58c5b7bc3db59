package io.github.eqvae.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.io.Counts;
import io.github.eqvae.jobs.ImageMaker;
import io.github.eqvae.jobs.SampleClasses;
import io.github.eqvae.jobs.SampleJob;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.serve.CodeGenerator;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.GeneratorOptions;
import io.github.eqvae.serve.SamplingMethod;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae sample}: samples images with a generator. */
@Command(
    name = "sample",
    mixinStandardHelpOptions = true,
    description = {
      "Samples images from a generator: DiT, SiT, LightningDiT, MaskGIT, or an eqvae run.",
      "Writes one .npz (arr_0, uint8 [N, H, W, C]; arr_1, labels), as the evaluation suite of ADM"
          + " reads it, or a folder of PNG files. If it is started again after a kill, it continues"
          + " and gives the same bits. docs/sampling.md has the defaults."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae sample runs/dit --count 1000 --out samples.npz --grid samples.png",
      "  eqvae sample runs/dit --count 16 --out samples/ --classes 3,5 --guidance 4",
      "  eqvae sample runs/maskgit --out samples.npz --steps 12 --guidance 3",
      "  eqvae sample DiT-XL-2-256x256.pt --trained-as dit --vae sd-vae-ft-ema/ --out samples.npz"
    })
final class SampleCommand implements Callable<Integer> {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private static final int HASH_SHOWN = 12;

  @Parameters(
      index = "0",
      paramLabel = "GENERATOR",
      description = "A checkpoint, model.safetensors, or the folder of a run.")
  private Path path = Path.of(".");

  @Option(
      names = "--out",
      required = true,
      paramLabel = "OUT",
      description = "A file .npz, or a folder for PNG files.")
  private Path out = Path.of(".");

  @Option(names = "--count", paramLabel = "N", description = "Number of samples. Default: 64.")
  private int count = 64;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of noise and classes. Default: 0.")
  private long seed;

  @Option(
      names = "--classes",
      paramLabel = "WHICH",
      description =
          "uniform (default), balanced, none, or a list of numbers or names with commas, which is"
              + " repeated.")
  private String classes = "uniform";

  @Mixin private SamplerOptions sampler = new SamplerOptions();

  @Option(
      names = "--vae",
      paramLabel = "AUTOENCODER",
      description =
          "The autoencoder that decodes. Default: the one that made the training's latents, if it"
              + " is still where it was.")
  private Optional<Path> vae = Optional.empty();

  @Option(
      names = "--other-vae",
      description = "Decodes with an autoencoder of other weights than those of the latents.")
  private boolean otherVae;

  @Mixin private ScalingOptions scaling = new ScalingOptions();

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private GeneratorHintsOption hints = new GeneratorHintsOption();

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:N. Default: cuda if it opens, else cpu.")
  private Optional<String> device = Optional.empty();

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "Latents that go through the network at once. Default: 16. The samples do not depend on"
              + " it.")
  private int batch = 16;

  @Option(
      names = "--grid",
      paramLabel = "FILE",
      description = "Writes a PNG of the first 64 samples, too.")
  private Optional<Path> grid = Optional.empty();

  @Option(
      names = "--overwrite",
      description = "Replaces samples that were made with other settings.")
  private boolean overwrite;

  @Mixin private JsonOption json = new JsonOption();

  @Spec private CommandSpec spec;

  private Communicator ranks = Communicator.alone();

  @Override
  public Integer call() throws Exception {
    json.check();
    requirePlace();
    try (RankedRun ranked = RankedRun.connect(System.getenv())) {
      ranked.silence(spec.commandLine());
      return ranked.run(
          () -> sample(ranked.ranks()), "The same command goes on with what is missing");
    }
  }

  private int sample(Communicator ranks) throws IOException {
    this.ranks = ranks;
    PrintWriter stderr = spec.commandLine().getErr();
    PrintWriter text = json.text(spec.commandLine().getOut(), stderr);
    GeneratorOptions options =
        GeneratorOptions.defaults()
            .withBatch(batch)
            .withWeights(weights.choice())
            .withHints(hints.hints());
    try (Device on = DeviceOption.open(device, stderr)) {
      if (CodeGenerator.isThere(path)) {
        ofCodes(on, options, text, stderr);
      } else {
        ofLatents(on, options, text, stderr);
      }
    }
    return 0;
  }

  private void ofLatents(Device on, GeneratorOptions options, PrintWriter text, PrintWriter stderr)
      throws IOException {
    try (Generator generator = Generator.load(path, on, options)) {
      WeightsOption.say(stderr, path, generator.weightsNote());
      Path decoder = vae.orElseGet(() -> autoencoder(generator.latents()));
      try (Vae loaded = load(decoder, generator, on)) {
        requireItsOwn(loaded, decoder, generator.latents(), stderr);
        hints.requireFits(path, generator.config().heads(), Optional.of(generator.process()));
        SampleClasses labels = SampleClasses.of(classes, generator);
        SamplingOptions method =
            sampler.options(
                SamplingMethod.usual(generator.process()),
                generator.process() instanceof GeneratorProcess.Repa);
        run(on, ImageMaker.of(generator, loaded, method), labels, loaded, decoder, text);
      }
    }
  }

  private void ofCodes(Device on, GeneratorOptions options, PrintWriter text, PrintWriter stderr)
      throws IOException {
    try (CodeGenerator generator = CodeGenerator.load(path, on, options)) {
      WeightsOption.say(stderr, path, generator.weightsNote());
      hints.requireFits(path, generator.config());
      if (scaling.scaling().isPresent()) {
        throw new EqvaeException.Argument(
            "--scaling-factor and --shift-factor are for generators of latents; MaskGIT makes"
                + " codes, which are not scaled");
      }
      Path decoder = vae.orElseGet(() -> autoencoder(generator.latents()));
      try (Vae loaded = Vae.load(decoder, on)) {
        requireItsOwn(loaded, decoder, generator.latents(), stderr);
        SampleClasses labels =
            SampleClasses.of(classes, generator.config().classes(), generator.classNames());
        ImageMaker maker = ImageMaker.of(generator, loaded, sampler.codeOptions());
        run(on, maker, labels, loaded, decoder, text);
      }
    }
  }

  private void run(
      Device on, ImageMaker maker, SampleClasses labels, Vae loaded, Path decoder, PrintWriter text)
      throws IOException {
    PrintWriter stderr = spec.commandLine().getErr();
    SampleJob.Request request =
        new SampleJob.Request(path, decoder, out, count, seed, labels, overwrite);
    Listener listener = new Listener(stderr, count, on);
    SampleJob job = new SampleJob(maker, loaded, request, listener);
    long start = System.nanoTime();
    int before = job.sharedBy(ranks).run(grid);
    double seconds = (System.nanoTime() - start) * 1e-9;
    double rate = (count - before) / seconds;
    text.printf(
        Locale.ROOT,
        "%s in %s%s, %s, guidance %s%s%n",
        Counts.of(count, "image"),
        out,
        before > 0 ? ", " + before + " of them there before" : "",
        steps(job.settings()),
        job.settings().get("guidance"),
        before < count ? String.format(Locale.ROOT, ", %.2f images/s", rate) : "");
    grid.ifPresent(file -> text.println("wrote " + file));
    text.flush();
    Map<String, Object> result = new LinkedHashMap<>(job.settings());
    result.put("out", out.toString());
    result.put("there_before", before);
    result.put("seconds", seconds);
    json.write(json(result), spec.commandLine().getOut());
  }

  private static String steps(Map<String, Object> settings) {
    Object steps = settings.get("steps");
    return settings.get("sampler") + (steps == null ? "" : " " + steps + " steps");
  }

  /** Whether nothing has been sampled there. */
  private static boolean isNew(Path out) {
    String[] names = out.toFile().list();
    return !Files.exists(out) || (names != null && names.length == 0);
  }

  /** Refuses a folder whose name has the extension of another kind of file. */
  private void requirePlace() {
    grid.filter(file -> !file.toString().toLowerCase(Locale.ROOT).endsWith(".png"))
        .ifPresent(
            file -> {
              throw new EqvaeException.Argument(
                  "--grid " + file + ": the pictures are written as PNG; end the name with .png");
            });
    grid.filter(file -> !overwrite && isNew(out) && Files.exists(file))
        .ifPresent(
            file -> {
              throw new EqvaeException.Argument(
                  "--grid " + file + " is there already; name another, or add --overwrite");
            });
    if (PictureTarget.isArchive(out)) {
      return;
    }
    PictureTarget.requireFolderName(
        out,
        "--out",
        "samples go into a file .npz (uint8 arr_0, as ADM's evaluation reads it) or into a folder"
            + " of PNG files");
    Path folder = out.toAbsolutePath().normalize();
    grid.filter(file -> file.toAbsolutePath().normalize().startsWith(folder))
        .ifPresent(
            file -> {
              throw new EqvaeException.Argument(
                  "--grid "
                      + file
                      + " lies in the folder of the samples, and would be taken for one of them;"
                      + " name a file beside it");
            });
  }

  private static String json(Map<String, Object> values) {
    try {
      return JSON.writeValueAsString(values) + "\n";
    } catch (JsonProcessingException e) {
      throw new EqvaeException.Internal("a result could not be written as JSON", e);
    }
  }

  private Path autoencoder(Optional<LatentsOrigin> latents) {
    Path named =
        latents
            .map(origin -> Path.of(origin.autoencoder()))
            .orElseThrow(
                () ->
                    new EqvaeException.Argument(
                        path
                            + " does not say whose latents it makes: add --vae with the autoencoder"
                            + " that decodes them"));
    if (!Files.exists(named)) {
      throw new EqvaeException.Argument(
          path
              + " makes latents of "
              + named
              + ", and there is nothing at that path: add --vae with the autoencoder");
    }
    return named;
  }

  /**
   * Latents have the scaling of the training's latents, even if the autoencoder's file has another
   * one.
   */
  private Vae load(Path decoder, Generator generator, Device on) throws IOException {
    VaeOptions options = VaeOptions.defaults();
    Optional<LatentScaling> asked =
        scaling.scaling().or(() -> generator.latents().map(LatentsOrigin::scaling));
    Vae loaded = Vae.load(decoder, on, asked.map(options::withScaling).orElse(options));
    scaling.sayLoss(
        generator.latents().map(LatentsOrigin::scaling).or(loaded::storedScaling),
        spec.commandLine().getErr());
    if (loaded.scaling().isEmpty()) {
      loaded.close();
      throw new EqvaeException.Argument(
          "Neither "
              + path
              + " nor "
              + decoder
              + " says how the latents are scaled: add --scaling-factor");
    }
    return loaded;
  }

  private void requireItsOwn(
      Vae loaded, Path decoder, Optional<LatentsOrigin> latents, PrintWriter stderr) {
    String hash = latents.map(LatentsOrigin::autoencoderSha256).orElse("");
    if (hash.isEmpty() || hash.equals(loaded.weightsHash())) {
      return;
    }
    String what =
        decoder
            + " has other weights than the autoencoder of the training's latents (SHA-256 "
            + hash.substring(0, Math.min(HASH_SHOWN, hash.length()))
            + "…)";
    if (!otherVae) {
      throw new EqvaeException.Argument(
          what + ": name that one with --vae, or add --other-vae to decode with this one");
    }
    stderr.println("eqvae: warning: " + what);
    stderr.flush();
  }

  /** Speed and time left count only new samples, not those from before. */
  private static final class Listener implements SampleJob.Listener {
    private final PrintWriter err;
    private final long total;
    private final Device device;
    private Optional<WatchedCounter> counter = Optional.empty();

    Listener(PrintWriter err, long total, Device device) {
      this.err = err;
      this.total = total;
      this.device = device;
    }

    @Override
    public void begins(long images) {
      counter = Optional.of(new WatchedCounter(err, "sampled", total, images, device));
    }

    @Override
    public void sampled(long images) {
      counter.ifPresent(c -> c.at(images));
    }

    @Override
    public void note(String text) {
      err.println("eqvae: note: " + text);
      err.flush();
    }
  }
}
