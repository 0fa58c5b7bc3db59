package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
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
public final class GeneratorCheckpoint extends NetworkCheckpoint {
  private final GeneratorTensors found;
  private final DitConfig config;
  private final Optional<Alignment> alignment;
  private final Optional<GeneratorMetadata> metadata;
  private final Optional<GeneratorProcess> process;
  private final KeyReport report;

  private GeneratorCheckpoint(CheckpointFile file, Weights weights, GeneratorHints hints) {
    this(file, GeneratorTensors.of(file, weights, GeneratorTensors.DIT), hints);
  }

  private GeneratorCheckpoint(CheckpointFile file, GeneratorTensors found, GeneratorHints hints) {
    super(file, found.tensors(), found.others(), found.note());
    this.found = found;
    String name = file.path().toString();
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
        metadata
            .map(GeneratorMetadata::process)
            .or(hints::process)
            .or(() -> ProcessInference.of(name, config, alignment.isPresent(), arguments))
            .map(p -> ProcessInference.fitting(p, config));
    report = KeyReport.of(found.tensors(), expected(), Set.of());
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
    return DitSize.name(config);
  }

  /**
   * The diffusion process that the network was trained for.
   *
   * @return the process from the file's metadata, or else from the hints, or else as other programs
   *     record it; empty if unknown
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

  @Override
  public KeyReport report() {
    return report;
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
   * Builds the network and reads its weights. REPA's projectors, which sampling does not use, are
   * only built for training.
   *
   * @param stream orders the work; its device holds the parameters
   * @param training whether to keep memory for gradients
   * @return the network; the caller closes its parameters
   * @throws EqvaeException.Argument if the report is not clean, or numbers are not finite
   */
  public Dit load(Stream stream, boolean training) {
    requireComplete();
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
    requireComplete();
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
}
