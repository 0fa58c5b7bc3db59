package io.github.eqvae.train;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.LossTerms;
import io.github.eqvae.equivariance.StepLosses;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.NonFiniteCount;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.Networks;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the device does for a micro-batch, without ever asking the host: losses, gradients, norms,
 * the decision whether anything is not finite, the updates. The host reads one report when all is
 * done. What differs between micro-batches of one {@link Kind} lies in tensors ({@link StepValues},
 * the input), so that the work can be captured once and launched again.
 */
final class StepWork implements AutoCloseable {
  static final int GENERATOR = 0;
  static final int DISCRIMINATOR = 1;

  /** Keeps the random numbers of noise apart from those of draws and of the weights' start. */
  private static final long NOISE = 1L << 62;

  private static final long GROUPS = 4096;

  /**
   * Everything that determines the operations of a part of a micro-batch.
   *
   * @param network whose update this is
   * @param draw τ, the same for all samples
   * @param adversarial whether the discriminator takes part
   * @param first the step's first micro-batch: gradients are written, not added to
   * @param last the step's last: the update is made
   */
  record Kind(int network, Draw draw, boolean adversarial, boolean first, boolean last) {}

  /** What the parts of one run mean by their scalars. */
  record Parts(LossTerms generator, @Nullable LossTerms discriminator) {}

  /**
   * One network's results: the sum of squares of its gradients, how many numbers were not finite
   * when its update was due, its losses.
   */
  private static final class Results {
    final Tensor all;
    final LossTerms.Report report;
    final HostBuffer host;

    Results(Device device, Arena arena, int scalars, @Nullable Tensor codes) {
      Shape shape = Shape.of(2 + scalars);
      all = arena.tensor(shape);
      report = new LossTerms.Report(all.narrow(0, 2, scalars), codes);
      host = new HostBuffer(device, shape, device.dtype());
    }

    Tensor skipped() {
      return all.narrow(0, 0, 1).reshape(Shape.SCALAR);
    }

    Tensor squares() {
      return all.narrow(0, 1, 1).reshape(Shape.SCALAR);
    }
  }

  private final AutoencoderRecipe recipe;
  private final Networks networks;
  private final EqObjective objective;
  private final TrainState state;
  private final Stream stream;
  private final Arena stepArena;
  private final Tensor input;
  private final StepValues values;
  private final Arena arena;
  private final NonFiniteCount notFinite; // of this step
  private final Results[] results;

  StepWork(
      AutoencoderRecipe recipe,
      Networks networks,
      TrainState state,
      Stream stream,
      Arena stepArena,
      Tensor input) {
    this.recipe = recipe;
    this.networks = networks;
    this.state = state;
    this.stream = stream;
    this.stepArena = stepArena;
    this.input = input;
    objective = networks.objective();
    // Makes the memory: later there is no time to.
    networks.discriminator().ifPresent(d -> d.parameters().keepBuffers(stream));
    Device device = stream.device();
    values = new StepValues(device);
    arena = new Arena(device, "results");
    notFinite = new NonFiniteCount(arena);
    int batch = recipe.run().batchSize();
    int scalars =
        LossTerms.capacity(recipe.objective().draw() == EqOptions.DrawPer.SAMPLE ? batch : 1);
    Tensor codes =
        networks.vae().codebookUsage().isEmpty()
            ? null
            : LossTerms.Report.in(arena, 1, batch * latentPositions()).codes();
    results =
        new Results[] {
          new Results(device, arena, scalars, codes), new Results(device, arena, scalars, null)
        };
  }

  private int latentPositions() {
    int side = recipe.data().resolution() / networks.vae().config().downsamplingFactor();
    return side * side;
  }

  EqObjective objective() {
    return objective;
  }

  StepValues values() {
    return values;
  }

  /** Whether the discriminator judges what the autoencoder's own forward pass made. */
  boolean isForwardShared() {
    LossOptions.DiscriminatorForward forward =
        recipe.objective().lossOptions(recipe.model().kind()).discriminatorForward();
    return forward == LossOptions.DiscriminatorForward.SHARED;
  }

