package io.github.eqvae.train;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/**
 * How much memory a run needs, found by running its step on a device that only plans.
 *
 * @param parameters learned numbers of the autoencoder
 * @param discriminatorParameters learned numbers of the discriminator, 0 without one
 * @param stateBytes weights, gradients, moments, averages of all networks
 * @param stepBytes what the step arena must hold for the largest τ
 * @param largest the τ that needs most
 * @param cacheBytes decoded pictures in the Java heap at most, {@code data.cache_megabytes}
 */
public record MemoryPlan(
    long parameters,
    long discriminatorParameters,
    long stateBytes,
    long stepBytes,
    String largest,
    long cacheBytes) {

  /**
   * Plans a run. Nothing is computed and no file is read.
   *
   * @param recipe the recipe
   * @return the plan
   */
  public static MemoryPlan of(Recipe recipe) {
    int batch = recipe.run().batchSize();
    int side = recipe.data().resolution();
    try (Device device = Device.open("null");
        Stream stream = new Stream(device);
        Networks networks = Networks.planned(recipe, stream);
        Arena input = new Arena(device, "input");
        Arena arena = new Arena(device, "step")) {
      new TrainState(recipe, networks, stream); // moments and averages count too
      arena.reserve(1L << 46); // the planner's memory is only addresses
      EqObjective objective = networks.objective();
      Tensor x = input.tensor(Shape.of(batch, side, side, recipe.model().inChannels()));
      Tape.Mode mode = mode(recipe);
      long most = 0;
      String largest = "";
      for (Draw draw : draws(recipe)) {
        long before = arena.extent();
        List<Draw> draws = Collections.nCopies(batch, draw);
        objective.generatorStep(
            stream,
            arena,
            mode,
            x,
            draws,
            Trainer.noise(0, 0),
            networks.discriminator().isPresent());
        if (networks.discriminator().isPresent()) {
          objective.discriminatorStep(stream, arena, x, draws, Trainer.noise(0, 1));
        }
        arena.reset();
        if (arena.extent() > before) {
          most = arena.extent();
          largest = draw.branch() == Draw.Branch.PLAIN ? "no τ" : draw.transform().label();
        }
      }
      long discriminator = networks.discriminator().map(d -> d.parameters().count()).orElse(0L);
      long bytes =
          networks.vae().parameters().bytes()
              + networks.discriminator().map(d -> d.parameters().bytes()).orElse(0L)
              + networks.lpips().map(p -> p.parameters().bytes()).orElse(0L);
      return new MemoryPlan(
          networks.vae().parameters().count(),
          discriminator,
          bytes,
          most,
          largest,
          (long) recipe.data().cacheMegabytes() << 20);
    }
  }

  static Tape.Mode mode(Recipe recipe) {
    return recipe.run().recompute() == RunRecipe.Recompute.NONE
        ? Tape.Mode.RECORD
        : Tape.Mode.RECOMPUTE;
  }

  /** Every size a step can have; rotations do not change memory. */
  private static List<Draw> draws(Recipe recipe) {
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
    return String.format(
        Locale.ROOT,
        """
        Memory plan
          autoencoder      %,d parameters
          discriminator    %,d parameters
          weights, gradients, moments, averages   %,.1f MiB
          activations of one step (largest: %s)   %,.1f MiB
          decoded pictures (data.cache_megabytes)   at most %,.1f MiB
          total            %,.1f MiB
        """,
        parameters,
        discriminatorParameters,
        stateBytes / 1048576.0,
        largest,
        stepBytes / 1048576.0,
        cacheBytes / 1048576.0,
        (stateBytes + stepBytes + cacheBytes) / 1048576.0);
  }
}
