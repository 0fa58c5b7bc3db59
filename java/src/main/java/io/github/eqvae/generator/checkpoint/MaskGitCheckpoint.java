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
 * An open checkpoint of MaskGIT: of Maskgit-pytorch or Halton-MaskGIT as their trainings save it
 * ({@code model_state_dict}), or of ours. The network's shape is read off the tensors.
 */
public final class MaskGitCheckpoint implements AutoCloseable {
  private static final GeneratorTensors.Anchors MASKGIT =
      new GeneratorTensors.Anchors(
          List.of("first_layer.0.weight", MaskGitTensors.TABLE, "pos_emb"), "Maskgit-pytorch");
  private static final GeneratorTensors.Anchors HALTON =
      new GeneratorTensors.Anchors(
          List.of("last_norm.mlp.1.weight", MaskGitTensors.TABLE, "cls_emb.weight"),
          "Halton-MaskGIT");

  private final CheckpointFile file;
  private final GeneratorTensors found;
  private final MaskGitConfig config;
  private final Optional<MaskGitMetadata> metadata;
  private final KeyReport report;

  private MaskGitCheckpoint(CheckpointFile file, Weights weights, GeneratorHints hints) {
    this.file = file;
    String name = file.path().toString();
    boolean halton = GeneratorTensors.isThere(file, HALTON);
    found = GeneratorTensors.of(file, weights, halton ? HALTON : MASKGIT);
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
   * @param weights which of them, if there is an average beside those as last trained
   * @param hints what the file does not say
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it holds no such network, or does not tell its shape
   * @throws IOException if it cannot be read, or breaks the rules of its format
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
   * Looks for MaskGIT in an open checkpoint.
   *
   * @param file the checkpoint; from now on closed by what is returned
   * @param weights which of them
   * @param hints what the file does not say
   * @return the network in it
   * @throws EqvaeException.Argument as of {@link #open}
   */
  public static MaskGitCheckpoint of(CheckpointFile file, Weights weights, GeneratorHints hints) {
    return new MaskGitCheckpoint(file, weights, hints);
  }

  /**
   * Whether a checkpoint holds MaskGIT.
   *
   * @param file the checkpoint
   * @return true if {@link #of} would look at it
   */
  public static boolean isThere(CheckpointFile file) {
    return GeneratorTensors.isThere(file, MASKGIT) || GeneratorTensors.isThere(file, HALTON);
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
   * @return with everything that is in it
   */
  public CheckpointFile file() {
    return file;
  }

  /**
   * Where in the file the network is.
   *
   * @return the dictionary and what stands before the names, mostly empty
   */
  public String where() {
    return found.where();
  }

  /**
   * Which weights these are, where the file holds two sets of them.
   *
   * @return what was taken, what else is there and how to take that; empty if there is one set
   */
  public Optional<String> weightsNote() {
    return found.note();
  }

  /**
   * The network's shape.
   *
   * @return as the tensors tell it, or the settings beside them
   */
  public MaskGitConfig config() {
    return config;
  }

  /**
   * What the file says beside the tensors.
   *
   * @return empty for files of others
   */
  public Optional<MaskGitMetadata> metadata() {
    return metadata;
  }

  /**
   * What is missing, unexpected or of a wrong shape.
   *
   * @return the report
   */
  public KeyReport report() {
    return report;
  }

  /**
   * The tensors of the network.
   *
   * @return by the references' names
   */
  public Map<String, StoredTensor> tensors() {
    return Collections.unmodifiableMap(found.tensors());
  }

  /**
   * The names and shapes that a whole network of this shape has.
   *
   * @return in an order of blocks
   */
  public Map<String, Shape> expected() {
    return MaskGitTensors.of(config);
  }

  /**
   * What the file holds beside the network.
   *
   * @return what it is, and how many tensors
   */
  public Map<String, Integer> others() {
    return found.others();
  }

  /**
   * The element types.
   *
   * @return safetensors' names of them, and how many tensors are of each
   */
  public Map<String, Integer> dtypes() {
    Map<String, Integer> counts = new TreeMap<>();
    found.tensors().values().forEach(t -> counts.merge(t.dtype(), 1, Integer::sum));
    return counts;
  }

  /**
   * Reads all numbers, and looks for those that are NaN or infinite.
   *
   * @return a line per tensor that has some, in the names of the file
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
   * @return the network, which keeps no gradients; the caller closes it
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
          "%s: %s and %s differ; they are one table in this network"
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
