package io.github.eqvae.train;

import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import java.util.Map;

/**
 * The environment of a part of a micro-batch.
 *
 * @param stream orders the work
 * @param arena the step arena: intermediate results
 * @param mode of a tape that records: whether blocks are computed again in the backward pass
 * @param batch the tensors of the micro-batch by the names of {@link BatchShape}
 * @param scalars what {@link Task#scalars(MicroBatch, double[])} wrote, {@code [n]} of F64
 * @param report receives the losses, {@code [ParameterGroup.reports]}
 */
public record StepContext(
    Stream stream,
    TensorArena arena,
    Tape.Mode mode,
    Map<String, Tensor> batch,
    Tensor scalars,
    Tensor report) {
  /**
   * A tensor of the micro-batch.
   *
   * @param field its name
   * @return the tensor, the same one in every step
   */
  public Tensor input(String field) {
    return BatchShape.require(batch, field);
  }

  /**
   * Records what the part computes.
   *
   * @return a tape in the step arena
   */
  public Tape tape() {
    return new Tape(stream, arena, mode);
  }

  /**
   * Computes the gradients of a loss, and reports it as {@code total}.
   *
   * @param tape recorded it
   * @param loss a scalar
   * @return what is reported
   */
  public LossReport minimize(Tape tape, Tensor loss) {
    return minimize(tape, loss, Map.of());
  }

  /**
   * Computes the gradients of a loss, and reports it as {@code total}.
   *
   * @param tape recorded it
   * @param loss a scalar
   * @param others more scalars for the log, by name
   * @return what is reported
   */
  public LossReport minimize(Tape tape, Tensor loss, Map<String, Tensor> others) {
    LossCollector losses = new LossCollector();
    losses.add("total", loss, 1);
    others.forEach((name, value) -> losses.add(name, value, 1));
    LossTerms.Report into = new LossTerms.Report(report, null);
    LossTerms terms = losses.collect(stream, into);
    tape.backward(List.of(tape.seed(loss, 1)));
    return LossReport.of(terms, into);
  }

  /**
   * A number of the micro-batch.
   *
   * @param index which of {@link Task#scalars(MicroBatch, double[])}
   * @return a scalar of F64
   */
  public Tensor scalar(int index) {
    return scalars.narrow(0, index, 1).reshape(Shape.SCALAR);
  }
}
