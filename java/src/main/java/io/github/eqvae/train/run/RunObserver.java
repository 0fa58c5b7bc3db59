package io.github.eqvae.train.run;

import io.github.eqvae.data.SkippedFiles;
import io.github.eqvae.train.StepReport;

/** Receives the messages of a run that are for people. Every method has an empty default. */
public interface RunObserver {
  /** Ignores all messages. */
  RunObserver NONE = new RunObserver() {};

  /**
   * Reports what the run does.
   *
   * @param text a line
   */
  default void say(String text) {}

  /**
   * Warns of a possible mistake, although nothing failed.
   *
   * @param text a sentence
   */
  default void note(String text) {}

  /**
   * A sample is left out, since its file is broken or of a format that is not read. Threads that
   * decode call this.
   *
   * @param name its name
   * @param cause what is wrong with it
   */
  default void skipped(String name, String cause) {
    say(SkippedFiles.line(name, cause));
  }

  /**
   * Steps begin.
   *
   * @param step steps done before
   * @param steps steps of the whole run
   */
  default void started(long step, long steps) {}

  /**
   * A step is done.
   *
   * @param report what it tells
   */
  default void step(StepReport report) {}

  /**
   * Reports that something slows the run down, or no longer does.
   *
   * @param words such as {@code busy machine}; empty for nothing
   */
  default void slowed(String words) {}

  /** No more steps come: the run is done, was stopped, or failed. */
  default void ended() {}
}
