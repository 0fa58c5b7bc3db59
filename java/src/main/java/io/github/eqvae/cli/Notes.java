package io.github.eqvae.cli;

import java.io.FilterWriter;
import java.io.IOException;
import java.io.Writer;
import java.util.HashSet;
import java.util.Set;

/** Passes lines on, but each note only once, even if it applies to two runs of a command. */
final class Notes extends FilterWriter {
  private static final String NOTE = "eqvae: note: ";

  private final Set<String> said = new HashSet<>();
  private final StringBuilder line = new StringBuilder();

  Notes(Writer out) {
    super(out);
  }

  @Override
  public void write(int c) throws IOException {
    synchronized (lock) {
      line.append((char) c);
      if (c == '\n') {
        end();
      }
    }
  }

  @Override
  public void write(char[] text, int offset, int length) throws IOException {
    synchronized (lock) {
      for (int i = offset; i < offset + length; i++) {
        write(text[i]);
      }
    }
  }

  @Override
  public void write(String text, int offset, int length) throws IOException {
    write(text.toCharArray(), offset, length);
  }

  private void end() throws IOException {
    String whole = line.toString();
    line.setLength(0);
    if (!whole.startsWith(NOTE) || said.add(whole)) {
      out.write(whole);
    }
  }

  @Override
  public void flush() throws IOException {
    synchronized (lock) {
      if (!line.isEmpty() && !NOTE.startsWith(line.toString()) && line.indexOf(NOTE) != 0) {
        out.write(line.toString()); // the beginning of a line that is not a note
        line.setLength(0);
      }
      out.flush();
    }
  }
}
