package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileHash;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
    StringBuilder parts = new StringBuilder();
    arrays.forEach(
        (name, a) -> {
          ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(4, Array.getLength(a)));
          if (a instanceof float[] f) {
            bytes.asFloatBuffer().put(f);
          } else {
            bytes.asIntBuffer().put((int[]) a);
          }
          parts.append(name).append(FileHash.sha256(bytes.array()));
        });
    return FileHash.sha256(parts.toString().getBytes(StandardCharsets.UTF_8));
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
