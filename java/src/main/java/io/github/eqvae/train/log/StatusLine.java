package io.github.eqvae.train.log;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A status line at the bottom of a terminal: each update overwrites it, and other output appears
 * above it. Output to {@link #above} first erases the line, so that no message is appended to it;
 * the next update shows it again. The line is cut to the terminal's width, because a line that
 * wraps cannot be overwritten. Thread-safe.
 */
public final class StatusLine {
  /**
   * Moves to the first column and erases to the end; all terminals but {@code dumb} understand it.
   */
  private static final String ERASE = "\r\033[K";

  private static final int USUAL_WIDTH = 80;
  private static final long WIDTH_EVERY_NANOS = 5_000_000_000L;

  private static volatile @Nullable StatusLine installed;

  private final OutputStream terminal;
  private final Charset charset;
  private final IntSupplier width;
  private boolean shown;
  private boolean midLine;

  /**
   * A line on a terminal.
   *
   * @param terminal where to write
   * @param charset of the terminal
   * @param width its columns, asked at each update
   */
  StatusLine(OutputStream terminal, Charset charset, IntSupplier width) {
    this.terminal = terminal;
    this.charset = charset;
    this.width = width;
  }

  /**
   * Takes over standard error if that is a terminal, and standard output, which may be the same
   * one; to be called before anything is printed.
   */
  public static void install() {
    if (installed == null && errorIsTerminal()) {
      PrintStream err = System.err;
      StatusLine line = new StatusLine(err, err.charset(), new Width());
      install(line);
      System.setErr(line.above(err));
      System.setOut(line.above(System.out));
    }
  }

  /** For tests, which have no terminal. */
  static void install(StatusLine line) {
    installed = line;
  }

  /** Erases the line and shows none from now on: progress is printed to standard error as lines. */
  public static void silence() {
    end();
    installed = null;
  }

  /** Erases the line for good, at the end of the program. */
  public static void end() {
    StatusLine line = installed;
    if (line != null) {
      line.erase();
    }
  }

  /** The line on standard error; null if that is not a terminal. */
  static @Nullable StatusLine installed() {
    return installed;
  }

  /** A stream whose output appears above the line. */
  PrintStream above(PrintStream to) {
    return new PrintStream(new Above(to), true, to.charset());
  }

  private synchronized void erase() {
    if (shown) {
      write(ERASE);
      shown = false;
    }
  }

  /**
   * Updates the line.
   *
   * @param text without line ends; cut to the width
   */
  synchronized void show(String text) {
    if (midLine) {
      return; // other output has begun a line and not ended it
    }
    int columns = Math.max(1, width.getAsInt() - 1); // some terminals wrap after the last column
    int end = text.offsetByCodePoints(0, Math.min(columns, text.codePointCount(0, text.length())));
    write(ERASE + text.substring(0, end));
    shown = true;
  }

  /** The columns that a text may take. */
  int columns() {
    return Math.max(1, width.getAsInt() - 1);
  }

  /** Keeps the line as it is and continues on the next one. */
  synchronized void finish() {
    if (shown) {
      write(System.lineSeparator());
      shown = false;
    }
  }

  private void write(String text) {
    try {
      terminal.write(text.getBytes(charset));
      terminal.flush();
    } catch (IOException e) {
      shown = false; // the terminal is gone; the run goes on
    }
  }

  /** Erases the line before other output is written. */
  private final class Above extends OutputStream {
    private final OutputStream to;

    Above(OutputStream to) {
      this.to = to;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      synchronized (StatusLine.this) {
        if (length == 0) {
          return;
        }
        erase();
        to.write(bytes, offset, length);
        midLine = bytes[offset + length - 1] != '\n';
      }
    }

    @Override
    public void flush() throws IOException {
      to.flush();
    }
  }

  /**
   * The columns to draw in.
   *
   * @param environment the shell's variables
   * @param stty what {@code stty size} says: rows and columns; empty if it says nothing
   */
  static int width(Map<String, String> environment, String stty) {
    String[] size = stty.strip().split("\\s+");
    String columns = size.length == 2 ? size[1] : environment.getOrDefault("COLUMNS", "");
    return columns.matches("[1-9][0-9]{1,3}") ? Integer.parseInt(columns) : USUAL_WIDTH;
  }

  /**
   * The terminal's width, asked for from time to time, because users resize windows during a run.
   */
  private static final class Width implements IntSupplier {
    private long asked;
    private int columns;

    @Override
    public synchronized int getAsInt() {
      long now = System.nanoTime();
      if (columns == 0 || now - asked > WIDTH_EVERY_NANOS) {
        columns = width(System.getenv(), stty());
        asked = now;
      }
      return columns;
    }

    private static String stty() {
      try {
        Process process =
            new ProcessBuilder("stty", "size")
                .redirectInput(Path.of("/dev/tty").toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String text = new String(process.getInputStream().readNBytes(100));
        return process.waitFor(1, TimeUnit.SECONDS) && process.exitValue() == 0 ? text : "";
      } catch (IOException e) {
        return ""; // no such program or terminal
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return "";
      }
    }
  }

  private static boolean errorIsTerminal() {
    if ("dumb".equals(System.getenv("TERM"))) {
      return false;
    }
    // Java only knows about standard input and output; Linux tells where standard error goes.
    Path target = Path.of("/proc/self/fd/2");
    if (Files.isSymbolicLink(target)) {
      try {
        String file = Files.readSymbolicLink(target).toString();
        return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty");
      } catch (IOException e) {
        return false; // If unknown, print whole lines, which are readable anywhere.
      }
    }
    return System.console() != null && System.console().isTerminal();
  }
}
