package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.jobs.EncodeJob;
import io.github.eqvae.jobs.EncodeOptions;
import io.github.eqvae.jobs.EncodeSummary;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae encode}: images to shards of latents. */
@Command(
    name = "encode",
    mixinStandardHelpOptions = true,
    description = {
      "Encodes images into shards of latents.",
      "Writes thousands of images per file, for training a generator, and index.json with the"
          + " settings. If it is started again after a kill, it continues with the first unfinished"
          + " shard and gives the same bits. docs/latents.md has the layout."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae encode sd-vae-ft-ema/ imagenet/train latents/ --size 256 --hflip",
      "  eqvae encode runs/photos pictures/ latents/ --posterior moments --format npz",
      "  eqvae encode sd-vae-ft-mse/ imagenet/train latents/ --posterior moments --features"
          + " dinov2-b.safetensors",
      "  eqvae encode vqgan.ckpt shards/ codes/ --posterior codes --format tar"
    })
final class EncodeCommand implements Callable<Integer> {
  /** Tolerance: published factors are up to a quarter off on other data sets. */
  private static final double RMS_LOW = 0.8;

  private static final double RMS_HIGH = 1.25;

  @Mixin private ModelArguments model = new ModelArguments();

  @Parameters(
      index = "1",
      paramLabel = "IN",
      description =
          "A folder of pictures (folders in it are classes), tar shards of WebDataset, or an IDX"
              + " file (with its labels in the file beside it).")
  private Path in = Path.of(".");

  @Parameters(index = "2", paramLabel = "OUT", description = "A folder for the shards.")
  private Path out = Path.of(".");

  @Option(
      names = "--posterior",
      paramLabel = "WHAT",
      description =
          "What is written for each image: mode (the mean), sample, moments (mean and std), or"
              + " codes. Default: mode, or codes of a model with a codebook.")
  private Optional<Content> content = Optional.empty();

  @Mixin private SquareOptions square = new SquareOptions();

  @Mixin private TileOption tile = new TileOption();

  @Mixin private FeatureOptions features = new FeatureOptions();

  @Option(names = "--hflip", description = "Also encodes the mirror image of every picture.")
  private boolean hflip;