  /** The noise of a forward pass: a function of the seed, the network's counter and the group. */
  private EqObjective.Noise noise(int network) {
    Tensor counter = values.counter(network);
    return (tape, shape, group) -> {
      Tensor noise = tape.arena().tensor(shape);
      noise.normal(tape.stream(), recipe.run().seed(), NOISE + group, counter, 0, 1);
      return noise;
    };
  }

  /** What goes into {@link StepValues#setCounter}: distinct for every forward pass of a run. */
  static long counter(long purpose) {
    return purpose * GROUPS;
  }

  /** The autoencoder's part. */
  LossTerms generator(List<Draw> draws, Kind kind) {
    Results r = results[GENERATOR];
    if (kind.first()) {
      notFinite.clear(stream);
      if (kind.adversarial()) { // its running statistics are about to move, in this part already
        networks.discriminator().orElseThrow().parameters().keepBuffers(stream);
      }
    }
    LossTerms terms =
        objective.generatorStep(
            stream,
            stepArena,
            mode(recipe),
            input,
            draws,
            noise(GENERATOR),
            kind.adversarial(),
            r.report);
    ParameterStore store = networks.vae().parameters();
    finish(kind, r, terms, store, state.optimizer, state.ema);
    return terms;
  }

  /** The discriminator's part. */
  LossTerms discriminator(List<Draw> draws, Kind kind) {
    Results r = results[DISCRIMINATOR];
    Discriminator disc = networks.discriminator().orElseThrow();
    ParameterStore vae = networks.vae().parameters();
    vae.setTrainable(false);
    LossTerms terms =
        objective.discriminatorStep(
            stream, stepArena, input, draws, noise(DISCRIMINATOR), r.report);
    vae.setTrainable(true);
    AdamOptimizer optimizer = Objects.requireNonNull(state.discOptimizer);
    Kind own = new Kind(DISCRIMINATOR, kind.draw(), true, kind.first(), kind.last());
    finish(own, r, terms, disc.parameters(), optimizer, null);
    return terms;
  }

  /** Counts what is not finite, and makes the update if nothing is. */
  private void finish(
      Kind kind,
      Results r,
      LossTerms terms,
      ParameterStore store,
      AdamOptimizer optimizer,
      @Nullable Ema ema) {
    Tensor toCheck = r.all.narrow(0, 2, terms.scalars());
    store.gradients(stream); // all written, whoever asks next: a graph's launch writes them all
    if (kind.last()) {
      GradientNorm.squares(stream, store, r.squares());
      toCheck = r.all.narrow(0, 1, 1 + terms.scalars());
    }
    notFinite.add(stream, toCheck);
    if (kind.last()) {
      OptimizerRecipe o = recipe.optimizer();
      optimizer.update(
          stream,
          values.schedule(kind.network()),
          1.0 / o.accumulate(),
          o.gradientClip().orElse(Double.POSITIVE_INFINITY),
          r.squares(),
          notFinite.total(),
          ema);
    }
    notFinite.total().copyTo(stream, r.skipped());
  }

  /** Waits for a network's results and reads them. */
  Outcome read(int network, LossTerms terms) {
    Results r = results[network];
    r.host.copyFrom(stream, r.all);
    double[] scalars = new double[terms.scalars()];
    for (int i = 0; i < scalars.length; i++) {
      scalars[i] = r.host.get(2 + i);
    }
    double norm = Math.sqrt(r.host.get(1)) / recipe.optimizer().accumulate();
    return new Outcome(terms.read(scalars, r.report, stream), norm, r.host.get(0) != 0);
  }

  /**
   * What came of a part.
   *
   * @param losses by name
   * @param norm the gradients' norm; of the step's last micro-batch only
   * @param skipped whether something was not finite, in this part or before it in the step
   */
  record Outcome(StepLosses losses, double norm, boolean skipped) {}

  static Tape.Mode mode(AutoencoderRecipe recipe) {
    return recipe.run().recompute() == RunRecipe.Recompute.NONE
        ? Tape.Mode.RECORD
        : Tape.Mode.RECOMPUTE;
  }

  @Override
  public void close() {
    for (Results r : results) {
      r.host.close();
    }
    arena.close();
    values.close();
  }
}
