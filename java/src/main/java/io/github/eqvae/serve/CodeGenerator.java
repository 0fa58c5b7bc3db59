package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.MaskedSampler;
import io.github.eqvae.diffusion.PhiloxDraws;
import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.generator.TrainedGenerator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A generator of codes (MaskGIT) that any number of threads can sample from; {@link Generator} is
 * the same for latents.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     CodeGenerator generator = CodeGenerator.load(path, device, GeneratorOptions.defaults());
 *     Vae vae = Vae.load(autoencoder, device)) {
 *   Codes codes =
 *       generator.sample(new int[] {207, 360}, 0, 0, CodeSamplingOptions.defaults());
 *   BufferedImage image = vae.decode(codes).toBufferedImage(0);
 * }
 * }</pre>
 *
 * <p>A sample is a function of its label, the seed, its number and the options. Its bits do not
 * depend on the batch size, the other samples or the session.
 */
public final class CodeGenerator extends PooledGenerator {
  private final MaskedTransformer network;
  private final Optional<MaskGitMetadata> metadata;

  private CodeGenerator(
      Path path,
      MaskGitCheckpoint checkpoint,
      Optional<String> note,
      MaskedTransformer network,
      SessionPool pool,
      int batch) {
    super(path, note.or(checkpoint::weightsNote), pool, batch);
    this.network = network;
    metadata = checkpoint.metadata();
  }

  /**
   * Whether a file or a run has MaskGIT, and not a {@link Generator}.
   *
   * @param path the user's path
   * @return true if it is for {@link #load}
   * @throws IOException when it cannot be read
   */
  public static boolean isThere(Path path) throws IOException {
    if (TrainedGenerator.isInCheckpoints(path, Weights.AUTO)) {
      return TrainedGenerator.makesCodes(path);
    }
    try (CheckpointFile file = CheckpointFile.open(path)) {
      return MaskGitCheckpoint.isThere(file);
    }
  }

  /**
   * Loads a generator.
   *
   * @param path a checkpoint of Maskgit-pytorch or Halton-MaskGIT, {@code model.safetensors} or the
   *     folder of a training run; for an unfinished run, and for the weights as last trained, the
   *     newest checkpoint is used
   * @param device computes; the caller closes it after the generator
   * @param options sessions, batches, averaged weights, settings that the file does not have
   * @return the generator; the caller closes it
   * @throws IOException when it cannot be read, or a file violates its format
   * @throws EqvaeException.Argument when it has no complete MaskGIT, or its shape cannot be
   *     inferred
   * @throws EqvaeException.OutOfMemory when the device cannot hold it
   */
  public static CodeGenerator load(Path path, Device device, GeneratorOptions options)
      throws IOException {
    return open(path, options, (file, note, given) -> load(path, file, note, device, given));
  }

  private static CodeGenerator load(
      Path path, Path file, Optional<String> note, Device device, GeneratorOptions options)
      throws IOException {
    try (MaskGitCheckpoint checkpoint =
            MaskGitCheckpoint.open(file, options.weights(), options.hints());
        Stream stream = new Stream(device)) {
      MaskedTransformer network = checkpoint.load(stream);
      try {
        network.prepare(stream, SampleRows.of(device)); // shared by the sessions
        stream.sync();
        SessionPool pool = new SessionPool(device, options.sessions());
        return new CodeGenerator(path, checkpoint, note, network, pool, options.batch());
      } catch (RuntimeException | Error e) {
        network.close();
        throw e;
      }
    }
  }

  /**
   * The network's shape.
   *
   * @return the shape
   */
  public MaskGitConfig config() {
    return network.config();
  }

  /**
   * Whether it was also trained without labels, so that guidance is possible.
   *
   * @return true for the references' networks
   */
  public boolean canBeGuided() {
    return metadata.map(MaskGitMetadata::guided).orElse(true);
  }

  @Override
  public Optional<LatentsOrigin> latents() {
    return metadata.flatMap(MaskGitMetadata::latents);
  }

  @Override
  public List<String> classNames() {
    return metadata.map(MaskGitMetadata::classes).orElse(List.of());
  }

  /**
   * Samples codes.
   *
   * @param labels a label for each sample, or {@link Generator#NO_LABEL}
   * @param seed seed of the random draws
   * @param first number of the first sample: the draws of sample i are a function of (seed, first +
   *     i)
   * @param options order, steps, guidance
   * @return the codes
   * @throws EqvaeException.Argument when the network has no such label, or does not support an
   *     option
   */
  public Codes sample(int[] labels, long seed, long first, CodeSamplingOptions options) {
    MaskGitConfig c = config();
    MaskedSampler sampler = check(labels, options);
    int[] given = new int[labels.length];
    Arrays.setAll(given, i -> labels[i] == Generator.NO_LABEL ? c.classes() : labels[i]);
    int[] out = new int[labels.length * c.tokens()];
    int rows = SampleRows.of(pool.device());
    batches.each(
        labels.length,
        (session, from, to) ->
            new CodeSampling(network, session.stream(), session.arena(), rows)
                .sample(
                    sampler,
                    i -> new PhiloxDraws(seed, first + from + i),
                    Arrays.copyOfRange(given, from, to)),
        (from, part) -> {
          for (int i = 0; i < part.size(); i++) {
            System.arraycopy(part.get(i), 0, out, (from + i) * c.tokens(), c.tokens());
          }
        });
    return new Codes(labels.length, c.side(), c.side(), out);
  }

  private MaskedSampler check(int[] labels, CodeSamplingOptions options) {
    MaskGitConfig c = config();
    requireSome(labels);
    for (int label : labels) {
      boolean none = label == Generator.NO_LABEL && canBeGuided();
      if (!none && (label < 0 || label >= c.classes())) {
        throw noSuchLabel(label, c.classes(), canBeGuided() ? ", and NO_LABEL" : " and no other");
      }
    }
    MaskedSampler sampler = options.sampler(canBeGuided());
    if (sampler.guidance() != 0 && !canBeGuided()) {
      throw new EqvaeException.Argument(
          path + " was not trained without labels, so guidance is not possible: set guidance to 0");
    }
    sampler.check(c.tokens());
    return sampler;
  }

  @Override
  ParameterStore parameters() {
    return network.parameters();
  }

  @Override
  void closeNetwork() {
    network.close();
  }

  /** A short description: {@code CodeGenerator[codes 16×16 of 1024, 1000 classes]}. */
  @Override
  public String toString() {
    MaskGitConfig c = config();
    return "CodeGenerator[codes %d×%d of %d, %d classes]"
        .formatted(c.side(), c.side(), c.codes(), c.classes());
  }
}