  @Option(
      names = "--scaled",
      description = "Writes (z - shift_factor) * scaling_factor. Default: as the encoder gives z.")
  private boolean scaled;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "safetensors (default), npz, or tar for WebDataset.")
  private ShardFormat format = ShardFormat.SAFETENSORS;

  @Option(names = "--shard-size", paramLabel = "N", description = "Images per file. Default: 4096.")
  private int shardSize = 4096;

  @Option(
      names = "--no-labels",
      description =
          "Writes no labels. Default: if pictures have classes, those without one are skipped and"
              + " listed.")
  private boolean noLabels;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the samples, with --posterior sample. Default: 0.")
  private Optional<Long> seed = Optional.empty();

  @Option(
      names = "--overwrite",
      description = "Replaces latents that were made with other settings.")
  private boolean overwrite;

  @Option(names = "--dry-run", description = "Prints what would be done, encodes nothing.")
  private boolean dryRun;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    try (RankedRun ranked = RankedRun.connect(System.getenv())) {
      PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
      boolean first = ranked.ranks().isFirst();
      return ranked.run(
          () -> encode(ranked, first ? stdout : nowhere, first ? stderr : nowhere),
          "The same command goes on with what is missing");
    }
  }

  private int encode(RankedRun ranked, PrintWriter stdout, PrintWriter stderr) throws IOException {
    ranked.notice().ifPresent(text -> stderr.println("eqvae: note: " + text));
    if (Files.isDirectory(in) && Files.isDirectory(out) && Files.isSameFile(in, out)) {
      throw new EqvaeException.Argument(
          "OUT " + out + " is the folder of the pictures; name another one for the latents");
    }
    PictureTarget.requireOutside(in, out);
    PictureTarget.requireFolderName(
        out, "OUT", "latents go into a folder of shards, whose kind is --format; name a folder");
    try (Device device = model.open(stderr);
        Vae vae = model.load(device, stderr)) {
      Content what = content.orElse(vae.codebookSize() > 0 ? Content.CODES : Content.MODE);
      requireUse(what);
      EncodeOptions options =
          new EncodeOptions(
              what,
              seed.orElse(0L),
              square.size().orElse(vae.resolution()),
              square.crop(),
              square.decode(),
              hflip,
              scaled,
              format,
              shardSize,
              !noLabels);
      try (Stream stream = new Stream(device);
          Closing network = new Closing(features.open(stream, options.size()))) {
        encode(ranked, device, vae, network.features(), what, options, stdout, stderr);
      }
      return 0;
    }
  }

  /** Refuses options that would change nothing. */
  private void requireUse(Content what) {
    if (seed.isPresent() && what != Content.SAMPLE) {
      throw new EqvaeException.Argument(
          "--seed is that of samples: add --posterior sample, or leave it out");
    }
    if (what == Content.CODES && model.namesScaling()) {
      throw new EqvaeException.Argument(
          "codes are not scaled: leave out --scaling-factor and --shift-factor");
    }
  }

  /** An optional network, which is closed at the end. */
  private record Closing(Optional<PatchFeatures> features) implements AutoCloseable {
    @Override
    public void close() {
      features.ifPresent(PatchFeatures::close);
    }
  }

  private void encode(
      RankedRun ranked,
      Device device,
      Vae vae,
      Optional<PatchFeatures> network,
      Content what,
      EncodeOptions options,
      PrintWriter stdout,
      PrintWriter stderr)
      throws IOException {
    Listener listener = new Listener(stderr);
    EncodeJob job =
        new EncodeJob(
            model.model(),
            vae,
            network,
            in,
            options,
            out,
            model.group(),
            tile.tiling(),
            overwrite,
            listener);
    long total = job.source().size();
    stdout.printf(
        Locale.ROOT,
        "%s of %d pixels to %s%s, shards of %,d in %s; %,d are there%n",
        Counts.of(total, "image"),
        options.size(),
        what.name().toLowerCase(Locale.ROOT),
        network.map(EncodeCommand::beside).orElse(""),
        shardSize,
        format.extension(),
        job.done());
    stdout.flush();
    if (options.labels() && !job.source().isLabelled()) {
      listener.note("the latents get no labels: " + job.source().unlabelledReason());
    }
    if (dryRun) {
      return;
    }
    if (ranked.ranks().isFirst()) {
      listener.ticker =
          Optional.of(new WatchedCounter(stderr, "encoded", total, job.done(), device));
    }
    listener.err = spec.commandLine().getErr(); // each rank names the pictures that it leaves out
    EncodeSummary s = job.sharedBy(ranked.ranks()).run();
    stdout.printf(
        Locale.ROOT,
        "%s in %s in %s%s%s%s%n",
        Counts.of(s.images(), "image"),
        Counts.of(s.shards(), "shard"),
        out,
        s.resumed() > 0 ? ", " + s.resumed() + " of them there before" : "",
        s.skipped() > 0 ? ", " + s.skipped() + " broken" + classless(job, options) : "",
        s.notRead() > 0 ? ", " + s.notRead() + " of formats that are not read" : "");
    stdout.flush();
    for (int channel : job.constantChannels()) {
      stderr.printf(
          "eqvae: warning: channel %d of the latents is the same everywhere: it tells a generator"
              + " nothing%n",
          channel);
    }
    sayRms(job, stderr);
  }

  private static String beside(PatchFeatures f) {
    return " and features of %s, %d×%d×%d".formatted(f.network(), f.side(), f.side(), f.width());
  }

  private static String classless(EncodeJob job, EncodeOptions options) {
    boolean some = options.labels() && job.source().isLabelled() && job.source().unlabelled() > 0;
    return some ? " or without a class" : "";
  }

  /** Schedules of noise are made for a root mean square of 1. */
  private void sayRms(EncodeJob job, PrintWriter err) {
    job.rms()
        .ifPresent(
            rms ->
                err.printf(
                    Locale.ROOT,
                    "eqvae: %s: a generator sees a root mean square of %.3f%s%n",
                    rms < RMS_LOW || rms > RMS_HIGH ? "warning" : "note",
                    rms,
                    rms < RMS_LOW || rms > RMS_HIGH
                        ? ", not near 1, with the scaling of this model: its latents have changed."
                            + " Convert it with --scaling-from "
                            + out.resolve("index.json")
                            + (job.gathers() ? " --scaling-kind patches" : "")
                            + ", or train the generator with the factor that stands there"
                        : ""));
    err.flush();
  }

  /** Prints the job's progress. */
  private static final class Listener implements EncodeJob.Listener {
    private PrintWriter err;
    private Optional<WatchedCounter> ticker = Optional.empty();

    Listener(PrintWriter err) {
      this.err = err;
    }

    @Override
    public void encoded(long images) {
      ticker.ifPresent(t -> t.at(images));
    }

    @Override
    public void note(String text) {
      err.println("eqvae: note: " + text);
      err.flush();
    }

    @Override
    public void notRead(String name, String cause) {
      err.println("eqvae: not read: " + FileNames.shown(name) + ": " + cause);
      err.flush();
    }

    @Override
    public void broken(String name, String cause) {
      new Console(err).skipped(name, cause);
    }
  }
}
