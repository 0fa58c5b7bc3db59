package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How the tensors of a checkpoint differ from those of its architecture. Names are those in the
 * file.
 *
 * @param missing tensors that the file lacks, with their expected shape
 * @param unexpected tensors that are not part of an autoencoder
 * @param misshaped tensors with another shape, with the expected one
 * @param mistyped tensors with a type that cannot be computed with
 */
public record KeyReport(
    List<String> missing, List<String> unexpected, List<String> misshaped, List<String> mistyped) {
  /** Copies the lists. */
  public KeyReport {
    missing = List.copyOf(missing);
    unexpected = List.copyOf(unexpected);
    misshaped = List.copyOf(misshaped);
    mistyped = List.copyOf(mistyped);
  }

  /**
   * Compares tensors with those of a network, by name.
   *
   * @param found tensors of a file
   * @param expected names and shapes of a complete network
   * @param allowed names that may be there as well
   * @return the differences
   */
  public static KeyReport of(
      Map<String, StoredTensor> found, Map<String, Shape> expected, Set<String> allowed) {
    List<String> missing = new ArrayList<>();
    List<String> misshaped = new ArrayList<>();
    List<String> mistyped = new ArrayList<>();
    expected.forEach(
        (name, shape) -> {
          StoredTensor tensor = found.get(name);
          if (tensor == null) {
            missing.add(name + " " + shape);
          } else if (FloatType.of(tensor.dtype()).isEmpty()) {
            mistyped.add(tensor + FloatType.advice(tensor.dtype()));
          } else if (!Arrays.equals(tensor.shape(), shape.extents())) {
            misshaped.add(tensor + ", expected " + shape);
          }
        });
    List<String> unexpected = new ArrayList<>();
    found.forEach(
        (name, tensor) -> {
          if (!expected.containsKey(name) && !allowed.contains(name)) {
            unexpected.add(tensor.toString());
          }
        });
    return new KeyReport(missing, unexpected, misshaped, mistyped);
  }

  /**
   * Whether there is nothing to report.
   *
   * @return true if every tensor is there, in its shape, and no other
   */
  public boolean isClean() {
    return missing.isEmpty() && unexpected.isEmpty() && misshaped.isEmpty() && mistyped.isEmpty();
  }

  /**
   * The report.
   *
   * @return one line per tensor
   */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    missing.forEach(tensor -> lines.add("missing     " + tensor));
    misshaped.forEach(tensor -> lines.add("wrong shape " + tensor));
    mistyped.forEach(tensor -> lines.add("wrong type  " + tensor));
    unexpected.forEach(tensor -> lines.add("unexpected  " + tensor));
    return List.copyOf(lines);
  }

  /**
   * Fails if there is anything to report.
   *
   * @param what the model that the tensors are compared with, for the message
   * @throws EqvaeException.Argument with every line
   */
  public void requireClean(String what) {
    if (!isClean()) {
      throw new EqvaeException.Argument(
          what
              + ": tensors missing: "
              + missing.size()
              + ", of a wrong shape: "
              + misshaped.size()
              + (mistyped.isEmpty() ? "" : ", of a wrong type: " + mistyped.size())
              + ", unexpected: "
              + unexpected.size()
              + "\n  "
              + String.join("\n  ", lines()));
    }
  }
}
