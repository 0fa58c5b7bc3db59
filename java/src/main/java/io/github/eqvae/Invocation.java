package io.github.eqvae;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How this program was called, so that messages show commands that work where the user is: {@code
 * ./eqvae} in its own folder, {@code ../eqvae} below it, {@code eqvae} from PATH, or Java and a
 * jar.
 */
public final class Invocation {
  /** Characters that no shell changes. */
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_@%+=:,./~-]+");

  /** The jar of this program, not that of a program which embeds it. */
  private static final Pattern OWN_JAR = Pattern.compile("^(?:.*?/)?eqvae-[^/]*?\\.jar(?= |$)");

  private static volatile List<String> called = List.of();

  private Invocation() {}

  /**
   * Keeps the arguments of this process.
   *
   * @param arguments the command line, without the program
   */
  public static void begin(String... arguments) {
    called = List.of(arguments);
  }

  /**
   * The command line of this process as others can read it: {@code eqvae} and its arguments,
   * wherever it is installed here.
   *
   * @return the line
   */
  public static String published() {
    return called.stream()
        .map(a -> quote(a.replaceAll("\\R", " ")))
        .collect(Collectors.joining(" ", "eqvae ", ""))
        .strip();
  }

  /**
   * A command line of this program.
   *
   * @param arguments command and options, as the program would see them
   * @return text for a shell
   */
  public static String command(Object... arguments) {
    return line(
        System.getProperty("eqvae.launcher", ""),
        System.getProperty("sun.java.command", ""),
        arguments);
  }

  /**
   * The same in backticks, for a sentence.
   *
   * @param arguments command and options, as the program would see them
   * @return text for people
   */
  public static String shown(Object... arguments) {
    return "`" + command(arguments) + "`";
  }

  /**
   * Whether the launcher of a clone started this process, which can also build.
   *
   * @return false for a jar, a distribution, and for programs that embed the library
   */
  public static boolean canBuild() {
    return Boolean.getBoolean("eqvae.builds");
  }

  static String line(String launcher, String javaCommand, Object... arguments) {
    String quoted =
        List.of(arguments).stream()
            .map(a -> quote(String.valueOf(a)))
            .collect(Collectors.joining(" "));
    return program(launcher, javaCommand) + " " + quoted;
  }

  private static String program(String launcher, String javaCommand) {
    if (!launcher.isEmpty()) {
      return quote(launcher);
    }
    Matcher jar = OWN_JAR.matcher(javaCommand);
    return jar.find() ? "java -jar " + quote(jar.group()) : "eqvae";
  }

  /** Text that a POSIX shell reads as one word. */
  static String quote(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
