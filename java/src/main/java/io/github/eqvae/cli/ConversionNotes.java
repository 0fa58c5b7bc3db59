package io.github.eqvae.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;

/**
 * What {@code eqvae convert} says of every kind of checkpoint.
 *
 * @param stderr where to
 */
record ConversionNotes(PrintWriter stderr) {
  /** Content of the source that is not written, with its number of tensors. */
  void leftOut(Map<String, Integer> others) {
    others.forEach(
        (what, count) ->
            stderr.println("eqvae: note: left out: " + what + " (tensors: " + count + ")"));
  }

  /** A line per tensor with numbers that are NaN or infinite. */
  void notFinite(List<String> lines) {
    lines.forEach(line -> stderr.println("eqvae: warning: not finite (NaN or infinite): " + line));
  }

  /** Per tensor, how many finite numbers became infinite in the new type. */
  void overflows(Map<String, Long> counts) {
    counts.forEach(
        (name, count) ->
            stderr.println(
                "eqvae: note: "
                    + name
                    + ": "
                    + count
                    + " numbers are too large for this type and are infinite now"));
  }
}
