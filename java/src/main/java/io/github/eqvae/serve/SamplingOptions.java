package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.DiffusionSampler;
import io.github.eqvae.diffusion.Dopri5Sampler;
import io.github.eqvae.diffusion.Guidance;
import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.RepaSampler;
import io.github.eqvae.diffusion.Sampler;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a generator is asked for latents.
 *
 * @param method how it goes from noise to a latent; without, {@link SamplingMethod#DDPM} of DiT and
 *     {@link SamplingMethod#EULER} of SiT
 * @param steps how many; without, as many as the method has by default
 * @param eta of DDIM: 0 draws no noise, 1 as much as ancestral sampling
 * @param shift of the times of an ordinary equation, 1 for none ({@link
 *     io.github.eqvae.diffusion.TimeShift})
 * @param sde of the stochastic equation
 * @param error of {@link SamplingMethod#DOPRI5}
 * @param guidance how far away from what the network says without a label
 */
public record SamplingOptions(
    Optional<SamplingMethod> method,
    OptionalInt steps,
    double eta,
    double shift,
    Sde sde,
    ErrorControl error,
    GuidanceOptions guidance) {
  /**
   * The stochastic equation of SiT.
   *
   * @param form how the noise depends on time
   * @param norm what it is multiplied with
   * @param last how the last step is made
   * @param lastLength how long it is
   */
  public record Sde(SdeSampler.Form form, double norm, SdeSampler.Last last, double lastLength) {
    /** The defaults of SiT's command line. */
    public static final Sde AS_RELEASED =
        new Sde(SdeSampler.Form.SIGMA, 1, SdeSampler.Last.MEAN, 0.04);
  }

  /**
   * How {@link SamplingMethod#DOPRI5} chooses its steps.
   *
   * @param absolute how large the error of a number may be
   * @param relative the same as a part of the number
   * @param overshoot whether the last step may go beyond time 1, as in the reference
   */
  public record ErrorControl(double absolute, double relative, boolean overshoot) {
    /** The defaults of SiT's command line. */
    public static final ErrorControl AS_RELEASED = new ErrorControl(1e-6, 1e-3, true);
  }

  /**
   * Classifier-free guidance.
   *
   * @param scale 1 is none
   * @param channels how many channels are guided, from the first; without, 3 of latents that have
   *     4, as DiT and SiT do and their figures were made, and all of others and of REPA's
   * @param from guided from this time on: DiT's steps, SiT's times from 0 (noise) to 1, REPA's from
   *     0 (data) to 1
   * @param to guided up to this time
   */
  public record GuidanceOptions(double scale, OptionalInt channels, double from, double to) {
    /** No guidance. */
    public static final GuidanceOptions NONE = of(1);

    /** Channels of the latents that the references guide three of. */
    private static final int RELEASED_LATENTS = 4;

    /**
     * Guidance at all times.
     *
     * @param scale 1 is none
     * @return the options
     */
    public static GuidanceOptions of(double scale) {
      return new GuidanceOptions(
          scale, OptionalInt.empty(), Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
    }

    /**
     * The guidance.
     *
     * @param process how the network was taught: REPA guides all channels
     * @param latentChannels channels of the latents
     * @return with the number of channels settled
     */
    public Guidance guidance(GeneratorProcess process, int latentChannels) {
      boolean three =
          latentChannels == RELEASED_LATENTS && !(process instanceof GeneratorProcess.Repa);
      int byDefault = three ? Guidance.AS_RELEASED : Guidance.ALL;
      return new Guidance(scale, channels.orElse(byDefault), from, to);
    }
  }

  private static final SamplingOptions DEFAULTS =
      new SamplingOptions(
          Optional.empty(),
          OptionalInt.empty(),
          0,
          1,
          Sde.AS_RELEASED,
          ErrorControl.AS_RELEASED,
          GuidanceOptions.NONE);

  /**
   * The network's own method without guidance.
   *
   * @return the defaults
   */
  public static SamplingOptions defaults() {
    return DEFAULTS;
  }

  /**
   * With another method.
   *
   * @param value the method
   * @return the options
   */
  public SamplingOptions withMethod(SamplingMethod value) {
    return new SamplingOptions(Optional.of(value), steps, eta, shift, sde, error, guidance);
  }

  /**
   * With another number of steps.
   *
   * @param value how many
   * @return the options
   */
  public SamplingOptions withSteps(int value) {
    return new SamplingOptions(method, OptionalInt.of(value), eta, shift, sde, error, guidance);
  }

  /**
   * With guidance.
   *
   * @param scale 1 is none
   * @return the options
   */
  public SamplingOptions withGuidance(double scale) {
    return withGuidance(GuidanceOptions.of(scale));
  }

  /**
   * With guidance.
   *
   * @param value how far, which channels and when
   * @return the options
   */
  public SamplingOptions withGuidance(GuidanceOptions value) {
    return new SamplingOptions(method, steps, eta, shift, sde, error, value);
  }

  /**
   * The method for a network.
   *
   * @param process how it was taught
   * @return what was asked for, or the network's own
   * @throws EqvaeException.Argument when it is not for networks that were taught so
   */
  public SamplingMethod method(GeneratorProcess process) {
    boolean dit = process instanceof GeneratorProcess.Steps;
    SamplingMethod chosen = method.orElse(dit ? SamplingMethod.DDPM : SamplingMethod.EULER);
    if (chosen.isOfDit() != dit) {
      throw new EqvaeException.Argument(
          "The sampler "
              + chosen
              + " is for networks trained as "
              + (dit
                  ? "SiT; this one was trained as DiT: ddpm or ddim"
                  : "DiT; this one was trained as SiT: euler, heun2, dopri5, sde_euler, …"));
    }
    if (process instanceof GeneratorProcess.Repa) {
      repa(chosen); // says whether there is one
    }
    return chosen;
  }

  private static RepaSampler.Method repa(SamplingMethod chosen) {
    return switch (chosen) {
      case EULER -> RepaSampler.Method.EULER;
      case HEUN2 -> RepaSampler.Method.HEUN;
      case SDE_EULER -> RepaSampler.Method.EULER_MARUYAMA;
      default ->
          throw new EqvaeException.Argument(
              "The sampler "
                  + chosen
                  + " is not for networks trained as REPA: euler, heun2 or sde_euler");
    };
  }

  /**
   * The sampler for a network.
   *
   * @param process how it was taught
   * @param channels of its latents
   * @return the sampler
   * @throws EqvaeException.Argument when a number is out of range
   */
  public Sampler sampler(GeneratorProcess process, int channels) {
    SamplingMethod chosen = method(process);
    int count = steps(process);
    return switch (process) {
      case GeneratorProcess.Steps s ->
          new DiffusionSampler(
              s.process().respaced(Integer.toString(count)),
              channels,
              chosen == SamplingMethod.DDIM ? eta : Double.NaN,
              false);
      case GeneratorProcess.Repa r -> new RepaSampler(r.path(), repa(chosen), count);
      case GeneratorProcess.Flow f -> {
        if (chosen.ode().isPresent()) {
          yield new OdeSampler(f.transport(), chosen.ode().get(), count, shift, false);
        }
        yield chosen.sde().isPresent()
            ? new SdeSampler(
                f.transport(),
                chosen.sde().get(),
                sde.form(),
                sde.norm(),
                sde.last(),
                sde.lastLength(),
                count)
            : new Dopri5Sampler(
                f.transport(), error.absolute(), error.relative(), error.overshoot());
      }
    };
  }

  /**
   * The steps for a network.
   *
   * @param process how it was taught
   * @return how many; 0 where the error chooses them
   */
  public int steps(GeneratorProcess process) {
    return steps.orElse(method(process).defaultSteps());
  }

  /**
   * Everything that decides the samples of a network, for results.
   *
   * @param process how it was taught
   * @param channels of its latents
   * @return names to values; what the method does not use is left out
   */
  public Map<String, Object> describe(GeneratorProcess process, int channels) {
    SamplingMethod chosen = method(process);
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("sampler", chosen.toString());
    if (chosen == SamplingMethod.DOPRI5) {
      map.put("absolute_error", error.absolute());
      map.put("relative_error", error.relative());
      map.put("overshoot", error.overshoot());
    } else {
      map.put("steps", steps(process));
    }
    if (chosen == SamplingMethod.DDIM) {
      map.put("eta", eta);
    }
    boolean repa = process instanceof GeneratorProcess.Repa;
    if (chosen.ode().isPresent() && shift != 1 && !repa) {
      map.put("shift", shift);
    }
    if (chosen.sde().isPresent() && !repa) {
      map.put("diffusion_form", sde.form().name().toLowerCase(Locale.ROOT));
      map.put("diffusion_norm", sde.norm());
      map.put("last_step", sde.last().name().toLowerCase(Locale.ROOT));
      map.put("last_step_length", sde.lastLength());
    }
    map.put("guidance", guidance.scale());
    if (guidance.scale() != 1) {
      Guidance g = guidance.guidance(process, channels);
      map.put("guided_channels", Math.min(g.channels(), channels));
      if (Double.isFinite(g.from())) {
        map.put("guided_from", g.from());
      }
      if (Double.isFinite(g.to())) {
        map.put("guided_to", g.to());
      }
    }
    return map;
  }
}
