package io.github.eqvae.diffusion;

import java.util.function.ObjIntConsumer;

/**
 * Makes data of noise, step by step: ancestral sampling and DDIM ({@link DiffusionSampler}), an
 * ordinary ({@link OdeSampler}) or a stochastic ({@link SdeSampler}) differential equation. It
 * knows no network, no device and no picture.
 */
public interface Sampler {
  /**
   * Samples.
   *
   * @param network what to ask
   * @param start standard normal numbers, {@code [N, H, W, C]}; stays as it is
   * @param noise what is drawn on the way; not asked by samplers that draw nothing
   * @param trace is shown the state after each step, and the step's number from 0
   * @return the samples, {@code [N, H, W, C]}
   */
  float[] sample(Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace);

  /**
   * Samples without looking at what is on the way.
   *
   * @param network what to ask
   * @param start standard normal numbers, {@code [N, H, W, C]}
   * @param noise what is drawn on the way
   * @return the samples, {@code [N, H, W, C]}
   */
  default float[] sample(Denoiser network, float[] start, StepNoise noise) {
    return sample(network, start, noise, (state, step) -> {});
  }
}
