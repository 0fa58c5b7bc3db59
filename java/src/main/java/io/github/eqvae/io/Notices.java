package io.github.eqvae.io;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Notes for users about things that are not failures, such as a file system that lacks a feature.
 * They go to the logger of the Java platform; the command line prints them instead.
 */
public final class Notices {
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();
  private static volatile Consumer<String> sink =
      text -> System.getLogger("io.github.eqvae").log(System.Logger.Level.WARNING, text);

  private Notices() {}

  /**
   * Sends notes to another receiver.
   *
   * @param receiver gets each note, from any thread
   */
  public static void to(Consumer<String> receiver) {
    sink = receiver;
  }

  /**
   * Sends a note, but only the first one about its subject.
   *
   * @param subject what it is about
   * @param text a whole sentence
   */
  public static void once(String subject, String text) {
    if (SAID.add(subject)) {
      sink.accept("warning: " + text);
    }
  }

  /**
   * Sends a note about progress.
   *
   * @param text a whole sentence
   */
  public static void tell(String text) {
    sink.accept(text);
  }

  /** Forgets which notes were sent, so that a test gets them again. */
  static void forget() {
    SAID.clear();
  }
}
