package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.NoiseSchedule;
import io.github.eqvae.diffusion.Transport;

/**
 * The process that a network was trained for, which cannot be inferred from tensors: a diffusion in
 * discrete steps (DiT), or a path in continuous time (SiT, and REPA with the opposite direction of
 * time).
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
@JsonSubTypes({
  @JsonSubTypes.Type(value = GeneratorProcess.Steps.class, name = "diffusion"),
  @JsonSubTypes.Type(value = GeneratorProcess.Flow.class, name = "transport"),
  @JsonSubTypes.Type(value = GeneratorProcess.Repa.class, name = "repa")
})
public sealed interface GeneratorProcess {
  /** DiT as published: 1000 linear steps, ε, a learned variance. */
  Steps DIT =
      new Steps(
          Schedule.LINEAR,
          1000,
          GaussianDiffusion.Prediction.EPSILON,
          GaussianDiffusion.Variance.LEARNED_RANGE);

  /** SiT as published: the velocity of the linear path. */
  Flow SIT =
      new Flow(
          new Transport(Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE));

  /** REPA as published: the velocity of the linear path, from data to noise. */
  Repa REPA = new Repa(Interpolant.LINEAR);

  /** Noise schedules of a diffusion. */
  enum Schedule {
    /** {@link NoiseSchedule#linear}: published DiT. */
    LINEAR,
    /** {@link NoiseSchedule#cosine}. */
    COSINE,
    /** {@link NoiseSchedule#quadratic}. */
    QUAD,
    /** {@link NoiseSchedule#warmup}, over a tenth of the steps. */
    WARMUP10,
    /** {@link NoiseSchedule#warmup}, over half of the steps. */
    WARMUP50,
    /** {@link NoiseSchedule#constant}. */
    CONST;

    NoiseSchedule of(int steps) {
      return switch (this) {
        case LINEAR -> NoiseSchedule.linear(steps);
        case COSINE -> NoiseSchedule.cosine(steps);
        case QUAD -> NoiseSchedule.quadratic(steps);
        case WARMUP10 -> NoiseSchedule.warmup(steps, 0.1);
        case WARMUP50 -> NoiseSchedule.warmup(steps, 0.5);
        case CONST -> NoiseSchedule.constant(steps);
      };
    }
  }

  /**
   * A diffusion in discrete steps.
   *
   * @param schedule the noise schedule
   * @param steps number of steps
   * @param prediction what the network predicts
   * @param variance the variance of the reverse process
   */
  record Steps(
      Schedule schedule,
      int steps,
      GaussianDiffusion.Prediction prediction,
      GaussianDiffusion.Variance variance)
      implements GeneratorProcess {
    /** A limit for untrusted files: more steps are useless and would need memory. */
    private static final int MOST_STEPS = 1_000_000;

    /**
     * Checks the count.
     *
     * @throws EqvaeException.Argument when it is out of range
     */
    public Steps {
      if (steps < 1 || steps > MOST_STEPS) {
        throw new EqvaeException.Argument(
            "A diffusion of " + steps + " steps; expected 1 to " + MOST_STEPS);
      }
    }

    /**
     * The diffusion process.
     *
     * @return the process with all its steps
     */
    public GaussianDiffusion process() {
      return new GaussianDiffusion(schedule.of(steps), prediction, variance);
    }
  }

  /**
   * A path in continuous time.
   *
   * @param transport the path, and what the network predicts
   */
  record Flow(Transport transport) implements GeneratorProcess {}

  /**
   * The velocity of a path with REPA's time, from data (0) to noise (1), opposite to SiT's.
   *
   * @param path linear, or gvp, REPA's cosine
   */
  record Repa(Interpolant path) implements GeneratorProcess {
    /**
     * Checks the path.
     *
     * @throws EqvaeException.Argument when REPA has no such path
     */
    public Repa {
      if (path == Interpolant.VP) {
        throw new EqvaeException.Argument("REPA: the path is linear or gvp, not vp");
      }
    }
  }
}
