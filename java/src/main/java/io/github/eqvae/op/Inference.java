package io.github.eqvae.op;

import java.util.List;

/**
 * What an operation produces.
 *
 * @param outputs the results
 * @param saved further tensors the forward pass writes for the backward pass
 */
public record Inference(List<Spec> outputs, List<Spec> saved) {
  /**
   * One output, nothing saved.
   *
   * @param output the output
   * @return the inference
   */
  public static Inference of(Spec output) {
    return new Inference(List.of(output), List.of());
  }

  /**
   * One output and saved tensors.
   *
   * @param output the output
   * @param saved what is saved
   * @return the inference
   */
  public static Inference of(Spec output, Spec... saved) {
    return new Inference(List.of(output), List.of(saved));
  }
}
