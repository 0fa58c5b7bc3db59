package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * An array in the form of NumPy's {@code .npy} files, as {@code np.save} writes them. Kept and
 * written little-endian and in C order; big-endian numbers and Fortran order are read, too. Arrays
 * of Python objects are pickles and are refused. Source: numpy {@code numpy/lib/format.py},
 * versions 1 to 3 of the format.
 *
 * @param descr the element type: {@code <f4}, {@code <f2}, {@code <f8}, {@code |u1}, {@code <i4},
 *     {@code <i8} or {@code <U…}
 * @param shape the dimensions, outermost first
 * @param data the elements; not copied
 */
public record NpyArray(String descr, long[] shape, byte[] data) {
  static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int CHUNK = 1 << 20;
  private static final int ALIGN = 64;

  /**
   * Checks that type, shape and size agree.
   *
   * @throws EqvaeException.Argument if they do not
   */
  public NpyArray {
    shape = shape.clone();
    long bytes = bytes(descr, shape);
    if (bytes != data.length) {
      throw new EqvaeException.Argument(
          "an array "
              + descr
              + Arrays.toString(shape)
              + " has "
              + bytes
              + " bytes, not "
              + data.length);
    }
  }

  /**
   * The dimensions.
   *
   * @return a copy, outermost first
   */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** Size of all elements; throws if there is no valid size. */
  static long bytes(String descr, long[] shape) {
    long n = width(descr);
    try {
      for (long d : shape) {
        if (d < 0) {
          throw new EqvaeException.Argument("negative dimension in " + Arrays.toString(shape));
        }
        n = Math.multiplyExact(n, d);
      }
    } catch (ArithmeticException e) {
      throw new EqvaeException.Argument("too large: " + descr + Arrays.toString(shape));
    }
    return n;
  }

  private static long width(String descr) {
    Matcher text = Pattern.compile("<U([1-9]\\d{0,3})").matcher(descr);
    if (text.matches()) {
      return 4L * Integer.parseInt(text.group(1));
    }
    return switch (descr) {
      case "|u1", "|b1", "|i1" -> 1;
      case "<f2", "<i2", "<u2" -> 2;
      case "<f4", "<i4", "<u4" -> 4;
      case "<f8", "<i8" -> 8;
      case "|O" ->
          throw new EqvaeException.Argument(
              "an array of Python objects is a pickle, which is not run; save numbers instead");
      default ->
          throw new EqvaeException.Argument(
              "elements of type '"
                  + descr
                  + "'; expected numbers of type f2, f4, f8, i1 to i8 or u1 to u4, b1, or texts U");
    };
  }

  /**
   * An array of single precision.
   *
   * @param values the elements
   * @param shape the dimensions
   * @return the array
   */
  public static NpyArray floats(float[] values, long... shape) {
    ByteBuffer b = buffer(4L * values.length);
    b.asFloatBuffer().put(values);
    return new NpyArray("<f4", shape, b.array());
  }

  /**
   * An array of double precision.
   *
   * @param values the elements
   * @param shape the dimensions
   * @return the array
   */
  public static NpyArray doubles(double[] values, long... shape) {
    ByteBuffer b = buffer(8L * values.length);
    b.asDoubleBuffer().put(values);
    return new NpyArray("<f8", shape, b.array());
  }

  /**
   * An array of 32-bit integers.
   *
   * @param values the elements
   * @param shape the dimensions
   * @return the array
   */
  public static NpyArray ints(int[] values, long... shape) {
    ByteBuffer b = buffer(4L * values.length);
    b.asIntBuffer().put(values);
    return new NpyArray("<i4", shape, b.array());
  }

  /**
   * An array of 64-bit integers.
   *
   * @param values the elements
   * @param shape the dimensions
   * @return the array
   */
  public static NpyArray longs(long[] values, long... shape) {
    ByteBuffer b = buffer(8L * values.length);
    b.asLongBuffer().put(values);
    return new NpyArray("<i8", shape, b.array());
  }

  /**
   * A list of texts, {@code <U} of the longest.
   *
   * @param values the texts
   * @return the array {@code [n]}
   */
  public static NpyArray texts(List<String> values) {
    int longest = values.stream().mapToInt(v -> v.codePointCount(0, v.length())).max().orElse(1);
    int width = Math.max(1, longest);
    ByteBuffer b = buffer(4L * width * values.size());
    for (int i = 0; i < values.size(); i++) {
      b.position(4 * width * i);
      values.get(i).codePoints().forEach(b::putInt);
    }
    return new NpyArray("<U" + width, new long[] {values.size()}, b.array());
  }

  private static ByteBuffer buffer(long bytes) {
    return ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer view() {
    return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * How many elements.
   *
   * @return the product of the dimensions
   */
  public int count() {
    return (int) (data.length / width(descr));
  }

  /**
   * The elements in single precision.
   *
   * @return doubles are rounded to nearest
   * @throws EqvaeException.Argument if they are not floating-point numbers
   */
  public float[] toFloats() {
    float[] out = new float[count()];
    ByteBuffer b = view();
    switch (descr) {
      case "<f4" -> b.asFloatBuffer().get(out);
      case "<f2" -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = Float.float16ToFloat(b.getShort(2 * i));
        }
      }
      case "<f8" -> {
        for (int i = 0; i < out.length; i++) {
          out[i] = (float) b.getDouble(8 * i);
        }
      }
      default ->
          throw new EqvaeException.Argument(
              "the elements are '" + descr + "', expected floating-point numbers");
    }
    return out;
  }

