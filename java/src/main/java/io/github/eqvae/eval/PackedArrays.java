package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Arrays of numbers as bytes, for messages and files of one machine's kind. */
final class PackedArrays {
  private static final int FLOATS = 0;
  private static final int DOUBLES = 1;
  private static final int INTS = 2;
  private static final int HEAD = 2 * Integer.BYTES;

  private PackedArrays() {}

  /** Packs {@code float[]}, {@code double[]} and {@code int[]}. */
  static byte[] pack(Object... arrays) {
    int bytes = 0;
    for (Object array : arrays) {
      bytes = Math.addExact(bytes, HEAD + size(array));
    }
    ByteBuffer out = ByteBuffer.allocate(bytes);
    for (Object array : arrays) {
      int size = size(array);
      switch (array) {
        case float[] f -> head(out, FLOATS, f.length).asFloatBuffer().put(f);
        case double[] d -> head(out, DOUBLES, d.length).asDoubleBuffer().put(d);
        case int[] i -> head(out, INTS, i.length).asIntBuffer().put(i);
        default -> throw new EqvaeException.Internal("no array of numbers: " + array);
      }
      out.position(out.position() + size);
    }
    return out.array();
  }

  private static int size(Object array) {
    return switch (array) {
      case float[] f -> Math.multiplyExact(f.length, Float.BYTES);
      case double[] d -> Math.multiplyExact(d.length, Double.BYTES);
      case int[] i -> Math.multiplyExact(i.length, Integer.BYTES);
      default -> throw new EqvaeException.Internal("no array of numbers: " + array);
    };
  }

  private static ByteBuffer head(ByteBuffer out, int kind, int length) {
    return out.putInt(kind).putInt(length);
  }

  /** The arrays that were packed. */
  static Object[] unpack(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    List<Object> arrays = new ArrayList<>();
    while (in.hasRemaining()) {
      int kind = in.remaining() < HEAD ? -1 : in.getInt();
      int length = kind < 0 ? 0 : in.getInt();
      int each = kind == DOUBLES ? Double.BYTES : Float.BYTES;
      if (kind < FLOATS || kind > INTS || length < 0 || (long) length * each > in.remaining()) {
        throw new EqvaeException.Environment(
            "a result of an earlier evaluation is damaged; delete the folder whose name ends in"
                + " .parts");
      }
      switch (kind) {
        case FLOATS -> {
          float[] f = new float[length];
          in.asFloatBuffer().get(f);
          arrays.add(f);
        }
        case DOUBLES -> {
          double[] d = new double[length];
          in.asDoubleBuffer().get(d);
          arrays.add(d);
        }
        default -> {
          int[] i = new int[length];
          in.asIntBuffer().get(i);
          arrays.add(i);
        }
      }
      in.position(in.position() + length * each);
    }
    return arrays.toArray();
  }
}
