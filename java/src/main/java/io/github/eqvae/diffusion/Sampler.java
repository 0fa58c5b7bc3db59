package io.github.eqvae.diffusion;

import java.util.function.ObjIntConsumer;

/**
 * Makes data from noise, step by step: ancestral sampling and DDIM ({@link DiffusionSampler}), an
 * ordinary ({@link OdeSampler}) or a stochastic ({@link SdeSampler}) differential equation. It does
 * not depend on a network's class or a device.
 */
public interface Sampler {
  /**
   * Samples a batch.
   *
   * @param network the network
   * @param start standard normal numbers, {@code [N, H, W, C]}; not changed
   * @param noise noise for the steps; not used by deterministic samplers
   * @param trace receives the state after each step, and the step's number from 0
   * @return the samples, {@code [N, H, W, C]}
   */
  float[] sample(Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace);

  /**
   * Samples a batch without a trace.
   *
   * @param network the network
   * @param start standard normal numbers, {@code [N, H, W, C]}
   * @param noise noise for the steps
   * @return the samples, {@code [N, H, W, C]}
   */
  default float[] sample(Denoiser network, float[] start, StepNoise noise) {
    return sample(network, start, noise, (state, step) -> {});
  }
}
