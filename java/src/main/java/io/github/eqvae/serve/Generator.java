package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.Lockstep;
import io.github.eqvae.diffusion.Sampler;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.generator.TrainedGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A generator of latents, to sample from with any number of threads.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     Generator generator = Generator.load(path, device);
 *     Vae vae = Vae.load(autoencoder, device)) {
 *   Latents latents = generator.sample(new int[] {207, 360}, 0);
 *   BufferedImage image = vae.decode(latents).toBufferedImage(0);
 * }
 * }</pre>
 *
 * <p>A sample is a function of its label, the seed and its number, and of the options: it has the
 * same bits in a batch of any size, beside whatever others, and in any session.
 */
public final class Generator implements AutoCloseable {
  /** The label of a sample of no class. */
  public static final int NO_LABEL = -1;

  private final Path path;
  private final Dit dit;
  private final GeneratorProcess process;
  private final Optional<GeneratorMetadata> metadata;
  private final Optional<String> note;
  private final SessionPool pool;
  private final Batches batches;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Generator(
      Path path,
      GeneratorCheckpoint checkpoint,
      Optional<String> note,
      Dit dit,
      SessionPool pool,
      int batch) {
    this.path = path;
    this.dit = dit;
    process = checkpoint.process().orElseThrow();
    metadata = checkpoint.metadata();
    this.note = note.or(checkpoint::weightsNote);
    this.pool = pool;
    batches = new Batches(pool, batch);
  }

  /**
   * Loads a generator with the default options.
   *
   * @param path as of {@link #load(Path, Device, GeneratorOptions)}
   * @param device as of {@link #load(Path, Device, GeneratorOptions)}
   * @return the generator; the caller closes it
   * @throws IOException when it cannot be read
   */
  public static Generator load(Path path, Device device) throws IOException {
    return load(path, device, GeneratorOptions.defaults());
  }

  /**
   * Loads a generator.
   *
   * @param path a checkpoint of DiT, SiT, REPA or LightningDiT, {@code model.safetensors} or the
   *     folder of a training run; of a run that has not come to its end, and for the weights as
   *     last trained, the newest checkpoint is taken
   * @param device where it computes; closed by the caller, after the generator
   * @param options sessions, batches, averaged weights, what the file does not say
   * @return the generator; the caller closes it
   * @throws IOException when it cannot be read, or a file breaks the rules of its format
   * @throws EqvaeException.Argument when it holds no generator, or not a whole one, or does not say
   *     how it was taught
   * @throws EqvaeException.OutOfMemory when the device cannot hold it
   */
  public static Generator load(Path path, Device device, GeneratorOptions options)
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

  private static Generator load(
      Path path, Path file, Optional<String> note, Device device, GeneratorOptions options)
      throws IOException {
    try (GeneratorCheckpoint checkpoint =
            GeneratorCheckpoint.open(file, options.weights(), options.hints());
        Stream stream = new Stream(device)) {
      if (checkpoint.process().isEmpty()) {
        throw new EqvaeException.Argument(
            path
                + " does not say how it was trained, and the tensors of DiT and SiT are the same:"
                + " add --trained-as dit or --trained-as sit (GeneratorHints)");
      }
      Dit dit = checkpoint.load(stream, false);
      try {
        stream.sync();
        SessionPool pool = new SessionPool(device, options.sessions());
        return new Generator(path, checkpoint, note, dit, pool, options.batch());
      } catch (RuntimeException | Error e) {
        dit.parameters().close();
        throw e;
      }
    }
  }

  /**
   * The network's shape.
   *
   * @return the shape
   */
  public DitConfig config() {
    return dit.config();
  }

  /**
   * How the network was taught.
   *
   * @return by its file or by the hints
   */
  public GeneratorProcess process() {
    return process;
  }

  /**
   * Whose latents it makes.
   *
   * @return empty for files of others, which do not say
   */
  public Optional<LatentsOrigin> latents() {
    return metadata.flatMap(GeneratorMetadata::latents);
  }

  /**
   * What its classes are called.
   *
   * @return by label; empty if that is not known
   */
  public List<String> classNames() {
    return metadata.map(GeneratorMetadata::classes).orElse(List.of());
  }

  /**
   * How many numbers were learned.
   *
   * @return without the table of positions
   */
  public long parameterCount() {
    return dit.parameters().count();
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
    return SessionPool.await(pool.submit(s -> WeightsHash.of(dit.parameters(), s.stream())));
  }

