package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.Version;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.SafetensorsException;
import io.github.eqvae.io.WriteFailure;
import io.github.eqvae.io.torch.TorchFileException;
import io.github.eqvae.train.log.StatusLine;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line {@code eqvae}. */
@Command(
    name = "eqvae",
    mixinStandardHelpOptions = true,
    version = Version.TEXT,
    description = {
      "Trains autoencoders whose latent space is equivariant to scaling and rotation (EQ-VAE),"
          + " and generators on their latents.%n"
    },
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  eqvae demo                                   train plain and EQ on Fashion-MNIST, compare",
      "  eqvae train photos --set data.path=photos",
      "  eqvae evaluate runs/photos                   PSNR, SSIM, equivariance error",
      "  eqvae compare runs/a runs/b                  several runs on one page",
      "  eqvae reconstruct runs/photos pictures/ out/ encode and decode a folder",
      "  eqvae encode vae/ pictures/ latents/         latents in shards, for training a generator",
      "  eqvae decode vae/ latents/ images/",
      "  eqvae sample runs/dit --count 1000 --out samples.npz",
      "  eqvae inspect vae/                           what a checkpoint holds",
      "  eqvae convert model.ckpt vae/ --to diffusers",
      "  eqvae weights                                where published weights are, how to convert"
          + " them",
      "  eqvae doctor                                 what was found, what was not, what to do",
      "  source <(eqvae completion)                   tab completes commands, recipes and settings",
      "",
      "Exit codes: 0 done, 1 failed, 2 wrong command line, 130 stopped by Ctrl-C and 143 by"
          + " SIGTERM (a training is saved first)."
    })
public final class Main implements Runnable {
  /** Exit code after Ctrl-C, as in other programs: 128 plus the signal's number. */
  static final int STOPPED = 130;

  static final int HELP_WIDTH = 100;

  private static final List<String> VERSION = List.of("-V", "--version");

  @CommandLine.Option(
      names = {"-q", "--quiet"},
      scope = CommandLine.ScopeType.INHERIT,
      description = "Prints results and errors only: no progress, no notes.")
  private boolean quiet;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** Picocli calls this. */
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
    if (arguments.length == 1 && VERSION.contains(arguments[0])) {
      PrintStream out = System.out;
      out.println(Version.TEXT); // without reading how all commands look
      return;
    }
    StatusLine.install();
    int code = execute(arguments);
    StatusLine.end();
    System.exit(code);
  }

  /**
   * Runs a command.
   *
   * @param arguments the command line
   * @return the exit code
   */
  public static int execute(String... arguments) {
    Invocation.begin(arguments);
    Main main = new Main();
    CommandLine line = Commands.of(main, arguments);
    PrintStream standardError = System.err;
    PrintWriter errors = new PrintWriter(standardError, true);
    line.setErr(new PrintWriter(new Notes(errors), true));
    Notices.to(text -> line.getErr().println("eqvae: " + text));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setUsageHelpWidth(HELP_WIDTH);
    line.registerConverter(Path.class, PathArgument::parse);
    line.setExecutionStrategy(
        parsed -> {
          if (main.quiet) {
            StatusLine.silence();
            System.setErr(new PrintStream(OutputStream.nullOutputStream()));
            line.setErr(new PrintWriter(Writer.nullWriter()));
          }
          return RankedRun.isIdle(parsed, line.getErr())
              ? 0
              : new CommandLine.RunLast().execute(parsed);
        });
    Runnable speak =
        () -> {
          System.setErr(standardError);
          line.setErr(errors);
        };
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          speak.run();
          return report(e, command);
        });
    CommandLine.IParameterExceptionHandler usage = line.getParameterExceptionHandler();
    line.setParameterExceptionHandler(
        (e, words) -> { // commands also find options that exclude each other
          speak.run();
          return usage.handleParseException(e, words);
        });
    try {
      return line.execute(arguments);
    } catch (OutOfMemoryError e) {
      errors.println(
          "eqvae: Java's heap of %,d MB is too small for this (%s). Give it more:"
                  .formatted(Runtime.getRuntime().maxMemory() >> 20, e.getMessage())
              + " JAVA_TOOL_OPTIONS=-Xmx4g; or smaller batches, pictures or"
              + " data.cache_megabytes.");
      return 1;
    } finally {
      System.setErr(standardError);
    }
  }

  /** Errors are printed as text; only bugs get a stack trace. */
  static int report(Exception e, CommandLine line) throws Exception {
    if (e instanceof UncheckedIOException io) {
      return report(io.getCause(), line);
    }
    String message =
        switch (e) {
          case EqvaeException.Internal bug -> throw bug;
          case EqvaeException known -> known.getMessage();
          case FileAlreadyExistsException there -> isInTheWay(there.getMessage());
          case NoSuchFileException missing -> "There is no file or folder " + missing.getMessage();
          case SafetensorsException file -> file.getMessage();
          case TorchFileException file -> file.getMessage();
          case PassingIoException later -> later.getMessage();
          case InvalidPathException name -> PathArgument.refusal(name);
          case FileSystemException answer when answer.getFile() != null ->
              FileNames.shown(answer.getFile()) + ": " + WriteFailure.reason(answer);
          case IOException io when io.getClass() == IOException.class && io.getMessage() != null ->
              io.getMessage();
          case IOException io -> io.getClass().getSimpleName() + ": " + io.getMessage();
          default -> throw e;
        };
    line.getErr().println("eqvae: " + message);
    return 1;
  }

  /** The text for a file or folder that prevents creating a new one. */
  private static String isInTheWay(String path) {
    return path
        + (Files.exists(Path.of(path))
            ? " is there already; name another place"
            : " is a link to nothing; remove it, or make what it points to");
  }
}
