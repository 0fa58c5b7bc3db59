package io.github.eqvae.diffusion;

import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.SampleMix;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;

/**
 * What a network is taught: how data are corrupted at a time, and what its answer costs. DiT's
 * ({@link DiffusionLoss}) and SiT's ({@link TransportLoss}) are its two kinds. It knows no network.
 *
 * <p>Everything runs on the device. What differs between samples is a row of numbers for each,
 * which operations read there: work that was captured once does what other rows ask for.
 */
public interface DenoisingLoss {
  /**
   * A time of a sample, on the clock that the network is told.
   *
   * @param uniform a number drawn from (0, 1)
   * @param normal a standard normal number, for those that need one
   * @return the time
   */
  double time(double uniform, double normal);

  /**
   * Where a time lies between the ends of its clock.
   *
   * @param time a time
   * @return from 0 to 1
   */
  double place(double time);

  /**
   * Numbers in a sample's row.
   *
   * @return the count
   */
  int columns();

  /**
   * The numbers of a time.
   *
   * @param time a time
   * @return {@link #columns} numbers
   */
  double[] row(double time);

  /**
   * Corrupts data.
   *
   * @param tape the tape; nothing is differentiated here
   * @param data {@code [N, H, W, C]}
   * @param noise standard normal numbers, {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   * @return the samples as the network is to see them
   */
  default Corrupted corrupt(Tape tape, Tensor data, Tensor noise, Tensor rows) {
    return new Corrupted(data, noise, mixed(tape, data, noise, rows, 0), rows);
  }

  /**
   * Samples of a batch.
   *
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param noisy what the network sees, {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   */
  record Corrupted(Tensor data, Tensor noise, Tensor noisy, Tensor rows) {}

  /**
   * What the network's answer costs.
   *
   * @param tape the tape
   * @param said the answer, {@code [N, H, W, C]} or {@code [N, H, W, 2C]}
   * @param of what it was asked about
   * @return at least one term
   */
  List<Term> terms(Tape tape, Tensor said, Corrupted of);

  /**
   * A part of the loss.
   *
   * @param name what the log calls it
   * @param perSample {@code [N]}
   * @param weight what it counts: the loss of a sample is the sum of weight times term
   */
  record Term(String name, Tensor perSample, double weight) {}

  /**
   * Data and noise, added.
   *
   * @param tape the tape
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param rows {@code [N, columns]}
   * @param column where in a row the factors stand: of the data, then of the noise
   * @return {@code [N, H, W, C]}
   */
  static Tensor mixed(Tape tape, Tensor data, Tensor noise, Tensor rows, int column) {
    return tape.apply(new SampleMix(), data, noise, tape.apply(new Narrow(1, column, 2), rows));
  }
}
