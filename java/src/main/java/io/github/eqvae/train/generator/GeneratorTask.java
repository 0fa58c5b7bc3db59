package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.op.GaussianSample;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.BatchShape;
import io.github.eqvae.train.LossReport;
import io.github.eqvae.train.MicroBatch;
import io.github.eqvae.train.OneNetworkTask;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.StepContext;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Training of a generator: each latent gets a time of its own and is corrupted for it. The
 * network's output is compared with the target of {@link DenoisingLoss}. One network, one
 * optimiser.
 *
 * <p>Posterior and noise are drawn on the device with counters of the micro-batch; times, values
 * that follow from them, and labels come with the batch ({@link LatentBatches}). So one graph does
 * every step.
 */
public final class GeneratorTask extends OneNetworkTask {
  /** The field of a batch: mean and log variance of each latent, {@code [N, H, W, 2C]}, scaled. */
  public static final String MOMENTS = "moments";

  /** The field of a batch where no posterior is drawn: latents {@code [N, H, W, C]}, scaled. */
  public static final String LATENTS = "latents";

  /** The field of a batch: labels {@code [N]}, the null class where one is hidden. */
  public static final String LABELS = "labels";

  /** The field of a batch: the times that the network gets, {@code [N]}. */
  public static final String TIMES = "times";

  /** The field of a batch: the values of a time that the loss needs, {@code [N, columns]}. */
  public static final String ROWS = "rows";

  /** The field of a batch: features to align with, {@code [N, T, width]}; the first network's. */
  public static final String FEATURES = "features";

  /** Keeps noise apart from the weights' start. */
  private static final long NOISE = 1L << 62;

  private static final int POSTERIOR = 0;
  private static final int CORRUPTION = 1;

  /** The most terms of a loss: no process has more. */
  private static final int TERMS = 2;

  /** Memory of a plan is only addresses. */
  private static final long PLANNED = 1L << 44;

  private final GeneratorRecipe recipe;
  private final Stream stream;
  private final DenoisingLoss loss;
  private final Dit network;
  private final QuarterLosses quarters;

  GeneratorTask(GeneratorRecipe recipe, Stream stream) {
    this.recipe = recipe;
    this.stream = stream;
    loss = recipe.process().loss();
    network =
        new Dit(
            recipe.model().config(),
            recipe.alignment().shape().orElse(null),
            stream,
            recipe.run().seed(),
            true);
    network.computeIn(recipe.run().activations(stream.device()));
    quarters = new QuarterLosses(loss, recipe.optimizer().accumulate());
  }

  @Override
  protected ParameterGroup group() {
    int reports = (TERMS + 1) * samples() + aligned();
    return ParameterGroup.of("generator", network.parameters(), recipe.optimizer(), reports);
  }

  /**
   * The network.
   *
   * @return the model, owned by this
   */
  public Dit network() {
    return network;
  }

  /** The field of a batch with the features of a network, counted from 0. */
  static String features(int network) {
    return network == 0 ? FEATURES : FEATURES + "_" + (network + 1);
  }

  /** The number of networks with whose features tokens are aligned. */
  private int aligned() {
    return recipe.alignment().isOn() ? recipe.alignment().width().size() : 0;
  }

  private int samples() {
    return recipe.run().batchSize();
  }

  @Override
  public BatchShape batch() {
    DitConfig c = network.config();
    int n = samples();
    List<BatchShape.Field> fields = new ArrayList<>();
    Shape latents = Shape.of(n, c.side(), c.side(), c.channels());
    fields.add(
        drawsPosterior()
            ? new BatchShape.Field(MOMENTS, latents.with(3, 2 * latents.dim(3)), false)
            : new BatchShape.Field(LATENTS, latents, false));
    fields.add(new BatchShape.Field(TIMES, Shape.of(n), false));
    fields.add(new BatchShape.Field(ROWS, Shape.of(n, loss.columns()), false));
    for (int k = 0; k < aligned(); k++) {
      Shape features = Shape.of(n, c.tokens(), recipe.alignment().width().get(k));
      fields.add(new BatchShape.Field(features(k), features, false));
    }
    if (c.classes() > 0) {
      fields.add(new BatchShape.Field(LABELS, Shape.of(n), true));
    }
    return new BatchShape(n, fields);
  }

  /** A counter of noise for each of its uses. */
  @Override
  public int scalars() {
    return 2;
  }

