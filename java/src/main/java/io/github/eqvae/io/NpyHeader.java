package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The header of a {@code .npy} file.
 *
 * @param descr the type of the elements as {@link NpyArray} keeps them, little-endian
 * @param shape the dimensions
 * @param bytes of all elements
 * @param order how they lie in the file
 */
record NpyHeader(String descr, long[] shape, long bytes, NpyOrder order) {
  private static final int MAX_HEADER = 1 << 16;
  private static final int MAX_RANK = 32;
  private static final Pattern HEADER =
      Pattern.compile(
          "\\{\\s*'descr':\\s*'([^']{1,32})',\\s*'fortran_order':\\s*(True|False),"
              + "\\s*'shape':\\s*\\(([\\dL,\\s]*)\\),?\\s*\\}\\s*");

  /** Reads up to the first element; throws the same errors as {@link NpyArray#read}. */
  static NpyHeader read(InputStream in, String name) throws IOException {
    byte[] start = in.readNBytes(NpyArray.MAGIC.length + 2);
    if (start.length < NpyArray.MAGIC.length + 2
        || !Arrays.equals(
            start, 0, NpyArray.MAGIC.length, NpyArray.MAGIC, 0, NpyArray.MAGIC.length)) {
      throw new IOException(name + " is not a .npy file: " + foreign(start, in));
    }
    int version = start[NpyArray.MAGIC.length];
    if (version < 1 || version > 3) {
      throw new IOException(name + ": version " + version + " of .npy, expected 1, 2 or 3");
    }
    byte[] size = in.readNBytes(version == 1 ? 2 : 4);
    if (size.length < (version == 1 ? 2 : 4)) {
      throw new IOException(name + ": ends inside the header");
    }
    ByteBuffer b = ByteBuffer.wrap(size).order(ByteOrder.LITTLE_ENDIAN);
    long length = version == 1 ? b.getShort() & 0xffff : b.getInt() & 0xffffffffL;
    if (length > MAX_HEADER) {
      throw new IOException(
          name + ": a header of " + length + " bytes, the limit is " + MAX_HEADER);
    }
    byte[] header = in.readNBytes((int) length);
    if (header.length < length) {
      throw new IOException(name + ": ends inside the header");
    }
    return parse(new String(header, StandardCharsets.UTF_8), name);
  }

  /** What it is instead, for example a web page in place of a download. */
  private static String foreign(byte[] start, InputStream rest) throws IOException {
    byte[] more = rest.readNBytes(MAX_HEADER);
    byte[] bytes = Arrays.copyOf(start, start.length + more.length);
    System.arraycopy(more, 0, bytes, start.length, more.length);
    if (new String(start, StandardCharsets.ISO_8859_1).startsWith("PK\3\4")) {
      return "it is a ZIP archive, as .npz files and checkpoints of PyTorch are";
    }
    byte[] beginning = Arrays.copyOf(bytes, Math.min(bytes.length, ForeignFile.START_BYTES));
    return ForeignFile.what(beginning, bytes.length).orElse("its first bytes differ");
  }

  private static NpyHeader parse(String text, String name) throws IOException {
    Matcher m = HEADER.matcher(text);
    if (!m.matches()) {
      throw new IOException(name + ": the header does not describe an array of numbers");
    }
    try {
      long[] shape = shape(m.group(3));
      boolean swapped = m.group(1).startsWith(">");
      String descr = swapped ? "<" + m.group(1).substring(1) : m.group(1);
      boolean fortran = m.group(2).equals("True") && shape.length > 1;
      long bytes = NpyArray.bytes(descr, shape);
      return new NpyHeader(descr, shape, bytes, new NpyOrder(swapped, fortran));
    } catch (EqvaeException.Argument e) {
      throw new IOException(name + ": " + e.getMessage(), e);
    }
  }

  private static long[] shape(String text) {
    List<String> parts = Arrays.stream(text.split(",")).map(String::strip).toList();
    List<String> numbers = parts.stream().filter(p -> !p.isEmpty()).toList();
    if (numbers.size() > MAX_RANK || numbers.stream().anyMatch(n -> !n.matches("\\d{1,18}L?"))) {
      throw new EqvaeException.Argument("the shape (" + text + ") is not valid");
    }
    // Python 2 wrote long integers as 3L
    return numbers.stream().map(n -> n.replace("L", "")).mapToLong(Long::parseLong).toArray();
  }
}
