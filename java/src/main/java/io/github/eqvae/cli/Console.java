package io.github.eqvae.cli;

import io.github.eqvae.Invocation;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.log.Progress;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/** Prints the messages of a run to standard error, with the progress below them. */
final class Console implements RunObserver {
  private final PrintWriter err;
  private final Part part;
  private @Nullable Progress progress;
  private long linesEvery = 1;

  /**
   * The place of a run in a command.
   *
   * @param task a short name, which the progress shows
   * @param stepsAfter steps of the runs that follow
   */
  record Part(String task, long stepsAfter) {
    /** The only run. */
    static final Part WHOLE = new Part("training", 0);
  }

  Console(PrintWriter err) {
    this(err, Part.WHOLE);
  }

  Console(PrintWriter err, Part part) {
    this.err = err;
    this.part = part;
  }

  @Override
  public void say(String text) {
    err.println("eqvae: " + text);
    err.flush();
  }

  @Override
  public void note(String text) {
    say("note: " + text);
  }

  @Override
  public void started(long step, long steps) {
    progress = Progress.start(part.task(), steps, step, linesEvery).followedBy(part.stepsAfter());
  }

  @Override
  public void step(StepReport r) {
    if (progress != null) {
      progress.step(r.step(), r.values().getOrDefault("total", Double.NaN), r.samples());
    }
  }

  @Override
  public void slowed(String words) {
    if (progress != null) {
      progress.condition(words);
    }
  }

  @Override
  public void ended() {
    if (progress != null) {
      progress.close();
      progress = null;
    }
  }

  /** Trains until the end, or until Ctrl-C or SIGTERM; then prints {@code advice}. */
  Trainer.End train(TrainingRun<?> run, boolean resume, String advice) throws IOException {
    linesEvery = run.recipe().run().logEvery();
    run.begin(resume);
    try (StopSignal signal =
        new StopSignal(
            run::requestStop,
            () -> "stopped at step " + run.trainer().step() + " and saved; " + advice,
            run::unlock)) {
      Trainer.End end = run.train();
      signal.saved();
      return end;
    }
  }

  /** The same, with the advice to continue the run. */
  Trainer.End train(TrainingRun<?> run, boolean resume) throws IOException {
    return train(
        run, resume, "go on with: " + Invocation.command("train", "--resume", run.folder().path()));
  }
}
