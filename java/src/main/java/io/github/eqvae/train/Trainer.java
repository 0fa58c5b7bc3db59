package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.StepLosses;
import io.github.eqvae.equivariance.TransformSampler;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.CodebookStart;
import io.github.eqvae.train.autoencoder.InitialWeights;
import io.github.eqvae.train.autoencoder.ModelRecipe;
import io.github.eqvae.train.autoencoder.Networks;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Runs a recipe: the autoencoder's update, the discriminator's update, the average, checkpoints,
 * validation. Training is a pure function of (recipe, data): the same seed on the same device gives
 * the same bits, interrupted or not.
 */
public final class Trainer implements AutoCloseable {
  /** Where batches come from. The content of a batch must be a function of its index alone. */
  @FunctionalInterface
  public interface Batches {
    /**
     * Fills a batch.
     *
     * @param index which batch, from 0
     * @param images receives {@code [N, H, W, C]} in [-1, 1]
     * @throws IOException when the data cannot be read
     */
    void load(long index, float[] images) throws IOException;
  }

  /** Looks at held-out images. */
  @FunctionalInterface
  public interface Validation {
    /**
     * Measures the model.
     *
     * @param vae the model, with averaged weights if the run keeps an average
     * @param stream orders the work
     * @return metrics by name
     * @throws IOException when the data cannot be read
     */
    Map<String, Double> measure(Autoencoder vae, Stream stream) throws IOException;
  }

  /** How a run ended. */
  public enum End {
    /** All steps are done. */
    FINISHED,
    /** Someone asked to stop; the state was saved. */
    STOPPED
  }

  /** Keeps the random numbers of draws apart from those of noise and of the weights' start. */
  private static final long DRAWS = 1L << 61;

  private static final int GENERATOR = StepWork.GENERATOR;
  private static final int DISCRIMINATOR = StepWork.DISCRIMINATOR;

  private final AutoencoderRecipe recipe;
  private final Device device;
  private final Stream stream;
  private final MemoryPlan plan;
  private final Networks networks;
  private final EqObjective objective;
  private final TransformSampler sampler;
  private final TrainState state;
  private final Arena stepArena;
  private final InputQueue inputs;
  private final StepWork work;
  private final StepRunner runner;
  private volatile boolean stopRequested;
  private boolean begun;

  /**
   * Prepares a run: opens the device, builds the networks, reserves the memory a step needs.
   *
   * @param recipe the recipe
   * @throws IOException when the LPIPS weights cannot be read
   */
  public Trainer(AutoencoderRecipe recipe) throws IOException {
    this.recipe = recipe;
    plan = MemoryPlan.of(recipe);
    RunRecipe run = recipe.run();
    device = Device.open(run.device(), run.threads());
    stream = new Stream(device);
    stream.reserveScratch(plan.scratchBytes());
    stream.math(run.math());
    networks = new Networks(recipe, stream);
    sampler = new TransformSampler(recipe.objective().eqOptions());
    state = new TrainState(recipe, networks, stream);
    stepArena = new Arena(device, "step");
    stepArena.reserve(plan.stepBytes());
    inputs = new InputQueue(device, batchShape(recipe));
    work = new StepWork(recipe, networks, state, stream, stepArena, inputs.input());
    boolean capture = device.info().graphs() && run.graphs() == RunRecipe.Graphs.AUTO;
    runner = new StepRunner(work, networks, stream, stepArena, capture);
    objective = work.objective();
  }

  static Shape batchShape(AutoencoderRecipe recipe) {
    int side = recipe.data().resolution();
    return Shape.of(recipe.run().batchSize(), side, side, recipe.model().inChannels());
  }

  /**
   * The autoencoder in training.
   *
   * @return the model, owned by this
   */
  public Autoencoder vae() {
    return networks.vae();
  }

  /**
   * All networks.
   *
   * @return the networks, owned by this
   */
  public Networks networks() {
    return networks;
  }

  /**
   * The stream.
   *
   * @return what orders the work
   */
  public Stream stream() {
    return stream;
  }

  /**
   * Steps done.
   *
   * @return the count, over all resumptions
   */
  public long step() {
    return state.step;
  }

  /**
   * Updates that were skipped because a loss or a gradient was not finite.
   *
   * @return the count, over all resumptions
   */
  public long skippedUpdates() {
    return state.skipped;
  }

  /**
   * Reads the weights that the recipe starts from ({@code model.init_from}), if it names any.
   * {@link #run} does this itself unless a checkpoint was resumed; earlier, a wrong file shows
   * before anything is written.
   *
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they are of another architecture; the message names it
   */
  public void initialize() throws IOException {
    if (!begun) {
      InitialWeights.load(recipe, vae().parameters(), stream);
      state.averageStartsHere();
      begun = true;
    }
  }

