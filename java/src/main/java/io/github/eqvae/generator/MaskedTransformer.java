package io.github.eqvae.generator;

import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A transformer that predicts masked codes: one of the two variants of MaskGIT's (arXiv
 * 2202.04200).
 */
public sealed interface MaskedTransformer extends AutoCloseable permits MaskGit, HaltonMaskGit {
  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   * @param training whether to keep memory for gradients
   * @return the network, which the caller closes
   */
  static MaskedTransformer of(MaskGitConfig config, Stream stream, long seed, boolean training) {
    return switch (config.kind()) {
      case MASKGIT -> new MaskGit(config, stream, seed, training);
      case HALTON -> new HaltonMaskGit(config, stream, seed, training);
    };
  }

  /**
   * The network's shape.
   *
   * @return the config it was built with
   */
  MaskGitConfig config();

  /**
   * The network's parameters.
   *
   * @return the store, which is closed with this
   */
  ParameterStore parameters();

  /**
   * Chooses the dtype of activations.
   *
   * @param dtype a dtype that the device can compute in
   */
  void computeIn(DType dtype);

  /**
   * Allocates buffers for a batch size in advance, because nothing may be allocated during graph
   * capture.
   *
   * @param stream orders the work
   * @param samples samples in a batch
   */
  void prepare(Stream stream, int samples);

  /**
   * Runs the network.
   *
   * @param tape the tape
   * @param tokens {@code [N, side² + 1]} of {@code I32}: codes row by row, {@link
   *     MaskGitConfig#mask} at unknown positions, then the label's {@link MaskGitConfig#labelToken}
   * @param dropout dropout in training; null for none
   * @return logits {@code [N, side², codes + 1]}; the last column is the mask's, which is a class
   *     in the references, too
   */
  Tensor forward(Tape tape, Tensor tokens, @Nullable TokenDropout dropout);

  @Override
  void close();
}