  @Override
  public void scalars(MicroBatch at, double[] values) {
    for (int use = 0; use < values.length; use++) {
      values[use] = values.length * at.index() + use;
    }
  }

  @Override
  protected LossReport learn(StepContext c) {
    Tape tape = c.tape();
    Tensor data = data(tape, c);
    DenoisingLoss.Corrupted of =
        loss.corrupt(tape, data, noise(c, data.shape(), CORRUPTION), c.input(ROWS));
    Dit.Aligned answer = network.forwardAligned(tape, of.noisy(), c.input(TIMES), labels(c));
    List<DenoisingLoss.Term> terms = loss.terms(tape, answer.output(), of);
    List<Seed> seeds = new ArrayList<>();
    int n = samples();
    c.input(TIMES).copyTo(c.stream(), c.report().narrow(0, 0, n));
    for (int k = 0; k < terms.size(); k++) {
      DenoisingLoss.Term term = terms.get(k);
      term.perSample().copyTo(c.stream(), c.report().narrow(0, (long) (k + 1) * n, n));
      seeds.add(tape.seed(term.perSample(), term.weight() / n));
    }
    seeds.addAll(align(tape, answer.features(), c, (terms.size() + 1) * n));
    tape.backward(seeds);
    return quarters.report(terms, n, aligned(), recipe.alignment().coefficient());
  }

  /** A number for each network, of the whole batch; in the report after those of the samples. */
  private List<Seed> align(Tape tape, List<Tensor> said, StepContext c, int place) {
    List<Tensor> wanted =
        IntStream.range(0, aligned()).mapToObj(k -> c.input(features(k))).toList();
    List<RepaLoss.Projection> parts =
        RepaLoss.alignment(tape, said, wanted, recipe.alignment().coefficient());
    List<Seed> seeds = new ArrayList<>();
    for (RepaLoss.Projection of : parts) {
      Tensor value = of.value().reshape(Shape.of(1));
      value.copyTo(c.stream(), c.report().narrow(0, place + seeds.size(), 1));
      seeds.add(tape.seed(of.value(), of.weight()));
    }
    return seeds;
  }

  private boolean drawsPosterior() {
    return recipe.data().posterior() == LatentsRecipe.Posterior.SAMPLE;
  }

  private Tensor data(Tape tape, StepContext c) {
    if (!drawsPosterior()) {
      return c.input(LATENTS);
    }
    Tensor moments = c.input(MOMENTS);
    Shape shape = moments.shape().with(3, network.config().channels());
    return tape.apply(new GaussianSample(), moments, noise(c, shape, POSTERIOR));
  }

  private @Nullable Tensor labels(StepContext c) {
    return network.config().classes() > 0 ? c.input(LABELS) : null;
  }

  private Tensor noise(StepContext c, Shape shape, int use) {
    Tensor noise = c.arena().tensor(shape);
    noise.normal(c.stream(), recipe.run().seed(), NOISE, c.scalar(use), 0, 1);
    return noise;
  }

  @Override
  public boolean initialize() throws IOException {
    return InitialWeights.of(recipe).load(file -> file.load(network, stream));
  }

  /**
   * At its start only the bias of the last layer has gradients, because its weights are 0; these
   * have gradients from the second step on, the blocks from the third.
   */
  @Override
  public List<ZeroGradients> zeroGradients() {
    return List.of(
        new ZeroGradients(
            "grad_norm",
            1,
            "all gradients of the network are exactly 0, so it does not learn. Is the weight of the"
                + " loss 0, or its target 0 everywhere?"));
  }

  @Override
  public List<String> advice() {
    return List.of(
        "latents with an RMS near 1: data.scaling, and what the run said of them at its start",
        "model.qk_norm=true, where activations in bf16 grow over a long run");
  }

  /** A forward pass for as many latents as are sampled or validated at once. */
  @Override
  public long validationBytes() {
    try (TensorArena arena = new TensorArena(stream.device(), "samples")) {
      arena.reserve(PLANNED);
      Denoising asked = new Denoising(network, stream, arena);
      asked.plan(loss, recipe.samples().batch());
      return arena.extent();
    }
  }

  /** The autoencoder that decodes samples. */
  @Override
  public long samplesBytes() {
    return SampleDecoder.plannedBytes(recipe, stream);
  }

  /** The network that computes features to align with. */
  @Override
  public long frozenBytes() {
    return ComputedFeatures.plannedBytes(recipe, stream);
  }
}
