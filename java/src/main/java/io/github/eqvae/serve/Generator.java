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
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A generator of latents that any number of threads can sample from.
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
 * <p>A sample is a function of its label, the seed, its number and the options. Its bits do not
 * depend on the batch size, the other samples or the session.
 */
public final class Generator extends PooledGenerator {
  /** The label of a sample without a class. */
  public static final int NO_LABEL = -1;

  private final Dit dit;
  private final GeneratorProcess process;
  private final Optional<GeneratorMetadata> metadata;

  private Generator(
      Path path,
      GeneratorCheckpoint checkpoint,
      Optional<String> note,
      Dit dit,
      SessionPool pool,
      int batch) {
    super(path, note.or(checkpoint::weightsNote), pool, batch);
    this.dit = dit;
    process = checkpoint.process().orElseThrow();
    metadata = checkpoint.metadata();
  }

  /**
   * Loads a generator with the default options.
   *
   * @param path as for {@link #load(Path, Device, GeneratorOptions)}
   * @param device as for {@link #load(Path, Device, GeneratorOptions)}
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
   *     folder of a training run; for an unfinished run, and for the weights as last trained, the
   *     newest checkpoint is used
   * @param device computes; the caller closes it after the generator
   * @param options sessions, batches, averaged weights, settings that the file does not have
   * @return the generator; the caller closes it
   * @throws IOException when it cannot be read, or a file violates its format
   * @throws EqvaeException.Argument when it has no complete generator, or its diffusion process is
   *     unknown
   * @throws EqvaeException.OutOfMemory when the device cannot hold it
   */
  public static Generator load(Path path, Device device, GeneratorOptions options)
      throws IOException {
    return open(path, options, (file, note, given) -> load(path, file, note, device, given));
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
   * The diffusion process that the network was trained for.
   *
   * @return the process, from the hints or the file
   */
  public GeneratorProcess process() {
    return process;
  }

  @Override
  public Optional<LatentsOrigin> latents() {
    return metadata.flatMap(GeneratorMetadata::latents);
  }

  @Override
  public List<String> classNames() {
    return metadata.map(GeneratorMetadata::classes).orElse(List.of());
  }

  /**
   * Samples with the default options.
   *
   * @param labels a label for each sample, or {@link #NO_LABEL}
   * @param seed seed of the noise
   * @return samples 0, 1, … of this seed, scaled
   */
  public Latents sample(int[] labels, long seed) {
    return sample(labels, seed, 0, SamplingOptions.defaults());
  }

  /**
   * Samples latents.
   *
   * @param labels a label for each sample, or {@link #NO_LABEL}, for networks with a null class or
   *     without classes
   * @param seed seed of the noise
   * @param first number of the first sample: the noise of sample i is a function of (seed, first +
   *     i)
   * @param options method, steps, guidance
   * @return the latents, scaled
   * @throws EqvaeException.Argument when the network has no such label, or does not support an
   *     option
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
    requireSome(labels);
    for (int label : labels) {
      boolean none = label == NO_LABEL && (c.classes() == 0 || c.nullClass());
      if (!none && (label < 0 || label >= c.classes())) {
        throw c.classes() == 0
            ? new EqvaeException.Argument(
                "label %d: %s has no classes; pass Generator.NO_LABEL".formatted(label, path))
            : noSuchLabel(
                label, c.classes(), c.nullClass() ? ", and NO_LABEL" : " and none without a label");
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

  @Override
  ParameterStore parameters() {
    return dit.parameters();
  }

  @Override
  void closeNetwork() {
    dit.parameters().close();
  }

  /** A short description: {@code Generator[latents 32×32×4, 1000 classes]}. */
  @Override
  public String toString() {
    DitConfig c = dit.config();
    return "Generator[latents %d×%d×%d, %d classes]"
        .formatted(c.side(), c.side(), c.channels(), c.classes());
  }
}
