package io.github.eqvae.train;

import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.tensor.Stream;
import java.util.Map;

/**
 * The meaning of the numbers that a part leaves in its report on the device. All launches of a
 * graph share it, so everything that differs between micro-batches must come from {@link
 * MicroBatch}.
 */
public interface LossReport {
  /**
   * How many numbers there are.
   *
   * @return the count; they are the first ones of the report
   */
  int count();

  /**
   * The losses.
   *
   * @param values the numbers
   * @param at the micro-batch they are of
   * @param stream waited for, if more is read
   * @return by name; {@code total} is what the group's gradients are of
   */
  Map<String, Double> read(double[] values, MicroBatch at, Stream stream);

  /**
   * The meaning of collected losses.
   *
   * @param terms what was collected
   * @param report the tensor they are in
   * @return the same for the engine
   */
  static LossReport of(LossTerms terms, LossTerms.Report report) {
    return new LossReport() {
      @Override
      public int count() {
        return terms.scalars();
      }

      @Override
      public Map<String, Double> read(double[] values, MicroBatch at, Stream stream) {
        return terms.read(values, report, stream).values();
      }
    };
  }
}
