package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import java.util.Map;

/**
 * The fields of a micro-batch, such as images, latents, codes, labels.
 *
 * @param samples how many samples it has
 * @param fields its tensors; the first axis of each is the samples
 */
public record BatchShape(int samples, List<Field> fields) {
  /** Copies the list and checks it. */
  public BatchShape {
    fields = List.copyOf(fields);
    if (fields.stream().map(Field::name).distinct().count() != fields.size() || fields.isEmpty()) {
      throw new EqvaeException.Internal("a batch needs fields of distinct names: " + fields);
    }
  }

  /**
   * One tensor of a batch.
   *
   * @param name its name
   * @param shape its shape
   * @param integers whether it has integers (I32); else numbers in the device's dtype
   */
  public record Field(String name, Shape shape, boolean integers) {
    /**
     * Numbers in the device's dtype.
     *
     * @param name its name
     * @param extents its shape
     * @return the field
     */
    public static Field numbers(String name, long... extents) {
      return new Field(name, Shape.of(extents), false);
    }

    /**
     * Integers.
     *
     * @param name its name
     * @param extents its shape
     * @return the field
     */
    public static Field integers(String name, long... extents) {
      return new Field(name, Shape.of(extents), true);
    }

    DType dtype(DType ofDevice) {
      return integers ? DType.I32 : ofDevice;
    }

    int length() {
      return Math.toIntExact(shape.elements());
    }
  }

  /**
   * A batch of some tensors.
   *
   * @param fields its tensors, at least one; the first axis is the samples
   * @return the batch
   */
  public static BatchShape of(Field... fields) {
    return new BatchShape(fields[0].shape().size(0), List.of(fields));
  }

  static <T> T require(Map<String, T> all, String field) {
    T found = all.get(field);
    if (found == null) {
      throw new EqvaeException.Internal("a batch has no '" + field + "', it has " + all.keySet());
    }
    return found;
  }
}
