package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.EvaluationRecipe;
import io.github.eqvae.train.autoencoder.Networks;
import io.github.eqvae.train.autoencoder.ObjectiveRecipe;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How much memory a run needs, found by running its step on a device that only plans.
 *
 * @param parameters learned numbers of the autoencoder
 * @param discriminatorParameters learned numbers of the discriminator, 0 without one
 * @param stateBytes weights, gradients, moments, averages of all networks, batches on their way
 * @param stepBytes what the step arena must hold for the largest τ
 * @param largest the τ that needs most
 * @param scratchBytes what the device's operations need beside their results, at most; 0 on the
 *     CPU, where it is not known beforehand
 * @param evaluationBytes what validation and evaluation need beside the step, for batches of {@code
 *     evaluation.batch}; rFID's network comes on top
 * @param target the GPU that was planned for; empty on the CPU
 * @param cacheBytes decoded pictures in the Java heap at most, {@code data.cache_megabytes}
 */
public record MemoryPlan(
    long parameters,
    long discriminatorParameters,
    long stateBytes,
    long stepBytes,
    String largest,
    long scratchBytes,
    long evaluationBytes,
    String target,
    long cacheBytes) {

  /** What is planned for where the run's own GPU cannot be asked. */
  private static final DeviceInfo ASSUMED =
      new DeviceInfo("H100 or H200", "assumed", 132, 0, 0, DType.F32, true, true, 90);

  private static final double MIB = 1 << 20;

  private static String planned(DeviceInfo info) {
    return info.name() + ", sm_" + info.architecture() + ", " + info.threads() + " multiprocessors";
  }

  /**
   * Plans a run. Nothing is computed and no file is read.
   *
   * @param recipe the recipe
   * @return the plan
   */
  public static MemoryPlan of(AutoencoderRecipe recipe) {
    String name = recipe.run().device();
    if (!isPlanned(name)) {
      return of(recipe, ASSUMED);
    }
    try (Device device = Device.open(name, recipe.run().threads())) {
      return of(recipe, device.info());
    } catch (EqvaeException.Environment e) {
      return of(recipe, ASSUMED);
    }
  }

  /** Whether a device's scratch memory is known beforehand: that of kernels is, oneDNN's is not. */
  private static boolean isPlanned(String device) {
    return !device.equals("cpu");
  }

  /**
   * Plans a run on a device.
   *
   * @param recipe the recipe
   * @param target what the run's device is; planned for like a GPU of its kind
   * @return the plan
   */
  private static MemoryPlan of(AutoencoderRecipe recipe, DeviceInfo target) {
    int batch = recipe.run().batchSize();
    boolean first = recipe.optimizer().accumulate() == 1; // else gradients are also added to
    try (Device device = Device.open("null:" + target.architecture(), target.threads());
        Stream stream = new Stream(device);
        Networks networks = Networks.planned(recipe, stream);
        InputQueue inputs = new InputQueue(device, Trainer.batchShape(recipe));
        Arena arena = new Arena(device, "step")) {
      stream.math(recipe.run().math());
      TrainState state = new TrainState(recipe, networks, stream);
      Optional<Discriminator> disc = networks.discriminator();
      try (StepWork work = new StepWork(recipe, networks, state, stream, arena, inputs.input())) {
        long persistent = device.memory().liveBytes();
        arena.reserve(1L << 46); // the planner's memory is only addresses
        long most = 0;
        String largest = "";
        for (Draw draw : draws(recipe)) {
          long before = arena.extent();
          List<Draw> draws = Collections.nCopies(batch, draw);
          if (first) {
            networks.vae().parameters().newUpdate();
            disc.ifPresent(d -> d.parameters().newUpdate());
          }
          StepWork.Kind kind =
              new StepWork.Kind(StepWork.GENERATOR, draw, disc.isPresent(), first, true);
          work.generator(draws, kind);
          if (disc.isPresent()) {
            if (!work.isForwardShared()) {
              arena.reset();
            }
            work.discriminator(draws, kind);
          }
          arena.reset();
          if (arena.extent() > before) {
            most = arena.extent();
            largest = draw.branch() == Draw.Branch.PLAIN ? "no τ" : draw.transform().label();
          }
        }
        long evaluation = evaluation(recipe, networks, stream); // may want more scratch memory
        return new MemoryPlan(
            networks.vae().parameters().count(),
            disc.map(d -> d.parameters().count()).orElse(0L),
            persistent,
            most,
            largest,
            isPlanned(recipe.run().device()) ? stream.scratchBytes() : 0,
            evaluation,
            isPlanned(recipe.run().device()) ? planned(target) : "",
            (long) recipe.data().cacheMegabytes() << 20);
      }
    }
  }

  private static long evaluation(AutoencoderRecipe recipe, Networks networks, Stream stream) {
    return Evaluator.plan(
        networks.vae(),
        networks.lpips().orElse(null),
        stream,
        Math.min(
            recipe.evaluation().batch(),
            Math.max(recipe.evaluation().images(), EvaluationRecipe.VALIDATION_IMAGES)),
        recipe.data().resolution());
  }

  /**
   * What the run's steps need on the device.
   *
   * @return bytes, state, activations and scratch memory together
   */
  public long deviceBytes() {
    return stateBytes + Arena.rounded(stepBytes) + scratchBytes;
  }

  /** Every size a step can have; rotations do not change memory. */
  private static List<Draw> draws(AutoencoderRecipe recipe) {
    List<Draw> draws = new ArrayList<>(List.of(Draw.PLAIN));
    ObjectiveRecipe o = recipe.objective();
    boolean scaled = o.scaling() != EqOptions.Scaling.NONE;
    if (o.equivarianceProbability() > 0 || o.lowResolutionPriorProbability() > 0) {
      Interpolation interpolation = Interpolation.valueOf(o.interpolation().name());
      int step = o.scaleSet() == EqOptions.ScaleSet.QUARTERS ? 8 : 1;
      for (int k = scaled ? 8 : 32; k <= (scaled ? 31 : 32); k += step) {
        double s = k / 32.0;
        int turns = o.rotations().getFirst() / 90;
        draws.add(
            new Draw(
                Draw.Branch.EQUIVARIANT,
                new SpatialTransform(s, s, turns, false, false, interpolation)));
        draws.add(
            new Draw(
                Draw.Branch.LOW_RESOLUTION,
                new SpatialTransform(s, s, 0, false, false, interpolation)));
      }
    }
    return draws;
  }

  /**
   * The plan for people.
   *
   * @return a few lines of text
   */
  public String text() {
    String scratch =
        target.isEmpty()
            ? "  scratch memory   grows as shapes are first seen (not known beforehand on the"
                + " CPU)\n"
            : String.format(
                Locale.ROOT,
                "  scratch memory   %,.1f MiB%n  peak on the device   %,.1f MiB (%s)%n",
                scratchBytes / MIB,
                (deviceBytes() + evaluationBytes) / MIB,
                target);
    return String.format(
        Locale.ROOT,
        """
        Memory plan
          autoencoder      %,d parameters
          discriminator    %,d parameters
          weights, gradients, moments, averages, batches   %,.1f MiB
          activations of one step (largest: %s)   %,.1f MiB
        %s  validation and evaluation (evaluation.batch)   %,.1f MiB
          decoded pictures (data.cache_megabytes)   at most %,.1f MiB
          total            %,.1f MiB
        """,
        parameters,
        discriminatorParameters,
        stateBytes / MIB,
        largest,
        stepBytes / MIB,
        scratch,
        evaluationBytes / MIB,
        cacheBytes / MIB,
        (deviceBytes() + evaluationBytes + cacheBytes) / MIB);
  }
}
