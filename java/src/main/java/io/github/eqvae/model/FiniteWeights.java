package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks that weights are finite. A single NaN makes every picture black and every statistic NaN,
 * far from its cause, so the error names the tensors.
 */
public final class FiniteWeights {
  private static final int SHOWN = 10;

  private FiniteWeights() {}

  /**
   * Fails unless all numbers of a model are finite.
   *
   * @param what their origin, for the message
   * @param parameters the model's
   * @param stream waited for
   * @throws EqvaeException.Argument if any is NaN or infinite; the message names the tensors
   */
  public static void require(String what, ParameterStore parameters, Stream stream) {
    List<String> bad = new ArrayList<>();
    for (Parameter p : parameters.all()) {
      float[] values = p.value().toFloats(stream);
      long count = count(values);
      if (count > 0) {
        bad.add(line(p.name(), count, values.length));
      }
    }
    require(what, bad);
  }

  /**
   * Fails if there is anything to report.
   *
   * @param what where the numbers are from
   * @param bad a {@link #line} per tensor
   * @throws EqvaeException.Argument if there is a line
   */
  public static void require(String what, List<String> bad) {
    if (!bad.isEmpty()) {
      throw new EqvaeException.Argument(
          what
              + " holds weights that are not finite; everything computed with them would be"
              + " meaningless:\n  "
              + String.join("\n  ", bad.subList(0, Math.min(SHOWN, bad.size())))
              + (bad.size() > SHOWN ? "\n  and " + (bad.size() - SHOWN) + " tensors more" : "")
              + "\nTake an earlier checkpoint, or one whose numbers did not overflow in fp16.");
    }
  }

  /**
   * Describes how many numbers of a tensor are not finite.
   *
   * @param name of the tensor
   * @param count how many
   * @param of how many numbers the tensor has
   * @return in words
   */
  public static String line(String name, long count, long of) {
    return "%s: %,d of %,d numbers".formatted(name, count, of);
  }

  /**
   * Counts numbers that are NaN or infinite.
   *
   * @param values the numbers
   * @return how many
   */
  public static long count(float[] values) {
    long count = 0;
    for (float v : values) {
      count += Float.isFinite(v) ? 0 : 1;
    }
    return count;
  }
}
