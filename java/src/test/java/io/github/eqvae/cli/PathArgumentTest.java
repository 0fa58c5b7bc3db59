package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class PathArgumentTest {
  @CommandLine.Command(name = "x")
  static final class Command implements Runnable {
    @CommandLine.Option(names = "--out")
    private Path out = Path.of("");

    @Override
    public void run() {}
  }

  private static String said(String value) {
    CommandLine line = new CommandLine(new Command());
    line.registerConverter(Path.class, PathArgument::parse);
    StringWriter err = new StringWriter();
    line.setErr(new PrintWriter(err));
    assertEquals(2, line.execute("--out", value));
    return err.toString();
  }

  /** Seen: results went to a folder with another name, and the command ended with 0. */
  @Test
  void bytesThatJavaHasLostAreNotWrittenElsewhere() {
    assertTrue(said("caf\ufffd").contains("'caf\ufffd' has bytes that are not UTF-8"));
    assertTrue(said("a\0b").contains("cannot be the name of a file here"));
    assertEquals(Path.of("two\nlines"), PathArgument.parse("two\nlines"));
    assertThrows(CommandLine.TypeConversionException.class, () -> PathArgument.parse("\ufffd"));
  }
}
