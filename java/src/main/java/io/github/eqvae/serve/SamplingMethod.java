package io.github.eqvae.serve;

import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import java.util.Locale;
import java.util.Optional;

/** Methods by which a generator samples a latent from noise. */
public enum SamplingMethod {
  /** Ancestral sampling, for DiT: 250 steps as published. */
  DDPM(250, true),
  /** DDIM, for DiT: deterministic unless η is above 0. */
  DDIM(50, true),
  /** The probability flow with Euler's method, for SiT: one evaluation per step. */
  EULER(50, OdeSampler.Method.EULER),
  /** The midpoint method: two evaluations per step. */
  MIDPOINT(25, OdeSampler.Method.MIDPOINT),
  /** Heun's method of order 2: two evaluations per step. */
  HEUN2(25, OdeSampler.Method.HEUN2),
  /** Heun's method of order 3: three evaluations per step. */
  HEUN3(25, OdeSampler.Method.HEUN3),
  /** The 3/8 rule of order 4: four evaluations per step. */
  RK4(25, OdeSampler.Method.RK4),
  /** Dormand–Prince with adaptive steps for each sample. */
  DOPRI5(0, false),
  /** The SDE with the Euler–Maruyama method, for SiT: 250 steps as published. */
  SDE_EULER(250, SdeSampler.Method.EULER),
  /** The SDE with Heun's method: two evaluations per step. */
  SDE_HEUN(125, SdeSampler.Method.HEUN);

  private final int steps;
  private final boolean ofDit;
  private final Optional<OdeSampler.Method> ode;
  private final Optional<SdeSampler.Method> sde;

  SamplingMethod(int steps, boolean ofDit) {
    this.steps = steps;
    this.ofDit = ofDit;
    ode = Optional.empty();
    sde = Optional.empty();
  }

  SamplingMethod(int steps, OdeSampler.Method method) {
    this.steps = steps;
    ofDit = false;
    ode = Optional.of(method);
    sde = Optional.empty();
  }

  SamplingMethod(int steps, SdeSampler.Method method) {
    this.steps = steps;
    ofDit = false;
    ode = Optional.empty();
    sde = Optional.of(method);
  }

  /**
   * The default for a network.
   *
   * @param process its diffusion process
   * @return ancestral sampling for DiT, Euler's method for the others
   */
  public static SamplingMethod usual(GeneratorProcess process) {
    return process instanceof GeneratorProcess.Steps ? DDPM : EULER;
  }

  /**
   * The default number of steps.
   *
   * @return the number; 0 for adaptive steps
   */
  public int defaultSteps() {
    return steps;
  }

  /**
   * Whether it is for networks trained as DiT, and not for those trained as SiT.
   *
   * @return true for ancestral sampling and DDIM
   */
  public boolean isOfDit() {
    return ofDit;
  }

  /**
   * Whether it integrates the ordinary differential equation.
   *
   * @return true for SiT's methods without noise, the adaptive one among them
   */
  public boolean isOde() {
    return !ofDit && sde.isEmpty();
  }

  /**
   * Whether it integrates the stochastic differential equation.
   *
   * @return true for the methods that add noise to SiT's steps
   */
  public boolean isSde() {
    return sde.isPresent();
  }

  Optional<OdeSampler.Method> ode() {
    return ode;
  }

  Optional<SdeSampler.Method> sde() {
    return sde;
  }

  /** The name in options and results: {@code sde_euler}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
