package io.github.eqvae.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/** What long runs of tests measured: a line of JSON each, printed and kept. */
public final class Results {
  private Results() {}

  /**
   * Prints a line and appends it to a file.
   *
   * @param property the system property that names the file; where it is not set the line is only
   *     printed
   * @param format of {@link String#format}, one JSON object
   * @param values what it shows
   */
  public static void say(String property, String format, Object... values) throws IOException {
    String line = String.format(Locale.ROOT, format, values) + "\n";
    System.out.print(line);
    String file = System.getProperty(property, "");
    if (!file.isEmpty()) {
      Files.writeString(
          Path.of(file),
          line,
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    }
  }
}
