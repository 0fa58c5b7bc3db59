package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An open checkpoint of MaskGIT: saved by the training of Maskgit-pytorch or Halton-MaskGIT ({@code
 * model_state_dict}), or by eqvae. The network's shape is inferred from the tensors.
 */
public final class MaskGitCheckpoint extends NetworkCheckpoint {
  private final GeneratorTensors found;
  private final MaskGitConfig config;
  private final Optional<MaskGitMetadata> metadata;
  private final KeyReport report;

  private MaskGitCheckpoint(CheckpointFile file, Weights weights, GeneratorHints hints) {
    this(file, tensors(file, weights), hints);
  }

  private MaskGitCheckpoint(CheckpointFile file, GeneratorTensors found, GeneratorHints hints) {
    super(file, found.tensors(), found.others(), found.note());
    this.found = found;
    String name = file.path().toString();
    metadata = MaskGitMetadata.of(name, file.metadata());
    config =
        metadata
            .map(MaskGitMetadata::network)
            .orElseGet(() -> new MaskGitShape(name, found.tensors()).config(hints));
    boolean tied = config.kind() == MaskGitConfig.Kind.HALTON;
    report =
        KeyReport.of(found.tensors(), expected(), tied ? Set.of(MaskGitTensors.TIED) : Set.of());
  }

  private static GeneratorTensors tensors(CheckpointFile file, Weights weights) {
    boolean halton = GeneratorTensors.isThere(file, GeneratorTensors.HALTON);
    return GeneratorTensors.of(
        file, weights, halton ? GeneratorTensors.HALTON : GeneratorTensors.MASKGIT);
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

  /**
   * The network's location in the file.
   *
   * @return the dictionary and the prefix of the names; both are usually empty
   */
  public String where() {
    return found.where();
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

  @Override
  public KeyReport report() {
    return report;
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
   * Builds the network and reads its weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @return the network, without memory for gradients; the caller closes it
   * @throws EqvaeException.Argument if the report is not clean, numbers are not finite, or the two
   *     copies of a table differ
   */
  public MaskedTransformer load(Stream stream) {
    requireComplete();
    requireOneTable();
    MaskedTransformer network = MaskedTransformer.of(config, stream, 0, false);
    try {
      fill(network, stream);
      return network;
    } catch (RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  /**
   * Reads the weights into an existing network.
   *
   * @param network the network, of this shape
   * @param stream orders the work
   * @throws EqvaeException.Argument as for {@link #load(Stream)}
   */
  public void load(MaskedTransformer network, Stream stream) {
    requireComplete();
    requireOneTable();
    fill(network, stream);
  }

  private void requireOneTable() {
    StoredTensor twice = found.tensors().get(MaskGitTensors.TIED);
    StoredTensor table = found.tensors().get(MaskGitTensors.TABLE);
    if (twice != null && table != null && !Arrays.equals(twice.floats(), table.floats())) {
      throw new EqvaeException.Argument(
          "%s: %s and %s differ, but they must be equal: this network uses one table for both"
              .formatted(file().path(), MaskGitTensors.TABLE, MaskGitTensors.TIED));
    }
  }

  private void fill(MaskedTransformer network, Stream stream) {
    for (Parameter p : network.parameters().all()) {
      p.value().set(stream, found.tensors().get(p.name()).floats());
    }
    network.parameters().repack(stream);
  }
}
