package io.github.eqvae.generator;

import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A network that says which codes are behind a mask: MaskGIT's (arXiv 2202.04200) in one of its two
 * forms.
 */
public sealed interface MaskedTransformer extends AutoCloseable permits MaskGit, HaltonMaskGit {
  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
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
   * Its shape.
   *
   * @return the config it was built with
   */
  MaskGitConfig config();

  /**
   * Its parameters.
   *
   * @return the store, closed with this
   */
  ParameterStore parameters();

  /**
   * Chooses the dtype of activations.
   *
   * @param dtype one the device computes in
   */
  void computeIn(DType dtype);

  /**
   * Makes what batches of a size need, so that none is made while a step is captured.
   *
   * @param stream orders the work
   * @param samples of a batch
   */
  void prepare(Stream stream, int samples);

  /**
   * Runs the network.
   *
   * @param tape the tape
   * @param tokens {@code [N, side² + 1]} of {@code I32}: codes row by row, {@link
   *     MaskGitConfig#mask} where one is not known, then the label's {@link
   *     MaskGitConfig#labelToken}
   * @param dropout in training; null for none
   * @return {@code [N, side², codes + 1]}: logits; the last is that of the mask, which the
   *     references keep as a class
   */
  Tensor forward(Tape tape, Tensor tokens, @Nullable TokenDropout dropout);

  @Override
  void close();
}
