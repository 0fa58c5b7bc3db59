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
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.generator.TrainedGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A generator of codes, MaskGIT, to sample from with any number of threads. What {@link Generator}
 * is for latents.
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
 * <p>A sample is a function of its label, the seed and its number, and of the options: it has the
 * same bits in a batch of any size, beside whatever others, and in any session.
 */
public final class CodeGenerator implements AutoCloseable {
  private final Path path;
  private final MaskedTransformer network;
  private final Optional<MaskGitMetadata> metadata;
  private final Optional<String> note;
  private final SessionPool pool;
  private final Batches batches;
  private final AtomicBoolean closed = new AtomicBoolean();

  private CodeGenerator(
      Path path,
      MaskGitCheckpoint checkpoint,
      Optional<String> note,
      MaskedTransformer network,
      SessionPool pool,
      int batch) {
    this.path = path;
    this.network = network;
    metadata = checkpoint.metadata();
    this.note = note.or(checkpoint::weightsNote);
    this.pool = pool;
    batches = new Batches(pool, batch);
  }

  /**
   * Whether a file or a run is of MaskGIT, and not of a {@link Generator}.
   *
   * @param path whatever a user named
   * @return true if {@link #load} would look at it
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
   *     folder of a training run; of a run that has not come to its end, and for the weights as
   *     last trained, the newest checkpoint is taken
   * @param device where it computes; closed by the caller, after the generator
   * @param options sessions, batches, averaged weights, what the file does not say
   * @return the generator; the caller closes it
   * @throws IOException when it cannot be read, or a file breaks the rules of its format
   * @throws EqvaeException.Argument when it holds no MaskGIT, or not a whole one, or does not tell
   *     its shape
   * @throws EqvaeException.OutOfMemory when the device cannot hold it
   */
  public static CodeGenerator load(Path path, Device device, GeneratorOptions options)
      throws IOException {
    if (!TrainedGenerator.isInCheckpoints(path, options.weights())) {
      return load(path, path, Optional.empty(), device, options);
    }
    Path file = Files.createTempFile("eqvae-", ".safetensors");
    try {
      String which = TrainedGenerator.write(path, options.weights(), file);
      return load(path, file, Optional.of(which), device, options.withWeights(Weights.AUTO));
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private static CodeGenerator load(
      Path path, Path file, Optional<String> note, Device device, GeneratorOptions options)
      throws IOException {
    try (MaskGitCheckpoint checkpoint =
            MaskGitCheckpoint.open(file, options.weights(), options.hints());
        Stream stream = new Stream(device)) {
      MaskedTransformer network = checkpoint.load(stream);
      try {
        network.prepare(stream, SampleRows.of(device)); // sessions share it
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
   * Whether it was also taught without labels, so that it can be guided.
   *
   * @return true of the references' networks
   */
  public boolean canBeGuided() {
    return metadata.map(MaskGitMetadata::guided).orElse(true);
  }

  /**
   * Whose codes it makes.
   *
   * @return empty for files of others, which do not say
   */
  public Optional<LatentsOrigin> latents() {
    return metadata.flatMap(MaskGitMetadata::latents);
  }

  /**
   * What its classes are called.
   *
   * @return by label; empty if that is not known
   */
  public List<String> classNames() {
    return metadata.map(MaskGitMetadata::classes).orElse(List.of());
  }

  /**
   * Which weights were taken, where the file holds an average (EMA) beside those as last trained.
   *
   * @return what was taken, what else is there and how to take that; empty if there is one set
   */
  public Optional<String> weightsNote() {
    return note;
  }

  /**
   * Identifies the weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters, in hexadecimal digits
   */
  public String weightsHash() {
    return SessionPool.await(pool.submit(s -> WeightsHash.of(network.parameters(), s.stream())));
  }

  /**
   * Samples.
   *
   * @param labels a label each, or {@link Generator#NO_LABEL}
   * @param seed of what is drawn
   * @param first number of the first one: sample i draws what (seed, first + i) gives
   * @param options order, steps, guidance
   * @return the codes
   * @throws EqvaeException.Argument when a label is none of the network's, or an option does not
   *     fit it
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
    if (labels.length == 0) {
      throw new EqvaeException.Argument("No sample was asked for: there are no labels");
    }
    for (int label : labels) {
      boolean none = label == Generator.NO_LABEL && canBeGuided();
      if (!none && (label < 0 || label >= c.classes())) {
        throw new EqvaeException.Argument(
            "label %d: %s has the classes 0 to %d%s"
                .formatted(
                    label,
                    path,
                    c.classes() - 1,
                    canBeGuided() ? ", and NO_LABEL" : " and no other"));
      }
    }
    MaskedSampler sampler = options.sampler(canBeGuided());
    if (sampler.guidance() != 0 && !canBeGuided()) {
      throw new EqvaeException.Argument(
          path + " was not taught without labels, so it cannot be guided: set guidance to 0");
    }
    sampler.check(c.tokens());
    return sampler;
  }

  /** Waits for calls that have begun; later ones are refused. Closing twice is no error. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.close();
      network.close();
    }
  }

  /** What was loaded: {@code CodeGenerator[codes 16×16 of 1024, 1000 classes]}. */
  @Override
  public String toString() {
    MaskGitConfig c = config();
    return "CodeGenerator[codes %d×%d of %d, %d classes]"
        .formatted(c.side(), c.side(), c.codes(), c.classes());
  }
}
