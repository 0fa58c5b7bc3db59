package io.github.eqvae.generator.checkpoint;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.NoiseSchedule;
import io.github.eqvae.diffusion.Transport;

/**
 * How a network was taught to make data of noise, which no tensor tells: in the steps of a
 * diffusion, as DiT, or along a path in continuous time, as SiT and, on the opposite clock, REPA.
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

  /** SiT as published: the velocity of straight lines. */
  Flow SIT =
      new Flow(
          new Transport(Interpolant.LINEAR, Transport.Prediction.VELOCITY, Transport.Weight.NONE));

  /** REPA as published: the velocity of straight lines, from data to noise. */
  Repa REPA = new Repa(Interpolant.LINEAR);

  /** How the noise of a diffusion grows. */
  enum Schedule {
    /** {@link NoiseSchedule#linear}: published DiT. */
    LINEAR,
    /** {@link NoiseSchedule#cosine}. */
    COSINE
  }

  /**
   * The steps of a diffusion.
   *
   * @param schedule how the noise grows
   * @param steps how many
   * @param prediction what the network says
   * @param variance what is known of the variance of a step back
   */
  record Steps(
      Schedule schedule,
      int steps,
      GaussianDiffusion.Prediction prediction,
      GaussianDiffusion.Variance variance)
      implements GeneratorProcess {
    /** More are no use, and would be memory for whoever claims them in a file. */
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
     * The process.
     *
     * @return with all its steps
     */
    public GaussianDiffusion process() {
      return new GaussianDiffusion(
          schedule == Schedule.LINEAR ? NoiseSchedule.linear(steps) : NoiseSchedule.cosine(steps),
          prediction,
          variance);
    }
  }

  /**
   * A path in continuous time.
   *
   * @param transport the path, and what the network says of it
   */
  record Flow(Transport transport) implements GeneratorProcess {}

  /**
   * The velocity of a path on REPA's clock, which runs from data (0) to noise (1), against SiT's.
   *
   * @param path linear, or gvp, REPA's cosine
   */
  record Repa(Interpolant path) implements GeneratorProcess {
    /**
     * Checks the path.
     *
     * @throws EqvaeException.Argument when REPA has none like it
     */
    public Repa {
      if (path == Interpolant.VP) {
        throw new EqvaeException.Argument("REPA: the path is linear or gvp, not vp");
      }
    }
  }
}