  /**
   * Goes on from a checkpoint.
   *
   * @param checkpoint a checkpoint of the same recipe
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it does not fit the recipe
   */
  public void resume(Checkpoint checkpoint) throws IOException {
    state.load(checkpoint);
    begun = true;
  }

  /**
   * Saves the whole state.
   *
   * @param store where to
   * @throws IOException when writing fails; earlier checkpoints stay as they are
   */
  public void save(CheckpointStore store) throws IOException {
    state.save(store);
  }

  /** Asks the run to save and stop after the current step. Any thread may call this. */
  public void requestStop() {
    stopRequested = true;
  }

  /**
   * Trains to the end of the recipe.
   *
   * @param batches the training images
   * @param validation looks at held-out images; null for none
   * @param checkpoints where the state is saved
   * @param listener is told what happens
   * @return whether the run finished
   * @throws IOException when data cannot be read or results not written
   * @throws EqvaeException.Argument when training diverged; the message says what to try
   */
  public End run(
      Batches batches,
      @Nullable Validation validation,
      CheckpointStore checkpoints,
      TrainListener listener)
      throws IOException {
    initialize();
    inputs.clear();
    RunRecipe run = recipe.run();
    DivergenceGuard guard =
        new DivergenceGuard(run.maxConsecutiveNonfinite(), state.consecutiveSkips, state.skipped);
    listener.started(state.step, run.steps());
    long saved = state.step;
    while (state.step < run.steps()) {
      StepReport report = step(batches, guard, listener);
      listener.step(report);
      boolean last = state.step == run.steps();
      if (guard.consecutive() >= run.maxConsecutiveNonfinite()) {
        throw new EqvaeException.Argument(guard.advice());
      }
      if (due(run.validateEvery(), last) && validation != null) {
        listener.validated(state.step, averaged(() -> validation.measure(vae(), stream)));
      }
      if (due(run.sampleEvery(), last)) {
        averaged(
            () -> {
              listener.samples(state.step, vae(), stream);
              return Map.of();
            });
      }
      if (due(run.saveEvery(), last) || stopRequested) {
        save(checkpoints);
        saved = state.step;
      }
      if (stopRequested && !last) {
        return End.STOPPED;
      }
    }
    if (saved != state.step) {
      save(checkpoints);
    }
    return End.FINISHED;
  }

  private boolean due(long every, boolean last) {
    return last || (every > 0 && state.step % every == 0);
  }

  /** Something to be done while the averaged weights are in place. */
  @FunctionalInterface
  private interface Measurement {
    Map<String, Double> run() throws IOException;
  }

  private Map<String, Double> averaged(Measurement measurement) throws IOException {
    if (state.ema == null) {
      return measurement.run();
    }
    ParameterStore store = vae().parameters();
    state.ema.swap(stream);
    try {
      return measurement.run();
    } finally {
      state.ema.swap(stream);
      stream.sync();
      assert store.isTrainable();
    }
  }

  /**
   * Puts the averaged weights into the model, for good.
   *
   * @return whether the run keeps an average
   */
  public boolean useAverage() {
    if (state.ema == null) {
      return false;
    }
    vae().parameters().load(stream, state.ema.average());
    return true;
  }

