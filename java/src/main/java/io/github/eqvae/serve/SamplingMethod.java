package io.github.eqvae.serve;

import io.github.eqvae.diffusion.OdeSampler;
import io.github.eqvae.diffusion.SdeSampler;
import java.util.Locale;
import java.util.Optional;

/** How a generator goes from noise to a latent. */
public enum SamplingMethod {
  /** Ancestral sampling, of DiT: as published, 250 steps. */
  DDPM(250, true),
  /** DDIM, of DiT: no noise on the way unless η says so. */
  DDIM(50, true),
  /** The probability flow by Euler's rule, of SiT: one call of the network a step. */
  EULER(50, OdeSampler.Method.EULER),
  /** The midpoint rule: two calls a step. */
  MIDPOINT(25, OdeSampler.Method.MIDPOINT),
  /** Heun's rule of second order: two calls a step. */
  HEUN2(25, OdeSampler.Method.HEUN2),
  /** Heun's rule of third order: three calls a step. */
  HEUN3(25, OdeSampler.Method.HEUN3),
  /** The 3/8 rule: four calls a step. */
  RK4(25, OdeSampler.Method.RK4),
  /** Dormand and Prince with steps as long as the error of each sample allows. */
  DOPRI5(0, false),
  /** The stochastic equation by Euler and Maruyama, of SiT: as published, 250 steps. */
  SDE_EULER(250, SdeSampler.Method.EULER),
  /** The stochastic equation by Heun's rule: two calls a step. */
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
   * Steps unless others are asked for.
   *
   * @return how many; 0 where the error chooses them
   */
  public int defaultSteps() {
    return steps;
  }

  /**
   * Whether it is of networks taught as DiT, else of those taught as SiT.
   *
   * @return true for ancestral sampling and DDIM
   */
  public boolean isOfDit() {
    return ofDit;
  }

  Optional<OdeSampler.Method> ode() {
    return ode;
  }

  Optional<SdeSampler.Method> sde() {
    return sde;
  }

  /** As it is written in options and results: {@code sde_euler}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
