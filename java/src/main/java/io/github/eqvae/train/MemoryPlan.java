package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The memory that a run needs, found by running its step on a device that only plans.
 *
 * @param parameters learned numbers by what people call their group
 * @param stateBytes weights, gradients, moments and averages of all networks, and the input queue's
 *     batches
 * @param stepBytes size of the step arena: for the largest micro-batch, and for validation
 * @param largest description of the micro-batch that needs most
 * @param scratchBytes upper bound of the scratch memory of operations; 0 on the CPU, where it is
 *     not known beforehand
 * @param betweenStepsBytes what validation uses of the step arena, between steps
 * @param evaluationBytes additional memory for validation and evaluation
 * @param samplesBytes networks that are loaded temporarily to make samples
 * @param frozenBytes frozen networks that stay on the device beside the task
 * @param target the GPU that was planned for; empty on the CPU
 * @param cacheBytes data kept in the Java heap at most
 */
public record MemoryPlan(
    Map<String, Long> parameters,
    long stateBytes,
    long stepBytes,
    String largest,
    long scratchBytes,
    long betweenStepsBytes,
    long evaluationBytes,
    long samplesBytes,
    long frozenBytes,
    String target,
    long cacheBytes) {

  private static final double MIB = 1 << 20;

  /** Keeps the order. */
  public MemoryPlan {
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /**
   * Plans a run. Nothing is computed, and only shapes are read from files.
   *
   * @param recipe the recipe
   * @return the plan
   */
  public static MemoryPlan of(TrainingRecipe<?> recipe) {
    String name = recipe.run().device();
    DeviceInfo expected = DeviceInfo.expected(name);
    if (!expected.plansScratch()) {
      return of(recipe, expected, false);
    }
    try (Device device = Device.open(name, recipe.run().threads())) {
      return of(recipe, device.info(), true);
    } catch (EqvaeException.Environment e) {
      return of(recipe, expected, true);
    }
  }

  /**
   * Plans a run on a device.
   *
   * @param recipe the recipe
   * @param target planned for like a GPU of its kind
   * @param scratch whether the device's scratch memory is known beforehand
   * @return the plan
   */
  private static MemoryPlan of(TrainingRecipe<?> recipe, DeviceInfo target, boolean scratch) {
    boolean first = recipe.optimizer().accumulate() == 1; // otherwise gradients are also added up
    MicroBatch at = new MicroBatch(0, 0, first, true);
    try (Device device = Device.planner(target);
        Stream stream = new Stream(device);
        Task task = planned(recipe, stream);
        InputQueue inputs = new InputQueue(device, task.batch());
        TensorArena arena = new TensorArena(device, "step")) {
      stream.math(recipe.run().math());
      TrainState state = new TrainState(recipe, task, stream);
      Communicator alone = Communicator.alone();
      try (StepWork work =
              new StepWork(
                  recipe,
                  task,
                  state,
                  alone,
                  Optional.empty(),
                  stream,
                  arena,
                  inputs.inputs(),
                  false);
          StepRunner runner = new StepRunner(task, work, stream, arena, false)) {
        long persistent = device.memory().liveBytes();
        arena.reserve(1L << 46); // the planner's memory is only addresses
        long most = 0;
        String largest = "";
        for (Task.Sketch sketch : task.sketches(at)) {
          long before = arena.extent();
          for (int place = 0; place < sketch.phases().size(); place++) {
            runner.run(sketch.phases().get(place), place, at);
          }
          arena.reset();
          if (arena.extent() > before) {
            most = arena.extent();
            largest = sketch.label();
          }
        }
        long between = task.betweenStepsBytes(); // both may want more scratch memory
        long evaluation = task.validationBytes();
        long samples = task.samplesBytes();
        long frozen = task.frozenBytes();
        Map<String, Long> parameters = new LinkedHashMap<>();
        task.groups().forEach(g -> parameters.put(g.title(), g.store().count()));
        return new MemoryPlan(
            parameters,
            persistent,
            Math.max(most, between),
            largest,
            scratch ? stream.scratchBytes() : 0,
            between,
            evaluation,
            samples,
            frozen,
            scratch ? target.plannedName() : "",
            recipe.cacheBytes());
      }
    }
  }

  private static Task planned(TrainingRecipe<?> recipe, Stream stream) {
    try {
      return recipe.task(stream, true);
    } catch (IOException e) {
      throw new EqvaeException.Internal("a plan read a file", e);
    }
  }

  /**
   * What the run's steps need on the device.
   *
   * @return bytes, state, activations, frozen networks and scratch memory together
   */
  public long deviceBytes() {
    return stateBytes + frozenBytes + TensorArena.rounded(stepBytes) + scratchBytes;
  }

  /**
   * The plan for people.
   *
   * @return a few lines of text
   */
  public String text() {
    StringBuilder counts = new StringBuilder();
    parameters.forEach(
        (title, n) ->
            counts.append(String.format(Locale.ROOT, "  %-16s %,d parameters%n", title, n)));
    String scratch =
        target.isEmpty()
            ? "  scratch memory   grows as shapes are first seen (not known beforehand on the"
                + " CPU)\n"
            : String.format(
                Locale.ROOT,
                "  scratch memory   %,.1f MiB%n  peak on the device   %,.1f MiB (%s)%n",
                scratchBytes / MIB,
                (deviceBytes() + evaluationBytes + samplesBytes) / MIB,
                target);
    String between =
        betweenStepsBytes == 0
            ? ""
            : String.format(
                Locale.ROOT,
                "  of that, between steps, validation and evaluation   %,.1f MiB%n",
                betweenStepsBytes / MIB);
    String frozen =
        frozenBytes == 0
            ? ""
            : String.format(
                Locale.ROOT,
                "  frozen networks that compute features            %,.1f MiB%n",
                frozenBytes / MIB);
    String samples =
        samplesBytes == 0
            ? ""
            : String.format(
                Locale.ROOT,
                "  loaded for a moment to decode samples            %,.1f MiB%n",
                samplesBytes / MIB);
    return String.format(
        Locale.ROOT,
        """
        Memory plan
        %s  weights, gradients, moments, averages, batches   %,.1f MiB
          activations of one step (largest: %s)   %,.1f MiB
        %s%s%s  validation and evaluation (evaluation.batch)   %,.1f MiB
        %s  kept pictures, latents (data.cache_…)     at most %,.1f MiB
          total            %,.1f MiB
        """,
        counts,
        stateBytes / MIB,
        largest,
        stepBytes / MIB,
        between,
        frozen,
        scratch,
        evaluationBytes / MIB,
        samples,
        cacheBytes / MIB,
        (deviceBytes() + evaluationBytes + samplesBytes + cacheBytes) / MIB);
  }
}