  private StepReport step(Batches batches, DivergenceGuard guard, TrainListener listener)
      throws IOException {
    long start = System.nanoTime();
    int accumulate = recipe.optimizer().accumulate();
    int batch = recipe.run().batchSize();
    boolean adversarial = objective.isAdversarial(state.step);
    Map<String, Double> values = new LinkedHashMap<>();
    ParameterStore parameters = vae().parameters();
    Discriminator disc = networks.discriminator().orElse(null);
    parameters.newUpdate();
    if (disc != null) {
      disc.parameters().newUpdate();
    }
    String tau = "";
    boolean skip = false;
    float[] culprit = null; // the first micro-batch that was not finite
    String itsTau = "";
    for (int micro = 0; micro < accumulate; micro++) {
      long index = state.step * accumulate + micro;
      boolean last = micro == accumulate - 1;
      inputs.take(batches, index, stream);
      if (index == 0) {
        startCodebook();
      }
      writeValues(index);
      List<Draw> draws = draws(index, GENERATOR, batch);
      tau = label(draws.getFirst());
      StepWork.Kind kind =
          new StepWork.Kind(GENERATOR, draws.getFirst(), adversarial, micro == 0, last);
      StepWork.Parts parts = runner.run(kind, draws, draws(index, DISCRIMINATOR, batch));
      if (!last || state.step + 1 < recipe.run().steps()) {
        inputs.load(batches, index + 1); // while the device computes
      }
      StepWork.Outcome outcome = work.read(GENERATOR, parts.generator());
      mean(values, outcome.losses(), accumulate);
      skip |= outcome.skipped();
      if (last) {
        values.put("grad_norm", outcome.norm());
        if (!outcome.skipped()) {
          state.countUpdate();
        }
      }
      if (parts.discriminator() != null) {
        StepWork.Outcome itsOutcome = work.read(DISCRIMINATOR, parts.discriminator());
        mean(values, itsOutcome.losses(), accumulate);
        skip |= itsOutcome.skipped();
        if (last) {
          values.put("disc_grad_norm", itsOutcome.norm());
          if (!itsOutcome.skipped()) {
            state.countDiscriminatorUpdate();
          }
        }
      }
      if (skip && culprit == null) {
        culprit = inputs.images(index).clone();
        itsTau = tau;
      }
      stepArena.reset();
    }
    double rate = rate(false);
    state.step++;
    double norm =
        values.getOrDefault("grad_norm", 0.0) + values.getOrDefault("disc_grad_norm", 0.0);
    guard.check(skip ? Double.NaN : values.getOrDefault("total", 0.0), norm);
    state.consecutiveSkips = guard.consecutive();
    state.skipped = guard.skipped();
    if (culprit != null) {
      if (disc != null && adversarial) {
        disc.parameters().restoreBuffers(stream);
      }
      listener.nonFinite(state.step, culprit, values, itsTau);
    }
    values.put("learning_rate", rate);
    double seconds = (System.nanoTime() - start) * 1e-9;
    return new StepReport(
        state.step, recipe.run().steps(), values, tau, batch * accumulate, seconds, skip);
  }

  /** Codes may start at what the first batch is encoded to. */
  private void startCodebook() {
    if (vae() instanceof VqModel vq
        && recipe.model().quantize().init() == ModelRecipe.CodebookInit.DATA
        && recipe.model().initFrom().isEmpty()) {
      CodebookStart.fromLatents(vq, stream, stepArena, inputs.input(), recipe.run().seed());
      state.averageStartsHere();
    }
  }

  /** Everything that this micro-batch has of its own goes to the device in one copy. */
  private void writeValues(long index) {
    StepValues values = work.values();
    for (int network : new int[] {GENERATOR, DISCRIMINATOR}) {
      values.setCounter(network, StepWork.counter(purpose(index, network)));
    }
    values.setSchedule(GENERATOR, state.optimizer.schedule(rate(false), emaDecay()));
    if (state.discOptimizer != null) {
      values.setSchedule(DISCRIMINATOR, state.discOptimizer.schedule(rate(true), 0));
    }
    values.copy(stream);
  }

  private List<Draw> draws(long index, int network, int batch) {
    return sampler.draw(recipe.run().seed(), DRAWS + purpose(index, network), batch);
  }

  /** Distinct for every forward pass of a run. */
  private static long purpose(long index, int network) {
    return 2 * index + network;
  }

  private static String label(Draw draw) {
    return switch (draw.branch()) {
      case PLAIN -> "plain";
      case LOW_RESOLUTION -> "low-res " + draw.transform().label();
      case EQUIVARIANT -> draw.transform().label();
    };
  }

  private static void mean(Map<String, Double> values, StepLosses losses, int accumulate) {
    losses.values().forEach((k, v) -> values.merge(k, v / accumulate, Double::sum));
  }

  private double rate(boolean discriminator) {
    OptimizerRecipe o = recipe.optimizer();
    double rate = discriminator ? o.discLearningRate() : o.learningRate();
    return rate * o.factor(state.step, recipe.run().steps());
  }

  private double emaDecay() {
    double decay = recipe.run().emaDecay().orElse(0.0);
    long n = state.emaUpdates;
    return recipe.run().emaRule() == RunRecipe.EmaRule.WARMUP
        ? Math.min(decay, (1.0 + n) / (10.0 + n))
        : decay;
  }

  /**
   * Native memory of the run's device: constant once every shape was seen.
   *
   * @return the device's counters
   */
  public MemoryStats memory() {
    return device.memory();
  }

  /**
   * What was reserved before the first step.
   *
   * @return the plan
   */
  public MemoryPlan plan() {
    return plan;
  }

  /**
   * Steps' parts that ran as graphs.
   *
   * @return how many graphs were captured and how often one was launched
   */
  public GraphStatistics graphs() {
    return runner.statistics();
  }

  @Override
  public void close() {
    stream.sync(); // host memory that is still to be copied must outlive the copy
    runner.close();
    work.close();
    inputs.close();
    stepArena.close();
    networks.close();
    stream.close();
    device.close();
  }
}