  /**
   * Samples with the default options.
   *
   * @param labels a label each, or {@link #NO_LABEL}
   * @param seed of the noise
   * @return the latents, numbers 0, 1, … of this seed, scaled
   */
  public Latents sample(int[] labels, long seed) {
    return sample(labels, seed, 0, SamplingOptions.defaults());
  }

  /**
   * Samples.
   *
   * @param labels a label each, or {@link #NO_LABEL}: the null class of a network that has one, or
   *     a network without classes
   * @param seed of the noise
   * @param first number of the first one: sample i gets the noise of (seed, first + i)
   * @param options method, steps, guidance
   * @return the latents as the network makes them, scaled
   * @throws EqvaeException.Argument when a label is none of the network's, or an option does not
   *     fit it
   */
  public Latents sample(int[] labels, long seed, long first, SamplingOptions options) {
    DitConfig c = dit.config();
    check(labels, options);
    Sampler sampler = options.sampler(process, c.channels());
    Guidance guidance = options.guidance().guidance(process, c.channels());
    int each = c.side() * c.side() * c.channels();
    float[] out = new float[labels.length * each];
    batches.each(
        labels.length,
        (session, from, to) -> {
          List<Lockstep.Work<DitCalls.Question, float[]>> samplers = new ArrayList<>();
          for (int i = from; i < to; i++) {
            int label = labels[i];
            SampleNoise noise = new SampleNoise(seed, first + i);
            samplers.add(
                asking ->
                    sampler.sample(
                        denoiser(asking, label, guidance), noise.start(each), noise::step));
          }
          boolean both = c.learnSigma() && !(process instanceof GeneratorProcess.Steps);
          return Lockstep.run(samplers, new DitCalls(dit, session, both));
        },
        (from, part) -> {
          for (int i = 0; i < part.size(); i++) {
            System.arraycopy(part.get(i), 0, out, (from + i) * each, each);
          }
        });
    return new Latents(labels.length, c.side(), c.side(), c.channels(), out, true);
  }

  private Denoiser denoiser(
      Lockstep.Asking<DitCalls.Question> asking, int label, Guidance guidance) {
    int none = dit.config().classes();
    int given = label == NO_LABEL ? none : label;
    Denoiser labelled = (x, t) -> asking.ask(new DitCalls.Question(x, t, given));
    if (given == none) {
      return labelled;
    }
    Denoiser unlabelled = (x, t) -> asking.ask(new DitCalls.Question(x, t, none));
    return guidance.guide(labelled, unlabelled, dit.config().channels());
  }

  private void check(int[] labels, SamplingOptions options) {
    DitConfig c = dit.config();
    if (labels.length == 0) {
      throw new EqvaeException.Argument("No sample was asked for: there are no labels");
    }
    for (int label : labels) {
      boolean none = label == NO_LABEL && (c.classes() == 0 || c.nullClass());
      if (!none && (label < 0 || label >= c.classes())) {
        throw new EqvaeException.Argument(
            c.classes() == 0
                ? "label %d: %s has no classes; pass Generator.NO_LABEL".formatted(label, path)
                : "label %d: %s has the classes 0 to %d%s"
                    .formatted(
                        label,
                        path,
                        c.classes() - 1,
                        c.nullClass() ? ", and NO_LABEL" : " and none without a label"));
      }
    }
    boolean labelled = Arrays.stream(labels).anyMatch(l -> l != NO_LABEL);
    if (options.guidance().scale() != 1 && !(labelled && c.nullClass())) {
      throw new EqvaeException.Argument(
          "Guidance compares with the prediction without a label: "
              + (c.nullClass() ? "pass labels" : path + " has no null class")
              + ", or leave guidance at 1");
    }
  }

  /**
   * What is allocated on the device for this generator's calls, its weights not counted.
   *
   * @return counters
   */
  public MemoryStats memory() {
    return pool.device().memory();
  }

  /** Waits for calls that have begun; later ones are refused. Closing twice is no error. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      pool.close();
      dit.parameters().close();
    }
  }

  /** What was loaded: {@code Generator[latents 32×32×4, 1000 classes]}. */
  @Override
  public String toString() {
    DitConfig c = dit.config();
    return "Generator[latents %d×%d×%d, %d classes]"
        .formatted(c.side(), c.side(), c.channels(), c.classes());
  }
}
