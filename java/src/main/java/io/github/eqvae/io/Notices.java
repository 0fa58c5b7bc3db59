package io.github.eqvae.io;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * What users should know although nothing failed, such as a file system that lacks something. Goes
 * to the logger of Java's platform; the command line prints it instead.
 */
public final class Notices {
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();
  private static volatile Consumer<String> sink =
      text -> System.getLogger("io.github.eqvae").log(System.Logger.Level.WARNING, text);

  private Notices() {}

  /**
   * Sends notices elsewhere.
   *
   * @param receiver told each one, from any thread
   */
  public static void to(Consumer<String> receiver) {
    sink = receiver;
  }

  /**
   * Tells something, the first time only.
   *
   * @param subject what it is about: of several texts about it the first is told
   * @param text a whole sentence
   */
  public static void once(String subject, String text) {
    if (SAID.add(subject)) {
      sink.accept("warning: " + text);
    }
  }

  /**
   * Tells how something gets on.
   *
   * @param text a whole sentence
   */
  public static void tell(String text) {
    sink.accept(text);
  }

  /** Forgets what was said, so that a test hears it again. */
  static void forget() {
    SAID.clear();
  }
}