  /**
   * The elements in double precision.
   *
   * @return exactly the elements
   * @throws EqvaeException.Argument if they are no floating-point numbers
   */
  public double[] toDoubles() {
    double[] out = new double[count()];
    if ("<f8".equals(descr)) {
      view().asDoubleBuffer().get(out);
      return out;
    }
    float[] floats = toFloats();
    for (int i = 0; i < out.length; i++) {
      out[i] = floats[i];
    }
    return out;
  }

  /**
   * The elements as integers.
   *
   * @return the elements
   * @throws EqvaeException.Argument if they are not integers, or do not fit into 32 bits
   */
  public int[] toInts() {
    int[] out = new int[count()];
    ByteBuffer b = view();
    for (int i = 0; i < out.length; i++) {
      long value =
          switch (descr) {
            case "|i1" -> b.get(i);
            case "<i2" -> b.getShort(2 * i);
            case "<i4" -> b.getInt(4 * i);
            case "<i8" -> b.getLong(8 * i);
            case "|u1" -> b.get(i) & 0xff;
            case "<u2" -> b.getShort(2 * i) & 0xffff;
            case "<u4" -> b.getInt(4 * i) & 0xffffffffL;
            default ->
                throw new EqvaeException.Argument(
                    "the elements are '" + descr + "', expected integers");
          };
      if ((int) value != value) {
        throw new EqvaeException.Argument("element " + i + " is " + value + ", beyond 32 bits");
      }
      out[i] = (int) value;
    }
    return out;
  }

  /**
   * The elements as texts.
   *
   * @return the elements
   * @throws EqvaeException.Argument if they are none
   */
  public List<String> toTexts() {
    if (!descr.startsWith("<U")) {
      throw new EqvaeException.Argument("the elements are '" + descr + "', expected texts");
    }
    int width = (int) (width(descr) / 4);
    ByteBuffer b = view();
    List<String> out = new ArrayList<>();
    for (int i = 0; i < count(); i++) {
      StringBuilder text = new StringBuilder();
      for (int j = 0; j < width; j++) {
        int point = b.getInt(4 * (i * width + j));
        if (point != 0) {
          text.appendCodePoint(Character.isValidCodePoint(point) ? point : 0xFFFD);
        }
      }
      out.add(text.toString());
    }
    return out;
  }

  /**
   * Reads an array.
   *
   * @param in the file's content; read to the end of the array
   * @param name what messages call it
   * @param limit the largest number of bytes of its elements
   * @return the array
   * @throws IOException if it cannot be read, or breaks a rule of the format; the message says
   *     which. Memory is allocated as content is read, not by the size in the header
   */
  public static NpyArray read(InputStream in, String name, long limit) throws IOException {
    NpyHeader header = NpyHeader.read(in, name);
    long most = Math.min(limit, Integer.MAX_VALUE - 8);
    if (header.bytes() > most) {
      throw new IOException(
          name + ": " + header.bytes() + " bytes of elements, the limit is " + most);
    }
    byte[] data = content(in, (int) header.bytes(), name);
    return new NpyArray(header.descr(), header.shape(), plain(header, data));
  }

  /** Elements as in a file, in the order of this class. */
  static byte[] plain(NpyHeader header, byte[] data) {
    if (header.order().isPlain()) {
      return data;
    }
    int width = (int) width(header.descr());
    int unit = header.descr().startsWith("<U") ? 4 : width;
    return header.order().toPlain(data, unit, width, header.shape());
  }

  private static byte[] content(InputStream in, int bytes, String name) throws IOException {
    byte[] data = new byte[Math.min(bytes, CHUNK)];
    int have = 0;
    while (have < bytes) {
      if (have == data.length) {
        data = Arrays.copyOf(data, (int) Math.min(bytes, 2L * data.length));
      }
      int n = in.readNBytes(data, have, data.length - have);
      if (n == 0) {
        throw new IOException(
            name + ": ends after " + have + " of " + bytes + " bytes of elements");
      }
      have += n;
    }
    return data;
  }

  /**
   * Writes the array.
   *
   * @param out receives a complete {@code .npy} file; the same array gives the same bytes
   * @throws IOException if writing fails
   */
  public void write(OutputStream out) throws IOException {
    out.write(header(descr, shape));
    out.write(data);
  }

  /** The header, before the elements. */
  static byte[] header(String descr, long... shape) {
    String dims =
        Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", "))
            + (shape.length == 1 ? "," : "");
    String text =
        String.format(
            Locale.ROOT, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims);
    int length = MAGIC.length + 4 + text.length() + 1;
    text += " ".repeat((ALIGN - length % ALIGN) % ALIGN) + "\n";
    ByteBuffer header = ByteBuffer.allocate(MAGIC.length + 4 + text.length());
    header.put(MAGIC).put(new byte[] {1, 0, (byte) text.length(), (byte) (text.length() >> 8)});
    return header.put(text.getBytes(StandardCharsets.US_ASCII)).array();
  }
}
