package io.github.eqvae.model.checkpoint;

import io.github.eqvae.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Compares the tensors of a file with those of its architecture. */
final class KeyComparison {
  /** A projection that some files store as a matrix and others as a 1×1 convolution. */
  private static final String PROJECTION = ".*\\.attn[._]\\d+\\.(q|k|v|proj_out)\\.weight";

  private KeyComparison() {}

  static KeyReport of(AutoencoderKeys keys, AutoencoderArchitecture architecture) {
    List<String> missing = new ArrayList<>();
    List<String> misshaped = new ArrayList<>();
    List<String> mistyped = new ArrayList<>();
    Map<String, Shape> expected = architecture.tensors();
    expected.forEach(
        (name, shape) -> {
          StoredTensor tensor = keys.tensors().get(name);
          if (tensor == null) {
            missing.add(keys.nameInFile(name) + " " + shape);
          } else if (FloatType.of(tensor.dtype()).isEmpty()) {
            mistyped.add(tensor + FloatType.advice(tensor.dtype()));
          } else if (!fits(name, tensor.shape(), shape)) {
            misshaped.add(tensor + ", expected " + shape);
          }
        });
    List<String> unexpected = new ArrayList<>(keys.unexpected());
    keys.tensors()
        .forEach(
            (name, tensor) -> {
              if (!expected.containsKey(name)) {
                unexpected.add(tensor.toString());
              }
            });
    return new KeyReport(missing, unexpected, misshaped, mistyped);
  }

  /** The projections of attention are matrices for some and convolutions for others. */
  static boolean fits(String name, long[] shape, Shape expected) {
    long[] full = shape;
    if (name.matches(PROJECTION) && (shape.length == 2 || shape.length == 3)) {
      full = Arrays.copyOf(shape, 4);
      Arrays.fill(full, shape.length, 4, 1);
    }
    return Arrays.equals(full, expected.extents());
  }
}
