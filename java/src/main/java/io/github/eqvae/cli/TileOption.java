package io.github.eqvae.cli;

import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Decoding in tiles, for images too large to be decoded whole. */
final class TileOption {
  @Option(
      names = "--tile",
      paramLabel = "N",
      description =
          "Decodes in tiles of N pixels, such as 512: the same image with less memory, in about"
              + " five times the time.")
  private Optional<Integer> tile = Optional.empty();

  ImageBatch decode(Vae vae, Latents latents) {
    return tile.isPresent() ? vae.decode(latents, new Tiling(tile.get())) : vae.decode(latents);
  }
}
