package io.github.eqvae.cli;

import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.ImageBatch;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --tile}: work in tiles, for images too large for the memory. */
final class TileOption {
  @Option(
      names = "--tile",
      paramLabel = "N",
      description =
          "Works in tiles of N pixels, such as 512: the same result with less memory, but several"
              + " times slower.")
  private Optional<Integer> tile = Optional.empty();

  Optional<Tiling> tiling() {
    return tile.map(Tiling::new);
  }

  Latents encode(Vae vae, ImageBatch images) {
    return tiling().map(t -> vae.encode(images, t)).orElseGet(() -> vae.encode(images));
  }

  ImageBatch decode(Vae vae, Latents latents) {
    return tiling().map(t -> vae.decode(latents, t)).orElseGet(() -> vae.decode(latents));
  }

  ImageBatch decode(Vae vae, Codes codes) {
    return tiling().map(t -> vae.decode(codes, t)).orElseGet(() -> vae.decode(codes));
  }
}
