package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileHash;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** A micro-batch in host memory, by the names of its {@link BatchShape}. */
public final class HostBatch {
  private final Map<String, Object> arrays = new LinkedHashMap<>();

  /**
   * A batch of zeros.
   *
   * @param shape what it is made of
   */
  public HostBatch(BatchShape shape) {
    for (BatchShape.Field f : shape.fields()) {
      arrays.put(f.name(), f.integers() ? new int[f.length()] : new float[f.length()]);
    }
  }

  private HostBatch() {}

  /**
   * The numbers of a field.
   *
   * @param field its name
   * @return row-major; the array itself, to be written by a {@link BatchSource}
   */
  public float[] floats(String field) {
    if (BatchShape.require(arrays, field) instanceof float[] found) {
      return found;
    }
    throw new EqvaeException.Internal("field '" + field + "' of a batch holds whole numbers");
  }

  /**
   * The whole numbers of a field.
   *
   * @param field its name
   * @return row-major; the array itself, to be written by a {@link BatchSource}
   */
  public int[] ints(String field) {
    if (BatchShape.require(arrays, field) instanceof int[] found) {
      return found;
    }
    throw new EqvaeException.Internal("field '" + field + "' of a batch holds no whole numbers");
  }

  /**
   * The batch as it is now.
   *
   * @return a copy
   */
  public HostBatch copy() {
    HostBatch copy = new HostBatch();
    arrays.forEach(
        (name, a) ->
            copy.arrays.put(name, a instanceof float[] f ? f.clone() : ((int[]) a).clone()));
    return copy;
  }

  /**
   * The hash of all its numbers.
   *
   * @return 64 hexadecimal digits
   */
  public String hash() {
    return FileHash.sha256(bytes());
  }

  /** All numbers, field by field. */
  byte[] bytes() {
    int length = arrays.values().stream().mapToInt(Array::getLength).reduce(0, Math::addExact);
    ByteBuffer all = ByteBuffer.allocate(Math.multiplyExact(4, length));
    for (Object a : arrays.values()) {
      if (a instanceof float[] f) {
        all.asFloatBuffer().put(f);
      } else {
        all.asIntBuffer().put((int[]) a);
      }
      all.position(all.position() + 4 * Array.getLength(a));
    }
    return all.array();
  }

  /** Takes over the numbers of {@link #bytes}, of a batch of the same shape. */
  void setBytes(byte[] bytes) {
    ByteBuffer all = ByteBuffer.wrap(bytes);
    for (Object a : arrays.values()) {
      if (a instanceof float[] f) {
        all.asFloatBuffer().get(f);
      } else {
        all.asIntBuffer().get((int[]) a);
      }
      all.position(all.position() + 4 * Array.getLength(a));
    }
  }

  /**
   * Copies another batch of the same shape.
   *
   * @param other is copied
   */
  public void set(HostBatch other) {
    arrays.forEach(
        (name, to) -> {
          Object from = BatchShape.require(other.arrays, name);
          System.arraycopy(from, 0, to, 0, Array.getLength(from));
        });
  }
}
