package io.github.eqvae.model.checkpoint;

import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import java.util.Optional;

/**
 * A model that was read from a checkpoint.
 *
 * @param model the model, closed with this
 * @param scaling scaling of its latents; empty if the checkpoint has none
 */
public record PretrainedKl(AutoencoderKl model, Optional<LatentScaling> scaling)
    implements AutoCloseable {
  @Override
  public void close() {
    model.close();
  }
}
