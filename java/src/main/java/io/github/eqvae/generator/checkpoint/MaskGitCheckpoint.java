package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An open checkpoint of MaskGIT: saved by the training of Maskgit-pytorch or Halton-MaskGIT ({@code
 * model_state_dict}), or by eqvae. The network's shape is inferred from the tensors.
 */
public final class MaskGitCheckpoint implements AutoCloseable {
  private final CheckpointFile file;
  private final GeneratorTensors found;
  private final MaskGitConfig config;
  private final Optional<MaskGitMetadata> metadata;
  private final KeyReport report;

  private MaskGitCheckpoint(CheckpointFile file, Weights weights, GeneratorHints hints) {
    this.file = file;
    String name = file.path().toString();
    boolean halton = GeneratorTensors.isThere(file, GeneratorTensors.HALTON);
    found =
        GeneratorTensors.of(
            file, weights, halton ? GeneratorTensors.HALTON : GeneratorTensors.MASKGIT);
    metadata = MaskGitMetadata.of(name, file.metadata());
    config =
        metadata
            .map(MaskGitMetadata::network)
            .orElseGet(() -> new MaskGitShape(name, found.tensors()).config(hints));
    report = compare();
  }

  /**
   * Opens a file.
   *
   * @param path safetensors or a PyTorch checkpoint, or the folder of a finished run
   * @param weights which weights, if the file has both trained weights and their average
   * @param hints settings that the file does not have
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it has no such network, or the shape cannot be inferred
   * @throws IOException if it cannot be read, or violates its format
   */
  public static MaskGitCheckpoint open(Path path, Weights weights, GeneratorHints hints)
      throws IOException {
    CheckpointFile file = CheckpointFile.open(path, weights);
    try {
      return of(file, weights, hints);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /**
   * Finds MaskGIT in an open checkpoint.
   *
   * @param file the checkpoint, which the result closes
   * @param weights which weights
   * @param hints settings that the file does not have
   * @return the network in it
   * @throws EqvaeException.Argument as for {@link #open}
   */
  public static MaskGitCheckpoint of(CheckpointFile file, Weights weights, GeneratorHints hints) {
    return new MaskGitCheckpoint(file, weights, hints);
  }

  /**
   * Whether a checkpoint has MaskGIT.
   *
   * @param file the checkpoint
   * @return true if {@link #of} can find it
   */
  public static boolean isThere(CheckpointFile file) {
    return GeneratorTensors.isThere(file, GeneratorTensors.MASKGIT)
        || GeneratorTensors.isThere(file, GeneratorTensors.HALTON);
  }

  private KeyReport compare() {
    List<String> missing = new ArrayList<>();
    List<String> misshaped = new ArrayList<>();
    List<String> mistyped = new ArrayList<>();
    List<String> unexpected = new ArrayList<>();
    Map<String, Shape> expected = expected();
    expected.forEach(
        (name, shape) -> {
          StoredTensor tensor = found.tensors().get(name);
          if (tensor == null) {
            missing.add(name + " " + shape);
          } else if (FloatType.of(tensor.dtype()).isEmpty()) {
            mistyped.add(tensor + FloatType.advice(tensor.dtype()));
          } else if (!Arrays.equals(tensor.shape(), shape.extents())) {
            misshaped.add(tensor + ", expected " + shape);
          }
        });
    boolean tied = config.kind() == MaskGitConfig.Kind.HALTON;
    found
        .tensors()
        .forEach(
            (name, tensor) -> {
              boolean twice = tied && name.equals(MaskGitTensors.TIED);
              if (!expected.containsKey(name) && !twice) {
                unexpected.add(tensor.toString());
              }
            });
    return new KeyReport(missing, unexpected, misshaped, mistyped);
  }

  /**
   * The file.
   *
   * @return the file with all its content
   */
  public CheckpointFile file() {
    return file;
  }

  /**
   * The network's location in the file.
   *
   * @return the dictionary and the prefix of the names; both are usually empty
   */
  public String where() {
    return found.where();
  }

  /**
   * A note about the chosen weights, if the file has two sets of them.
   *
   * @return the chosen set, the other one and how to choose it; empty if there is one set
   */
  public Optional<String> weightsNote() {
    return found.note();
  }

  /**
   * The network's shape.
   *
   * @return the shape, from the file's settings or inferred from the tensors
   */
  public MaskGitConfig config() {
    return config;
  }

  /**
   * The file's settings.
   *
   * @return the settings; empty for files of other programs
   */
  public Optional<MaskGitMetadata> metadata() {
    return metadata;
  }

  /**
   * Tensors that are missing, unexpected or of a wrong shape.
   *
   * @return the report
   */
  public KeyReport report() {
    return report;
  }

  /**
   * The tensors of the network.
   *
   * @return tensors by the references' names
   */
  public Map<String, StoredTensor> tensors() {
    return Collections.unmodifiableMap(found.tensors());
  }

  /**
   * The names and shapes of a complete network.
   *
   * @return names to shapes, block by block
   */
  public Map<String, Shape> expected() {
    return MaskGitTensors.of(config);
  }

  /**
   * The other content of the file.
   *
   * @return its names, with the number of tensors
   */
  public Map<String, Integer> others() {
    return found.others();
  }

  /**
   * The element types.
   *
   * @return the names of the types in safetensors, with the number of tensors
   */
  public Map<String, Integer> dtypes() {
    Map<String, Integer> counts = new TreeMap<>();
    found.tensors().values().forEach(t -> counts.merge(t.dtype(), 1, Integer::sum));
    return counts;
  }

  /**
   * Reads all numbers and reports those that are NaN or infinite.
   *
   * @return a line per tensor with such numbers, with the names of the file
   */
  public List<String> notFinite() {
    List<String> lines = new ArrayList<>();
    for (StoredTensor tensor : found.tensors().values()) {
      FloatType.of(tensor.dtype())
          .map(type -> type.notFinite(tensor.bytes()))
          .filter(count -> count > 0)
          .ifPresent(
              count -> lines.add(FiniteWeights.line(tensor.name(), count, tensor.elements())));
    }
    return lines;
  }

  /**
   * Builds the network and reads its weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @return the network, without memory for gradients; the caller closes it
   * @throws EqvaeException.Argument if the report is not clean, numbers are not finite, or the two
   *     copies of a table differ
   */
  public MaskedTransformer load(Stream stream) {
    report.requireClean(file.path().toString());
    FiniteWeights.require(file.path().toString(), notFinite());
    StoredTensor twice = found.tensors().get(MaskGitTensors.TIED);
    StoredTensor table = found.tensors().get(MaskGitTensors.TABLE);
    if (twice != null && table != null && !Arrays.equals(twice.floats(), table.floats())) {
      throw new EqvaeException.Argument(
          "%s: %s and %s differ, but they must be equal: this network uses one table for both"
              .formatted(file.path(), MaskGitTensors.TABLE, MaskGitTensors.TIED));
    }
    MaskedTransformer network = MaskedTransformer.of(config, stream, 0, false);
    try {
      for (Parameter p : network.parameters().all()) {
        p.value().set(stream, found.tensors().get(p.name()).floats());
      }
      network.parameters().repack(stream);
      return network;
    } catch (RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
