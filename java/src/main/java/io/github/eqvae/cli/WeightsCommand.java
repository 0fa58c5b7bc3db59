package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.generator.checkpoint.Dinov2Weights;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Folders;
import io.github.eqvae.model.checkpoint.MetricWeights;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code eqvae weights}: lists files to download, and converts them. */
@Command(
    name = "weights",
    mixinStandardHelpOptions = true,
    description = {
      "Lists the published weights to download, and converts them.",
      "Nothing is downloaded. Files that you downloaded are compared with the published hashes,"
          + " read without running them, and converted to the safetensors files for recipes."
    },
    subcommands = {
      WeightsCommand.Lpips.class,
      WeightsCommand.Inception.class,
      WeightsCommand.Dinov2.class
    },
    footer = {
      "",
      "Examples:",
      "  eqvae weights",
      "  eqvae weights lpips vgg16-397923af.pth vgg.pth lpips-vgg16.safetensors",
      "  eqvae weights inception pt_inception-2015-12-05-6726825d.pth inception-fid.safetensors",
      "  eqvae weights dinov2 dinov2_vitb14_pretrain.pth dinov2-base.safetensors"
    })
final class WeightsCommand implements Callable<Integer> {
  private static final String AUTOENCODERS =
      """
      Autoencoders, to start from or to compare with: `inspect` and all commands read them as they are
        EQ-VAE        https://github.com/zelaki/eqvae, which links to them
        SD-VAE        https://huggingface.co/stabilityai/sd-vae-ft-ema, or sd-vae-ft-mse
        SDXL-VAE      https://huggingface.co/stabilityai/sdxl-vae
        SD3-VAE       https://huggingface.co/stabilityai/stable-diffusion-3-medium-diffusers, folder vae/
        SD-VAE-16     https://ommer-lab.com/files/latent-diffusion/kl-f16.zip
        VQ-GAN f16    https://github.com/CompVis/taming-transformers, its table of pretrained models
        No hash of these is published that could be checked here.
      """;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    MetricWeights.all()
        .forEach(
            (purpose, files) -> {
              out.println(
                  purpose.equals("lpips")
                      ? "LPIPS: perceptual loss and metric (docs/lpips.md)"
                      : "Inception-v3: rFID (docs/rfid.md)");
              files.forEach(
                  f ->
                      out.printf(
                          "  %s: %s%n    %s %s%n", f.name(), f.url(), f.algorithm(), f.hash()));
              out.println(
                  purpose.equals("lpips")
                      ? then("lpips", "vgg16-397923af.pth", "vgg.pth", "lpips-vgg16.safetensors")
                      : then(
                          "inception",
                          "pt_inception-2015-12-05-6726825d.pth",
                          "inception-fid.safetensors"));
              out.println();
            });
    out.println("DINOv2: features to align a generator with (docs/repa.md), and to compare by");
    Dinov2Weights.published()
        .forEach(
            n ->
                out.printf(
                    "  %s: %s%n    %s %s%n",
                    n.file().name(), n.file().url(), n.file().algorithm(), n.file().hash()));
    out.println(then("dinov2", "dinov2_vitb14_pretrain.pth", "dinov2-base.safetensors"));
    out.println();
    out.print(AUTOENCODERS);
    out.flush();
    return 0;
  }

  private static String then(String... arguments) {
    List<Object> all = new ArrayList<>(List.of("weights"));
    all.addAll(List.of(arguments));
    return "  then: " + Invocation.command(all.toArray());
  }

  /** Converts downloaded files to one file. */
  private abstract static class Conversion implements Callable<Integer> {
    @Option(
        names = "--unchecked",
        description = "Accepts files with other hashes than the published ones.")
    private boolean unchecked;

    @Option(names = "--overwrite", description = "Replaces OUT if it exists.")
    private boolean overwrite;

    @Spec private CommandSpec spec;

    /** The file to write. */
    abstract Path out();

    /** The files that are read. */
    abstract List<Path> read();

    /** Compares downloaded files with the published hashes. */
    abstract void check() throws IOException;

    abstract void write() throws IOException;

    @Override
    public final Integer call() throws IOException {
      OutputLock.requireFree(out(), overwrite);
      for (Path read : read()) {
        if (Folders.isSame(out(), read)) {
          throw new EqvaeException.Argument(
              out() + " is the file that is read; name another one for OUT");
        }
      }
      if (!unchecked) {
        check();
      }
      try (FolderLock _ = OutputLock.ofFile(out(), spec)) {
        OutputLock.requireFree(out(), overwrite); // another process may just have written it
        write();
      }
      spec.commandLine().getOut().println("wrote " + out());
      spec.commandLine().getOut().flush();
      return 0;
    }
  }

  /** {@code eqvae weights lpips}. */
  @Command(
      name = "lpips",
      mixinStandardHelpOptions = true,
      description = "Makes the file of LPIPS-VGG, for objective.lpips_weights.")
  static final class Lpips extends Conversion {
    @Parameters(index = "0", paramLabel = "VGG16", description = "vgg16-397923af.pth.")
    private Path vgg = Path.of(".");

    @Parameters(index = "1", paramLabel = "HEADS", description = "vgg.pth.")
    private Path heads = Path.of(".");

    @Parameters(index = "2", paramLabel = "OUT", description = "The safetensors file to write.")
    private Path out = Path.of(".");

    @Override
    Path out() {
      return out;
    }

    @Override
    List<Path> read() {
      return List.of(vgg, heads);
    }

    @Override
    void check() throws IOException {
      MetricWeights.VGG16.check(vgg);
      MetricWeights.LPIPS_HEADS.check(heads);
    }

    @Override
    void write() throws IOException {
      MetricWeights.writeLpips(vgg, heads, out);
    }
  }

  /** {@code eqvae weights inception}. */
  @Command(
      name = "inception",
      mixinStandardHelpOptions = true,
      description = "Makes the file of Inception-v3, for evaluation.inception_weights.")
  static final class Inception extends Conversion {
    @Parameters(
        index = "0",
        paramLabel = "INCEPTION",
        description = "pt_inception-2015-12-05-6726825d.pth.")
    private Path inception = Path.of(".");

    @Parameters(index = "1", paramLabel = "OUT", description = "The safetensors file to write.")
    private Path out = Path.of(".");

    @Override
    Path out() {
      return out;
    }

    @Override
    List<Path> read() {
      return List.of(inception);
    }

    @Override
    void check() throws IOException {
      MetricWeights.INCEPTION.check(inception);
    }

    @Override
    void write() throws IOException {
      MetricWeights.writeInception(inception, out);
    }
  }

  /** {@code eqvae weights dinov2}. */
  @Command(
      name = "dinov2",
      mixinStandardHelpOptions = true,
      description = {
        "Makes the file of DINOv2, for encode --features and evaluate --dinov2.",
        "Files of timm and transformers are read, too, with --unchecked: their hashes are not those"
            + " of torch.hub."
      })
  static final class Dinov2 extends Conversion {
    @Parameters(
        index = "0",
        paramLabel = "DINOV2",
        description = "Such as dinov2_vitb14_pretrain.pth, or a folder of transformers.")
    private Path dinov2 = Path.of(".");

    @Parameters(index = "1", paramLabel = "OUT", description = "The safetensors file to write.")
    private Path out = Path.of(".");

    @Option(
        names = "--heads",
        paramLabel = "N",
        description = "Attention heads, if they do not have 64 channels each.")
    private Optional<Integer> heads = Optional.empty();

    @Override
    Path out() {
      return out;
    }

    @Override
    List<Path> read() {
      return List.of(dinov2);
    }

    @Override
    void check() throws IOException {
      Dinov2Weights.check(dinov2);
    }

    @Override
    void write() throws IOException {
      Dinov2Weights.write(dinov2, heads.map(OptionalInt::of).orElseGet(OptionalInt::empty), out);
    }
  }
}
