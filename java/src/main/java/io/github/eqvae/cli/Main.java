package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.SafetensorsException;
import io.github.eqvae.io.torch.TorchFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line {@code eqvae}. */
@Command(
    name = "eqvae",
    mixinStandardHelpOptions = true,
    version = "eqvae 0.1.0",
    description = {
      "Trains autoencoders whose latent space is equivariant to scaling and rotation (EQ-VAE).%n"
    },
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DemoCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      CompareCommand.class,
      ReconstructCommand.class,
      EncodeCommand.class,
      DecodeCommand.class,
      WeightsCommand.class,
      ConvertCommand.class,
      InspectCommand.class,
      DoctorCommand.class
    },
    footer = {
      "",
      "Examples:",
      "  eqvae demo                                   train plain and EQ on Fashion-MNIST, compare",
      "  eqvae train recipes/photos.yaml --set data.path=photos",
      "  eqvae evaluate runs/photos                   PSNR, SSIM, equivariance error",
      "  eqvae compare runs/a runs/b                  several runs on one page",
      "  eqvae reconstruct runs/photos pictures/ out/ encode and decode a folder",
      "  eqvae encode vae/ pictures/ latents/         latents in shards, for training a generator",
      "  eqvae decode vae/ latents/ images/",
      "  eqvae inspect vae/                           what a checkpoint holds",
      "  eqvae convert model.ckpt vae/ --to diffusers",
      "  eqvae weights                                which published weights to fetch, and"
          + " converts them",
      "  eqvae doctor                                 what was found, what was not, what to do",
      "",
      "Exit codes: 0 done (also after Ctrl-C, once saved), 1 failed, 2 wrong command line."
    })
public final class Main implements Runnable {
  private static final int HELP_WIDTH = 100;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** For picocli. */
  public Main() {}

  @Override
  public void run() {
    throw new CommandLine.ParameterException(spec.commandLine(), "Say what to do.");
  }

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    System.exit(execute(arguments));
  }

  /**
   * Runs a command.
   *
   * @param arguments the command line
   * @return the exit code
   */
  public static int execute(String... arguments) {
    CommandLine line = new CommandLine(new Main());
    Notices.to(text -> line.getErr().println("eqvae: " + text));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setUsageHelpWidth(HELP_WIDTH);
    line.setExecutionExceptionHandler(Main::report);
    try {
      return line.execute(arguments);
    } catch (OutOfMemoryError e) {
      line.getErr()
          .println(
              "eqvae: Java's heap of %,d MB is too small for this (%s). Give it more:"
                      .formatted(Runtime.getRuntime().maxMemory() >> 20, e.getMessage())
                  + " JAVA_TOOL_OPTIONS=-Xmx4g; or smaller batches, pictures or"
                  + " data.cache_megabytes.");
      return 1;
    }
  }

  /** Users get a sentence; only bugs get a stack trace. */
  private static int report(Exception e, CommandLine line, CommandLine.ParseResult result)
      throws Exception {
    if (e instanceof UncheckedIOException io) {
      return report(io.getCause(), line, result);
    }
    String message =
        switch (e) {
          case EqvaeException.Internal bug -> throw bug;
          case EqvaeException known -> known.getMessage();
          case NoSuchFileException missing -> "There is no file " + missing.getMessage();
          case SafetensorsException file -> file.getMessage();
          case TorchFileException file -> file.getMessage();
          case PassingIoException later -> later.getMessage();
          case InvalidPathException name ->
              "'"
                  + FileNames.shown(name.getInput())
                  + "' cannot be the name of a file here ("
                  + name.getReason()
                  + "). If it has letters that are not ASCII: this shell has no UTF-8 locale; set"
                  + " LC_ALL=C.UTF-8.";
          case IOException io when io.getClass() == IOException.class && io.getMessage() != null ->
              io.getMessage();
          case IOException io -> io.getClass().getSimpleName() + ": " + io.getMessage();
          default -> throw e;
        };
    line.getErr().println("eqvae: " + message);
    return 1;
  }
}
