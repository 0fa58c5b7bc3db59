package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Names of files as text, without loss. A file system stores names as bytes: old zip files contain
 * names in Latin-1, and in a shell without a UTF-8 locale Java cannot represent names that are not
 * ASCII. Here a name is its UTF-8 text. A byte that is not UTF-8 becomes the lone surrogate U+DC00
 * + byte, as in Python's {@code os.fsdecode} (PEP 383), so a Python program can open a file by its
 * name in a JSON file.
 */
public final class FileNames {
  private static final int ESCAPED = 0xDC00;
  private static final int FIRST_ESCAPED = 0xDC80;
  private static final int LAST_ESCAPED = 0xDCFF;

  private FileNames() {}

  /**
   * The name of a file.
   *
   * @param relative a path relative to some folder
   * @return its text, with {@code /} between folders
   */
  public static String of(Path relative) {
    String text = relative.toString();
    boolean isDefault = relative.getFileSystem() == FileSystems.getDefault();
    if (!isDefault || (pathsAreUtf8() && text.indexOf('\uFFFD') < 0)) {
      return text.replace(relative.getFileSystem().getSeparator(), "/");
    }
    // only a URI has the bytes of a path
    String folder = Path.of("").toAbsolutePath().toUri().getRawPath();
    int from = folder.endsWith("/") ? folder.length() : folder.length() + 1;
    String raw = relative.toUri().getRawPath().substring(from);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < raw.length(); i++) {
      if (raw.charAt(i) == '%') {
        bytes.write(Integer.parseInt(raw, i + 1, i + 3, 16));
        i += 2;
      } else {
        bytes.write(raw.charAt(i));
      }
    }
    String name = decode(bytes.toByteArray());
    return name.endsWith("/") ? name.substring(0, name.length() - 1) : name;
  }

  /**
   * The file of a name.
   *
   * @param folder the folder it is relative to
   * @param name a name of {@link #of}
   * @return the path
   * @throws EqvaeException.Argument if no file can have such a name
   */
  public static Path resolve(Path folder, String name) {
    if (name.indexOf('\0') >= 0) {
      throw new EqvaeException.Argument("'" + shown(name) + "' cannot be the name of a file");
    }
    try {
      if (pathsAreUtf8() && name.chars().noneMatch(c -> c >= FIRST_ESCAPED && c <= LAST_ESCAPED)) {
        return folder.resolve(name);
      }
      StringBuilder uri = new StringBuilder("file:///");
      for (byte b : encode(name)) {
        uri.append(b == '/' ? "/" : String.format(Locale.ROOT, "%%%02X", b & 0xff));
      }
      Path absolute = Path.of(URI.create(uri.toString()));
      return name.startsWith("/")
          ? absolute
          : folder.resolve(absolute.subpath(0, absolute.getNameCount()));
    } catch (InvalidPathException e) {
      throw new EqvaeException.Argument("'" + shown(name) + "' cannot be the name of a file");
    }
  }

  /** Whether Java's paths can represent any text. */
  private static boolean pathsAreUtf8() {
    return "UTF-8".equalsIgnoreCase(System.getProperty("sun.jnu.encoding", "UTF-8"));
  }

  /**
   * Bytes as text.
   *
   * @param bytes a name as a file system or an archive has it
   * @return the name
   */
  static String decode(byte[] bytes) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharBuffer out = CharBuffer.allocate(bytes.length);
    while (true) {
      CoderResult result = decoder.decode(in, out, true);
      if (result.isUnderflow()) {
        return out.flip().toString();
      }
      for (int i = 0; i < result.length(); i++) {
        out.put((char) (ESCAPED + (in.get() & 0xff)));
      }
      decoder.reset();
    }
  }

  /**
   * Text as bytes.
   *
   * @param name a name
   * @return its bytes; {@link #decode} returns the name again
   * @throws EqvaeException.Argument if it is neither valid text nor encoded bytes
   */
  static byte[] encode(String name) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    name.codePoints()
        .forEach(
            c -> {
              if (c >= FIRST_ESCAPED && c <= LAST_ESCAPED) {
                bytes.write(c - ESCAPED);
              } else if (Character.getType(c) == Character.SURROGATE) {
                throw new EqvaeException.Argument(
                    "'" + shown(name) + "' cannot be the name of a file");
              } else {
                bytes.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
              }
            });
    return bytes.toByteArray();
  }

  /**
   * A name as one line of printable text: {@code \n}, {@code \r}, {@code \t}, {@code \\}, {@code
   * \u001b} for invisible characters, {@code \xe9} for a byte that is not UTF-8. So terminals and
   * lists of names can show it.
   *
   * @param name a name
   * @return the text; {@link #parse} returns the name again
   */
  public static String shown(String name) {
    StringBuilder out = new StringBuilder();
    name.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                  if (c >= FIRST_ESCAPED && c <= LAST_ESCAPED) {
                    out.append(String.format(Locale.ROOT, "\\x%02x", c - ESCAPED));
                  } else if (isVisible(c)) {
                    out.appendCodePoint(c);
                  } else {
                    out.append(String.format(Locale.ROOT, "\\u%04x", c));
                  }
                }
              }
            });
    return out.toString();
  }

  private static boolean isVisible(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      // Marks that change the direction of text would make a terminal show a wrong name.
      case Character.FORMAT -> c > 0xffff || c == 0x200c || c == 0x200d;
      default -> true;
    };
  }

  /**
   * The name from a line that {@link #shown} made.
   *
   * @param line the line
   * @return the name; text that is not an escape is kept
   */
  public static String parse(String line) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      char next = c == '\\' && i + 1 < line.length() ? line.charAt(i + 1) : 0;
      int digits = next == 'x' ? 2 : next == 'u' ? 4 : 0;
      switch (next) {
        case '\\' -> out.append('\\');
        case 'n' -> out.append('\n');
        case 'r' -> out.append('\r');
        case 't' -> out.append('\t');
        case 'x', 'u' -> {
          String hex = line.substring(i + 2, Math.min(line.length(), i + 2 + digits));
          if (!hex.matches("[0-9a-f]{" + digits + "}")) {
            out.append(c);
            continue;
          }
          out.append((char) (Integer.parseInt(hex, 16) + (next == 'x' ? ESCAPED : 0)));
          i += digits;
        }
        default -> {
          out.append(c);
          continue;
        }
      }
      i++;
    }
    return out.toString();
  }

  /**
   * Whether a name is one that a file in a folder can have, with {@code /} between folders.
   *
   * @param name from a list, an archive or a file of latents
   * @return false if it is empty, absolute, or leads out of the folder
   */
  public static boolean isInside(String name) {
    if (name.isEmpty() || name.indexOf('\0') >= 0 || name.startsWith("/") || name.endsWith("/")) {
      return false;
    }
    try {
      Path inside = resolve(Path.of("/a"), name).normalize();
      return inside.startsWith("/a") && inside.getNameCount() > 1;
    } catch (EqvaeException.Argument e) {
      return false;
    }
  }
}
