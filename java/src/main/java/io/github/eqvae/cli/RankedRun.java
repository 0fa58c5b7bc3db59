package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.CoreBinding;
import io.github.eqvae.ranks.RankEnvironment;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/**
 * This process as one rank. Only one rank prints: the first, or the second if the first is lost.
 * When a rank is lost, the others end within seconds, even during work that involves no other rank.
 */
final class RankedRun implements AutoCloseable {
  /** Seconds for a rank to end by itself, once another one is gone. */
  private static final long GRACE_SECONDS = 15;

  /** Commands that several processes share. */
  private static final Set<String> SHARED = Set.of("train", "encode", "sample", "evaluate");

  private final Communicator ranks;
  private final Optional<RankEnvironment> environment;
  private volatile String lost = "";
  private volatile boolean over;

  private RankedRun(Communicator ranks, Optional<RankEnvironment> environment) {
    this.ranks = ranks;
    this.environment = environment;
  }

  /** Meets the others, if the environment names any. */
  static RankedRun connect(Map<String, String> variables) {
    Optional<RankEnvironment> environment = RankEnvironment.of(variables);
    Communicator ranks = environment.map(RankEnvironment::connect).orElse(Communicator.alone());
    RankedRun run = new RankedRun(ranks, environment);
    ranks.onLoss(run::lost);
    return run;
  }

  /**
   * Whether this process has nothing to do, because a launcher started several and the command is
   * the work of one.
   *
   * @param parsed the command line
   * @param err where the working process says so
   */
  static boolean isIdle(CommandLine.ParseResult parsed, PrintWriter err) {
    String command = parsed.hasSubcommand() ? parsed.subcommand().commandSpec().name() : "";
    if (SHARED.contains(command)) {
      return false;
    }
    try {
      Optional<RankEnvironment> environment = RankEnvironment.of(System.getenv());
      environment
          .filter(e -> e.rank() == 0)
          .ifPresent(
              e ->
                  err.println(
                      "eqvae: note: "
                          + e.launcher()
                          + " started "
                          + e.size()
                          + " processes, and `eqvae "
                          + command
                          + "` is the work of one; the others end"));
      return environment.isPresent() && environment.get().rank() > 0;
    } catch (EqvaeException.Argument e) {
      return false; // variables that this command does not need
    }
  }

  Communicator ranks() {
    return ranks;
  }

  /** Ranks after the first print nothing. */
  void silence(CommandLine command) {
    if (!ranks.isFirst()) {
      command.setOut(new PrintWriter(Writer.nullWriter()));
      command.setErr(new PrintWriter(Writer.nullWriter()));
    }
  }

  /** What is worth saying of how this process was started. */
  Optional<String> notice() {
    return ranks.isFirst() ? CoreBinding.notice(System.getenv()) : Optional.empty();
  }

  /** Threads for a rank that shares its machine with others, where the recipe names no number. */
  Optional<Integer> threads() {
    int there = Runtime.getRuntime().availableProcessors();
    int shared = environment.map(RankEnvironment::localSize).orElse(1);
    return shared == 1 || CoreBinding.notice(System.getenv()).isPresent()
        ? Optional.empty()
        : Optional.of(Math.max(1, there / shared));
  }

  private void lost(String reason) {
    lost = reason;
    Thread.ofPlatform()
        .daemon()
        .name("eqvae-lost")
        .start(
            () -> {
              try {
                TimeUnit.SECONDS.sleep(GRACE_SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              if (!over) {
                if (speaks()) {
                  System.err.println("eqvae: " + reason);
                  System.err.flush();
                }
                Runtime.getRuntime().halt(1);
              }
            });
  }

  /** Whether this process prints why the run ended. */
  private boolean speaks() {
    return ranks.isFirst() || (ranks.rank() == 1 && lost.startsWith("rank 0 of "));
  }

  /** Work of a rank. */
  interface Work {
    int run() throws Exception;
  }

  /**
   * Runs this rank's work. If it fails, all ranks end; only one prints why.
   *
   * @param advice what to do after a rank was lost
   */
  int run(Work work, String advice) throws Exception {
    try {
      int code = work.run();
      over = true;
      return code;
    } catch (Exception | OutOfMemoryError e) {
      over = true;
      if (!lost.isEmpty()) {
        if (!speaks()) {
          return 1;
        }
        boolean gone = lost.contains(" is gone:"); // otherwise the reason says what to do
        throw new EqvaeException.Environment(gone ? lost + ". " + advice : lost);
      }
      if (!ranks.isAlone()) {
        ranks.abort(e instanceof IOException ? String.valueOf(e) : String.valueOf(e.getMessage()));
      }
      if (ranks.isFirst()
          || e instanceof EqvaeException.Internal
          || e instanceof RuntimeException && !(e instanceof EqvaeException)) {
        throw e;
      }
      return 1;
    }
  }

  @Override
  public void close() {
    ranks.close();
  }
}
