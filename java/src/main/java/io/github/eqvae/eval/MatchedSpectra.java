package io.github.eqvae.eval;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.SpectrumMatching;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** The divergence of latents' spectra from those of their images. */
final class MatchedSpectra {
  private final Autoencoder vae;
  private final Stream stream;
  private final int side;

  MatchedSpectra(Autoencoder vae, Stream stream, int side) {
    this.vae = vae;
    this.stream = stream;
    this.side = side;
  }

  /** Summed over the images of a batch. */
  double of(Tape tape, Tensor input, Tensor z) {
    try (SpectrumMatching matching = matching(vae, stream, side)) {
      return Arrays.stream(matching.forward(tape, input, z).toDoubles(stream)).sum();
    } finally {
      tape.releaseAll();
    }
  }

  static SpectrumMatching matching(Autoencoder vae, Stream stream, int side) {
    SortedSet<Integer> sides = new TreeSet<>(List.of(side / vae.config().downsamplingFactor()));
    return new SpectrumMatching(vae.config().inChannels(), vae.config().embedDim(), sides, stream);
  }
}
