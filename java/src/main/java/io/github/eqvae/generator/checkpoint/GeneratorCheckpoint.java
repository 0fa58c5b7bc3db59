package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
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
 * An open checkpoint of a generator: saved by the training of DiT, SiT, REPA or LightningDiT, or by
 * eqvae. The network's shape is inferred from the tensors. Missing and unexpected tensors are
 * reported; {@link #load} refuses them.
 *
 * <pre>{@code
 * try (GeneratorCheckpoint checkpoint = GeneratorCheckpoint.open(path)) {
 *   Dit dit = checkpoint.load(stream, false);
 *   Optional<GeneratorProcess> process = checkpoint.process();
 * }
 * }</pre>
 */
public final class GeneratorCheckpoint implements AutoCloseable {
  private final CheckpointFile file;
  private final GeneratorTensors found;
  private final DitConfig config;
  private final Optional<Alignment> alignment;
  private final Optional<GeneratorMetadata> metadata;
  private final Optional<GeneratorProcess> process;
  private final KeyReport report;

  private GeneratorCheckpoint(CheckpointFile file, Weights weights, GeneratorHints hints) {
    this.file = file;
    String name = file.path().toString();
    found = GeneratorTensors.of(file, weights, GeneratorTensors.DIT);
    metadata = GeneratorMetadata.of(name, file.metadata());
    config =
        metadata
            .map(GeneratorMetadata::network)
            .orElseGet(() -> new ShapeInference(name, found.tensors()).config(hints.heads()));
    Map<String, String> arguments = file.arguments();
    alignment =
        metadata.isPresent()
            ? metadata.get().alignment().map(AlignmentOrigin::shape)
            : new ShapeInference(name, found.tensors())
                .alignment(ProcessInference.alignmentDepth(name, config, arguments));
    process =
        hints
            .process()
            .or(() -> metadata.map(GeneratorMetadata::process))
            .or(() -> ProcessInference.of(name, config, alignment.isPresent(), arguments))
            .map(p -> ProcessInference.fitting(p, config));
    report = compare();
  }

  /**
   * Opens a file.
   *
   * @param path safetensors or a PyTorch checkpoint, or the folder of a finished run
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it has no generator, or the network's shape or its number of
   *     heads cannot be inferred from the tensors
   * @throws IOException if it cannot be read, or violates its format
   */
  public static GeneratorCheckpoint open(Path path) throws IOException {
    return open(path, Weights.AUTO, GeneratorHints.NONE);
  }

  /**
   * Opens a file.
   *
   * @param path as for {@link #open(Path)}
   * @param weights which weights, if the file has both trained weights and their average
   * @param hints settings that the file does not have
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument as for {@link #open(Path)}, or if it lacks those weights
   * @throws IOException as for {@link #open(Path)}
   */
  public static GeneratorCheckpoint open(Path path, Weights weights, GeneratorHints hints)
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
   * Finds the generator in an open checkpoint.
   *
   * @param file the checkpoint, which the result closes
   * @param weights which weights
   * @param hints settings that the file does not have
   * @return the generator in it
   * @throws EqvaeException.Argument as for {@link #open}
   */
  public static GeneratorCheckpoint of(CheckpointFile file, Weights weights, GeneratorHints hints) {
    return new GeneratorCheckpoint(file, weights, hints);
  }

  /**
   * Whether a checkpoint has a generator.
   *
   * @param file the checkpoint
   * @return true if {@link #of} can find it
   */
  public static boolean isThere(CheckpointFile file) {
    return GeneratorTensors.isThere(file, GeneratorTensors.DIT);
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
    found
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (!expected.containsKey(name)) {
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
  public DitConfig config() {
    return config;
  }

  /**
   * REPA's projectors.
   *
   * @return their shape; empty for networks without projectors. In files of other programs the
   *     depth is from the training's arguments, or 8 as published
   */
  public Optional<Alignment> alignment() {
    return alignment;
  }

  /**
   * The size's name in its papers.
   *
   * @return such as {@code XL/2}; empty for other sizes
   */
  public Optional<String> size() {
    return Arrays.stream(DitSize.values())
        .filter(
            s ->
                s.width() == config.width()
                    && s.depth() == config.depth()
                    && s.heads() == config.heads()
                    && config.mlpRatio() == 4)
        .map(s -> s + "/" + config.patch())
        .findFirst();
  }

  /**
   * The diffusion process that the network was trained for.
   *
   * @return the process from the hints, or else from the file; empty if unknown
   */
  public Optional<GeneratorProcess> process() {
    return process;
  }

  /**
   * The file's settings.
   *
   * @return the settings; empty for files of other programs
   */
  public Optional<GeneratorMetadata> metadata() {
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
   * @return names to shapes, in the references' order
   */
  public Map<String, Shape> expected() {
    return TensorList.of(config, alignment);
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
   * Builds the network and reads its weights. REPA's projectors, which sampling does not use, are
   * only built for training.
   *
   * @param stream orders the work; its device holds the parameters
   * @param training whether to keep memory for gradients
   * @return the network; the caller closes its parameters
   * @throws EqvaeException.Argument if the report is not clean, or numbers are not finite
   */
  public Dit load(Stream stream, boolean training) {
    report.requireClean(file.path().toString());
    FiniteWeights.require(file.path().toString(), notFinite());
    Dit dit = new Dit(config, training ? alignment.orElse(null) : null, stream, 0, training);
    try {
      fill(dit, stream);
      return dit;
    } catch (RuntimeException | Error e) {
      dit.parameters().close();
      throw e;
    }
  }

  /**
   * Reads the weights into an existing network. Projectors keep their weights if the file has none
   * of the same shape.
   *
   * @param dit the network, of this shape
   * @param stream orders the work
   * @throws EqvaeException.Argument if the report is not clean, or numbers are not finite
   */
  public void load(Dit dit, Stream stream) {
    report.requireClean(file.path().toString());
    FiniteWeights.require(file.path().toString(), notFinite());
    fill(dit, stream);
  }

  private void fill(Dit dit, Stream stream) {
    for (Parameter p : dit.parameters().all()) {
      StoredTensor tensor = found.tensors().get(p.name());
      boolean there = tensor != null && Arrays.equals(tensor.shape(), p.shape().extents());
      if (there) {
        p.value().set(stream, tensor.floats());
      } else if (!p.name().startsWith("projectors.")) {
        throw new EqvaeException.Internal(p.name() + " was not compared with the file");
      }
    }
    dit.parameters().repack(stream);
  }

  @Override
  public void close() {
    file.close();
  }
}
