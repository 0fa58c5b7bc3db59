package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.MaskGitConfig;
import java.util.List;
import java.util.Optional;

/**
 * The order of {@code model.parameters()} in the references. PyTorch numbers the state of an
 * optimiser by it, parameters without a gradient included.
 */
public final class ParameterOrder {
  /** Rotary tables are buffers of LightningDiT, which have no gradient and no number. */
  private static final String BUFFERS = "feat_rope.";

  private ParameterOrder() {}

  /**
   * Of DiT, SiT, REPA and LightningDiT.
   *
   * @param network the network
   * @param alignment REPA's projectors; empty for none
   * @return the names of its parameters
   */
  public static List<String> of(DitConfig network, Optional<Alignment> alignment) {
    return TensorList.of(network, alignment).keySet().stream()
        .filter(name -> !name.startsWith(BUFFERS))
        .toList();
  }

  /**
   * Of Maskgit-pytorch and Halton-MaskGIT.
   *
   * @param network the network
   * @return the names of its parameters
   */
  public static List<String> of(MaskGitConfig network) {
    return List.copyOf(MaskGitTensors.of(network).keySet());
  }
}
