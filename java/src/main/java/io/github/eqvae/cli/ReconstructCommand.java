package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae reconstruct}: encodes and decodes a folder of pictures. */
@Command(
    name = "reconstruct",
    mixinStandardHelpOptions = true,
    description = {
      "Encodes and decodes a picture or a folder of pictures.",
      "Writes PNG files of the same names into the folder OUT; of one picture the file OUT if it"
          + " ends with .png or .jpg. Pictures are cut to squares of the model's resolution,"
          + " or with --whole kept as they are. --rotate and --scale transform the latent of the"
          + " square in between."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae reconstruct runs/photos pictures/ out/",
      "  eqvae reconstruct runs/photos picture.webp out.jpg",
      "  eqvae reconstruct runs/photos pictures/ out/ --rotate 90 --scale 0.5",
      "  eqvae reconstruct sd-vae-ft-ema/ pictures/ out/ --whole --tile 512"
    })
final class ReconstructCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Folder of a run, or any checkpoint that `eqvae inspect` reads.")
  private Path model = Path.of(".");

  @Parameters(index = "1", paramLabel = "IN", description = "A picture or a folder of pictures.")
  private Path in = Path.of(".");

  @Parameters(
      index = "2",
      paramLabel = "OUT",
      description =
          "A folder for the results, or of one picture the file: a name that ends with .png or"
              + " .jpg.")
  private Path out = Path.of(".");

  @Option(
      names = "--rotate",
      paramLabel = "DEGREES",
      defaultValue = "0",
      description = "Rotate the latent clockwise: 0, 90, 180 or 270.")
  private int rotate;

  @Option(
      names = "--scale",
      paramLabel = "FACTOR",
      defaultValue = "1",
      description = "Scale the latent, in (0, 1].")
  private double scale;

  @Option(
      names = "--whole",
      description = "Keeps the size of pictures: pads them to a multiple and crops the result.")
  private boolean whole;

  @Mixin private SquareOptions square = new SquareOptions();

  @Option(names = "--overwrite", description = "Replaces results that exist already.")
  private boolean overwrite;

  @Mixin private TileOption tile = new TileOption();

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    if (rotate % 90 != 0) {
      throw new EqvaeException.Argument("--rotate " + rotate + ": multiples of 90 are possible");
    }
    if (!(scale > 0 && scale <= 1)) {
      throw new EqvaeException.Argument("--scale " + scale + ": above 0, and at most 1");
    }
    boolean transforms = rotate != 0 || scale != 1;
    if (transforms && (whole || tile.tiling().isPresent())) {
      throw new EqvaeException.Argument(
          "--rotate and --scale transform squares: leave out --whole and --tile");
    }
    if (whole && square.isGiven()) {
      throw new EqvaeException.Argument(
          "--size and --crop say how pictures become squares: leave out --whole");
    }
    if (!Files.exists(model)) {
      throw new EqvaeException.Argument("There is no file or folder " + model);
    }
    SkippedFiles skipped = new SkippedFiles(new Console(stderr)::skipped);
    ImageFolder pictures = ImageFolder.open(in, square.decode(square.crop(otherwise())), skipped);
    // checked before anything is computed or written
    PictureTarget.requireOutside(in, out);
    List<Path> targets = targets(pictures);
    requireFree(targets);
    int done = 0;
    NotFinite notFinite = new NotFinite(stderr);
    try (Device on = DeviceOption.open(device.name(), stderr);
        Stream stream = new Stream(on);
        Coder coder = transforms ? new Transforming(stream, notFinite) : new Plain(on, notFinite);
        FolderLock _ =
            PictureTarget.isFile(in, out)
                ? OutputLock.ofFile(out, spec)
                : OutputLock.ofFolder(out, spec)) {
      requireFree(targets); // another process may just have written them
      WatchedCounter ticker = new WatchedCounter(stderr, "reconstructed", pictures.size(), 0, on);
      for (int i = 0; i < pictures.size(); i++) {
        Image image;
        try {
          image = coder.load(pictures, i);
        } catch (PassingIoException later) {
          throw later;
        } catch (IOException broken) {
          continue; // the folder reports it
        }
        Optional<Image> result = coder.reconstruct(image, pictures.name(i));
        if (result.isEmpty()) {
          continue; // already reported
        }
        Path target = targets.get(i);
        Files.createDirectories(target.toAbsolutePath().getParent());
        PictureTarget.write(target, result.get());
        ticker.at(++done);
      }
      stdout.printf(
          Locale.ROOT,
          "%d %s written to %s%s, %,d MB of memory beside the weights%n",
          done,
          done == 1 ? "picture" : "pictures",
          out,
          skipped.text(),
          coder.bytes() >> 20);
      stdout.flush();
      notFinite.failIfAny("Activations of the model overflow.");
    }
    return 0;
  }

  private static boolean isBad(NotFinite notFinite, String name, float[] pixels) {
    return notFinite.isAny(name, pixels, 0, pixels.length, "its reconstruction");
  }

  private void requireFree(List<Path> targets) throws IOException {
    for (Path target : targets) {
      requireFree(target);
    }
  }

  private void requireFree(Path target) throws IOException {
    Path result = target.toAbsolutePath().normalize();
    boolean isSource =
        Files.exists(result)
            && (Files.isRegularFile(in)
                ? Files.isSameFile(result, in)
                : result.toRealPath().startsWith(in.toRealPath()));
    if (isSource) {
      throw new EqvaeException.Argument(
          target + " is one of the pictures to be read; name another place for the results");
    }
    if (!overwrite && Files.exists(result)) {
      throw new EqvaeException.Argument(
          target + " is there already; name another folder, or add --overwrite");
    }
  }

  /** The targets of the results, in the order of the pictures; for one picture it may be a file. */
  private List<Path> targets(ImageFolder pictures) {
    if (PictureTarget.isFile(in, out)) {
      return List.of(out);
    }
    List<String> all = IntStream.range(0, pictures.size()).mapToObj(pictures::name).toList();
    PngNames names = new PngNames(out, all);
    return all.stream().map(names::of).toList();
  }

  /** Reconstructs pictures. */
  private interface Coder extends AutoCloseable {
    /** Reads a picture and prepares it. */
    Image load(ImageFolder pictures, int index) throws IOException;

    /** The reconstruction; empty if it is not finite. */
    Optional<Image> reconstruct(Image image, String name);

    /** The memory that was used on the device. */
    long bytes();

    @Override
    void close();
  }

  private Crop otherwise() {
    boolean isCenter = whole || TrainedModel.isRun(model);
    return isCenter ? Crop.CENTER : Crop.ADM;
  }

  /** How pictures become squares: as in training, or as papers measure published models. */
  private Squares squares(int resolution, int downsamplingFactor) {
    return square.squares(square.side(resolution, downsamplingFactor), otherwise());
  }

  /** Reconstructs with {@link Vae}. */
  private final class Plain implements Coder {
    private final NotFinite notFinite;
    private final Vae vae;
    private final Optional<Squares> squares; // empty for whole pictures

    Plain(Device on, NotFinite notFinite) throws IOException {
      this.notFinite = notFinite;
      vae = Vae.load(model, on, VaeOptions.defaults().withWeights(weights.choice()));
      WeightsOption.say(spec.commandLine().getErr(), model, vae.weightsNote());
      try {
        squares =
            whole
                ? Optional.empty()
                : Optional.of(squares(vae.resolution(), vae.downsamplingFactor()));
      } catch (RuntimeException e) {
        vae.close();
        throw e;
      }
    }

    @Override
    public Image load(ImageFolder pictures, int index) throws IOException {
      return squares.isPresent() ? squares.get().load(pictures, index) : pictures.load(index);
    }

    @Override
    public Optional<Image> reconstruct(Image image, String name) {
      ImageBatch batch = ImageBatch.ofImages(List.of(image.withChannels(vae.imageChannels())));
      Latents latents = tile.encode(vae, batch.padToMultiple(vae.downsamplingFactor()));
      ImageBatch again = tile.decode(vae, latents).crop(image.height(), image.width());
      return isBad(notFinite, name, again.pixels())
          ? Optional.empty()
          : Optional.of(again.image(0));
    }

    @Override
    public long bytes() {
      return vae.memory().liveBytes();
    }

    @Override
    public void close() {
      vae.close();
    }
  }

  /** Reconstructs squares whose latents are transformed before decoding. */
  private final class Transforming implements Coder {
    private final NotFinite notFinite;
    private final Stream stream;
    private final Autoencoder vae;
    private final Evaluator evaluator;
    private final long bytesOfWeights;
    private final SpatialTransform tau;
    private final Squares squares;

    Transforming(Stream stream, NotFinite notFinite) throws IOException {
      this.notFinite = notFinite;
      EqOptions options = EqOptions.RELEASED;
      int side;
      this.stream = stream;
      if (TrainedModel.isRun(model)) {
        options = TrainedModel.recipe(model).objective().eqOptions();
        side = TrainedModel.recipe(model).data().resolution();
        vae = TrainedModel.load(model, stream, weights.choice());
      } else {
        try (AutoencoderCheckpoint checkpoint =
            AutoencoderCheckpoint.open(model, weights.choice())) {
          WeightsOption.say(spec.commandLine().getErr(), model, checkpoint.weightsNote());
          vae = checkpoint.load(stream);
          side = vae.config().resolution();
        }
      }
      bytesOfWeights = stream.device().memory().liveBytes();
      evaluator = new Evaluator(vae, null, stream);
      try {
        squares = squares(side, vae.config().downsamplingFactor());
      } catch (RuntimeException e) {
        close();
        throw e;
      }
      tau =
          new SpatialTransform(
              scale, scale, Math.floorMod(rotate / 90, 4), false, false, options.interpolation());
    }

    @Override
    public Image load(ImageFolder pictures, int index) throws IOException {
      return squares.load(pictures, index);
    }

    @Override
    public Optional<Image> reconstruct(Image picture, String name) {
      Image image = picture.withChannels(vae.config().inChannels());
      int channels = image.channels();
      float[] x = new float[image.width() * image.height() * channels];
      image.toSigned(x, 0);
      float[] y = evaluator.decode(x, 1, image.width(), tau);
      int result = (int) Math.round(Math.sqrt(y.length / (double) channels));
      return isBad(notFinite, name, y)
          ? Optional.empty()
          : Optional.of(Image.ofFloats(result, result, channels, y, 0, -1, 1));
    }

    @Override
    public long bytes() {
      return stream.device().memory().liveBytes() - bytesOfWeights;
    }

    @Override
    public void close() {
      evaluator.close();
      vae.close();
    }
  }
}
