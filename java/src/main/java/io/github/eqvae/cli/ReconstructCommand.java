package io.github.eqvae.cli;

import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.Recipe;
import io.github.eqvae.train.TrainedModel;
import io.github.eqvae.train.Trainer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae reconstruct}: a folder of pictures through the autoencoder. */
@Command(
    name = "reconstruct",
    mixinStandardHelpOptions = true,
    description = {
      "Encodes and decodes a picture or a folder of pictures.",
      "Writes PNG files of the same names. Pictures are cut to a centred square of the model's"
          + " resolution, or with --whole kept as they are. --rotate and --scale transform the"
          + " latent in between."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae reconstruct runs/photos pictures/ out/",
      "  eqvae reconstruct runs/photos pictures/ out/ --rotate 90 --scale 0.5",
      "  eqvae reconstruct sd-vae-ft-ema/ pictures/ out/ --whole --tile 512"
    })
final class ReconstructCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "Folder of a run, or any checkpoint that `eqvae inspect` reads.")
  private Path run = Path.of(".");

  @Parameters(index = "1", paramLabel = "IN", description = "A picture or a folder of pictures.")
  private Path in = Path.of(".");

  @Parameters(index = "2", paramLabel = "OUT", description = "Folder for the results.")
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
      description = "Pictures keep their size; the last rows are repeated up to a multiple.")
  private boolean whole;

  @Mixin private TileOption tile = new TileOption();

  @Mixin private DeviceOption device = new DeviceOption();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    if (rotate % 90 != 0) {
      throw new io.github.eqvae.EqvaeException.Argument(
          "--rotate " + rotate + ": multiples of 90 are possible");
    }
    boolean transforms = rotate != 0 || scale != 1;
    if (whole && transforms) {
      throw new io.github.eqvae.EqvaeException.Argument(
          "--whole goes without --rotate and --scale, which transform squares");
    }
    boolean squares = Files.exists(run) && !whole && TrainedModel.isRun(run);
    if (squares && tile.tiling().isPresent()) {
      throw new io.github.eqvae.EqvaeException.Argument(
          "--tile goes with --whole: the squares of a run are as small as those it was trained on");
    }
    if (Files.exists(run) && (whole || !TrainedModel.isRun(run))) {
      return checkpoint(transforms, stdout, stderr);
    }
    RunFolder folder = new RunFolder(run);
    List<String> overrides = new ArrayList<>();
    device.addTo(overrides);
    Recipe recipe = folder.readRecipe(overrides);
    SpatialTransform tau =
        new SpatialTransform(
            scale,
            scale,
            Math.floorMod(rotate / 90, 4),
            false,
            false,
            recipe.objective().eqOptions().interpolation());
    ImageFolder pictures =
        ImageFolder.open(
            in,
            DecodeOptions.DEFAULT,
            (name, cause) -> stderr.println("eqvae: skipped broken image " + name + ": " + cause));
    Files.createDirectories(out);
    int done = 0;
    try (Trainer trainer = new Trainer(recipe)) {
      trainer.resume(folder.latest(recipe, stderr));
      trainer.useAverage();
      try (Evaluator evaluator = new Evaluator(trainer.vae(), null, trainer.stream())) {
        for (int i = 0; i < pictures.size(); i++) {
          Image image;
          try {
            image = pictures.load(i);
          } catch (IOException broken) {
            continue; // named by the folder itself
          }
          write(evaluator, recipe, image, i, pictures.name(i), tau);
          done++;
        }
      }
    }
    int broken = pictures.skipped().size();
    stdout.println(
        done
            + (done == 1 ? " picture" : " pictures")
            + " written to "
            + out
            + (broken > 0 ? ", " + broken + " broken" : ""));
    stdout.flush();
    return 0;
  }

  private void write(
      Evaluator evaluator, Recipe recipe, Image image, int index, String name, SpatialTransform tau)
      throws IOException {
    int side = recipe.data().resolution();
    int channels = recipe.data().channels();
    Image square =
        new Transform.CenterCrop(side)
            .apply(image, new SampleRandom(0, 0, index))
            .withChannels(channels);
    float[] x = new float[side * side * channels];
    square.toSigned(x, 0);
    float[] y = evaluator.decode(x, 1, side, tau);
    int result = (int) Math.round(Math.sqrt(y.length / (double) channels));
    Path target = out.resolve(name.replaceAll("\\.[^./]+$", "") + ".png");
    Files.createDirectories(target.toAbsolutePath().getParent());
    Images.writePng(
        target, Image.ofFloats(result, y.length / channels / result, channels, y, 0, -1, 1));
  }

  /** Through the interface for programs. */
  private int checkpoint(boolean transforms, PrintWriter stdout, PrintWriter stderr)
      throws IOException {
    if (transforms) {
      throw new io.github.eqvae.EqvaeException.Argument(
          "--rotate and --scale work on runs; " + run + " is another checkpoint");
    }
    ImageFolder pictures =
        ImageFolder.open(
            in,
            DecodeOptions.DEFAULT,
            (name, cause) -> stderr.println("eqvae: skipped broken image " + name + ": " + cause));
    int done = 0;
    try (Device on = device.name().map(Device::open).orElseGet(Device::best);
        Vae vae = Vae.load(run, on)) {
      Ticker ticker = new Ticker(stderr, "reconstructed", pictures.size(), 0);
      for (int i = 0; i < pictures.size(); i++) {
        Image image;
        try {
          image = pictures.load(i).withChannels(vae.imageChannels());
        } catch (IOException broken) {
          continue; // named by the folder itself
        }
        if (!whole) {
          image =
              new Transform.CenterCrop(vae.resolution()).apply(image, new SampleRandom(0, 0, i));
        }
        ImageBatch batch = ImageBatch.ofImages(List.of(image));
        Latents latents = tile.encode(vae, batch.padToMultiple(vae.downsamplingFactor()));
        ImageBatch again = tile.decode(vae, latents).crop(image.height(), image.width());
        Path target = out.resolve(pictures.name(i).replaceAll("\\.[^./]+$", "") + ".png");
        Files.createDirectories(target.toAbsolutePath().getParent());
        Images.writePng(target, again.image(0));
        ticker.at(++done);
      }
      stdout.printf(
          Locale.ROOT,
          "%d %s written to %s, %,d MB of memory beside the weights%n",
          done,
          done == 1 ? "picture" : "pictures",
          out,
          vae.memory().liveBytes() >> 20);
      stdout.flush();
    }
    return 0;
  }
}
