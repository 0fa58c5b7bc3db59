package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.List;

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
              + ": "
              + missing.size()
              + " tensors are missing, "
              + misshaped.size()
              + " have a wrong shape, "
              + (mistyped.isEmpty() ? "" : mistyped.size() + " are of a wrong type, ")
              + unexpected.size()
              + " are unexpected:\n  "
              + String.join("\n  ", lines()));
    }
  }
}
