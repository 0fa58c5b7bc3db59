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
 * Options for sampling latents with a generator.
 *
 * @param method the sampling method; empty for {@link SamplingMethod#DDPM} with DiT and {@link
 *     SamplingMethod#EULER} with SiT
 * @param steps number of steps; empty for the method's default
 * @param eta DDIM's η: 0 adds no noise, 1 as much as ancestral sampling
 * @param shift shift of the times of an ODE, 1 for none ({@link
 *     io.github.eqvae.diffusion.TimeShift})
 * @param sde options of the SDE
 * @param error error tolerances of {@link SamplingMethod#DOPRI5}
 * @param guidance classifier-free guidance
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
   * Options of SiT's SDE.
   *
   * @param form how the diffusion w depends on time
   * @param norm factor of w
   * @param last how the last step is made
   * @param lastLength length of the last step
   */
  public record Sde(SdeSampler.Form form, double norm, SdeSampler.Last last, double lastLength) {
    /** The defaults of SiT's command line. */
    public static final Sde AS_RELEASED =
        new Sde(SdeSampler.Form.SIGMA, 1, SdeSampler.Last.MEAN, 0.04);
  }

  /**
   * Error tolerances of {@link SamplingMethod#DOPRI5}.
   *
   * @param absolute the absolute tolerance
   * @param relative the relative tolerance
   * @param overshoot whether the last step may go beyond time 1, as in the reference
   */
  public record ErrorControl(double absolute, double relative, boolean overshoot) {
    /** The defaults of SiT's command line. */
    public static final ErrorControl AS_RELEASED = new ErrorControl(1e-6, 1e-3, true);
  }

  /**
   * Classifier-free guidance.
   *
   * @param scale the guidance scale; 1 means no guidance
   * @param channels the number of guided channels, from the first; empty for the published default:
   *     3 for latents with 4 channels (DiT, SiT), all for other latents and for REPA
   * @param from guidance is applied from this time on: DiT's steps, SiT's times from 0 (noise) to
   *     1, REPA's from 0 (data) to 1
   * @param to guidance is applied up to this time
   */
  public record GuidanceOptions(double scale, OptionalInt channels, double from, double to) {
    /** No guidance. */
    public static final GuidanceOptions NONE = of(1);

    /** Channels of the latents for which the references guide only three channels. */
    private static final int RELEASED_LATENTS = 4;

    /**
     * Guidance at all times.
     *
     * @param scale the guidance scale; 1 means no guidance
     * @return the options
     */
    public static GuidanceOptions of(double scale) {
      return new GuidanceOptions(
          scale, OptionalInt.empty(), Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
    }

    /**
     * Creates the guidance.
     *
     * @param process the network's diffusion process: REPA guides all channels
     * @param latentChannels channels of the latents
     * @return the guidance, with a number of channels
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
   * The default method of the network, without guidance.
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
   * @param value the number
   * @return the options
   */
  public SamplingOptions withSteps(int value) {
    return new SamplingOptions(method, OptionalInt.of(value), eta, shift, sde, error, guidance);
  }

  /**
   * With guidance.
   *
   * @param scale the guidance scale; 1 means no guidance
   * @return the options
   */
  public SamplingOptions withGuidance(double scale) {
    return withGuidance(GuidanceOptions.of(scale));
  }

  /**
   * With guidance.
   *
   * @param value scale, channels and interval
   * @return the options
   */
  public SamplingOptions withGuidance(GuidanceOptions value) {
    return new SamplingOptions(method, steps, eta, shift, sde, error, value);
  }

  /**
   * The method for a network.
   *
   * @param process its diffusion process
   * @return the chosen method, or the network's default
   * @throws EqvaeException.Argument when it does not suit the process
   */
  public SamplingMethod method(GeneratorProcess process) {
    boolean dit = process instanceof GeneratorProcess.Steps;
    SamplingMethod chosen = method.orElse(SamplingMethod.usual(process));
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
      repa(chosen); // checks that REPA has this method
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
   * @param process its diffusion process
   * @param channels channels of its latents
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
   * @param process its diffusion process
   * @return the number; 0 for adaptive steps
   */
  public int steps(GeneratorProcess process) {
    return steps.orElse(method(process).defaultSteps());
  }

  /**
   * All settings that a network's samples depend on, for results.
   *
   * @param process its diffusion process
   * @param channels channels of its latents
   * @return values by name, without settings that the method does not use
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
