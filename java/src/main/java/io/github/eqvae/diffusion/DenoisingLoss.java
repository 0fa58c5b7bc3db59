package io.github.eqvae.diffusion;

import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.SampleMix;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;

/**
 * A training objective: how data are corrupted at a time, and the loss of a network's output.
 * Implementations are DiT's ({@link DiffusionLoss}), SiT's ({@link TransportLoss}) and REPA's
 * ({@link RepaLoss}). It does not depend on a network's class.
 *
 * <p>Everything runs on the device. Coefficients that differ between samples are a row of numbers
 * for each sample in device memory, so that a captured graph can be run again with other rows.
 */
public interface DenoisingLoss {
  /**
   * Draws the time of a sample, on the time scale of the network's input.
   *
   * @param uniform a uniform random number in (0, 1)
   * @param normal a standard normal random number, for objectives that need one
   * @return the time
   */
  double time(double uniform, double normal);

  /**
   * The position of a time within its range.
   *
   * @param time a time
   * @return from 0 to 1
   */
  double place(double time);

  /**
   * The length of a sample's row.
   *
   * @return the count
   */
  int columns();

  /**
   * The row for a time.
   *
   * @param time a time
   * @return {@link #columns} numbers
   */
  double[] row(double time);

  /**
   * Corrupts data.
   *
   * @param tape the tape; no gradient is needed here
   * @param data {@code [N, H, W, C]}
   * @param noise standard normal numbers, {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   * @return the network's input, and what it was made from
   */
  default Corrupted corrupt(Tape tape, Tensor data, Tensor noise, Tensor rows) {
    return new Corrupted(data, noise, mixed(tape, data, noise, rows, 0), rows);
  }

  /**
   * Corrupted samples of a batch.
   *
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param noisy the network's input, {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   */
  record Corrupted(Tensor data, Tensor noise, Tensor noisy, Tensor rows) {}

  /**
   * Computes the loss of the network's output.
   *
   * @param tape the tape
   * @param output the output, {@code [N, H, W, C]} or {@code [N, H, W, 2C]}
   * @param of the samples that the output is for
   * @return at least one term
   */
  List<Term> terms(Tape tape, Tensor output, Corrupted of);

  /**
   * A term of the loss.
   *
   * @param name its name in the log
   * @param perSample {@code [N]}
   * @param weight its weight: the loss of a sample is the sum of weight · term
   */
  record Term(String name, Tensor perSample, double weight) {}

  /**
   * A linear combination of data and noise.
   *
   * @param tape the tape
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   * @param column the column of the data's factor in a row; the noise's factor follows it
   * @return {@code [N, H, W, C]}
   */
  static Tensor mixed(Tape tape, Tensor data, Tensor noise, Tensor rows, int column) {
    return tape.apply(new SampleMix(), data, noise, tape.apply(new Narrow(1, column, 2), rows));
  }
}
