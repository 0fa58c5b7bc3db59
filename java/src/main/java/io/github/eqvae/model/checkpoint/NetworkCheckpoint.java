package io.github.eqvae.model.checkpoint;

import io.github.eqvae.model.FiniteWeights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** An open checkpoint in which a network was found: what such checkpoints have in common. */
public abstract class NetworkCheckpoint implements AutoCloseable {
  private final CheckpointFile file;
  private final Map<String, StoredTensor> tensors;
  private final Map<String, Integer> others;
  private final Optional<String> weightsNote;

  /**
   * A network in a file.
   *
   * @param file the file, closed together with this
   * @param tensors the network's tensors
   * @param others other content of the file, with the number of tensors
   * @param weightsNote as {@link #weightsNote} returns it
   */
  protected NetworkCheckpoint(
      CheckpointFile file,
      Map<String, StoredTensor> tensors,
      Map<String, Integer> others,
      Optional<String> weightsNote) {
    this.file = file;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.others = others;
    this.weightsNote = weightsNote;
  }

  /**
   * Tensors that are missing, unexpected or of a wrong shape.
   *
   * @return the report
   */
  public abstract KeyReport report();

  /**
   * The file.
   *
   * @return with everything that is in it
   */
  public final CheckpointFile file() {
    return file;
  }

  /**
   * The tensors of the network.
   *
   * @return by the names of the network's first publication
   */
  public final Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /**
   * Other content of the file.
   *
   * @return kinds of content, and how many tensors of each
   */
  public final Map<String, Integer> others() {
    return others;
  }

  /**
   * Which weights these are, if the file has two sets.
   *
   * @return which set was read, and how to read the other one; empty if there is one set
   */
  public final Optional<String> weightsNote() {
    return weightsNote;
  }

  /**
   * Reads all numbers, and finds those that are NaN or infinite.
   *
   * @return a line per tensor that has some, in the names of the file
   */
  public final List<String> notFinite() {
    List<String> lines = new ArrayList<>();
    for (StoredTensor tensor : tensors.values()) {
      FloatType.of(tensor.dtype())
          .map(type -> type.notFinite(tensor.bytes()))
          .filter(count -> count > 0)
          .ifPresent(
              count -> lines.add(FiniteWeights.line(tensor.name(), count, tensor.elements())));
    }
    return lines;
  }

  /**
   * Fails unless the network is complete and all its numbers are finite.
   *
   * @throws io.github.eqvae.EqvaeException.Argument with every difference, or every tensor with
   *     numbers that are not finite
   */
  protected final void requireComplete() {
    report().requireClean(file.path().toString());
    FiniteWeights.require(file.path().toString(), notFinite());
  }

  @Override
  public final void close() {
    file.close();
  }
}
