package io.github.eqvae.testing;

import io.github.eqvae.tensor.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;

/**
 * The golden files of DINOv2's weights.
 *
 * @param width of a token
 * @param depth number of blocks
 * @param side rows and columns of the table of positions
 */
public record GoldenVit(int width, int depth, int side) {
  /** The file of one naming: {@code hub}, {@code timm} or {@code hf}. */
  public static Path file(int registers, String naming) throws IOException {
    return GoldenFile.all()
        .getFirst()
        .resolveSibling("dinov2_reg" + registers + "_weights_" + naming + ".safetensors");
  }

  /** The network with as many registers. */
  public static GoldenVit of(int registers) throws IOException {
    try (GoldenFile file = GoldenFile.open(file(registers, "hub"))) {
      Shape positions = file.shape("pos_embed");
      int depth =
          (int)
              IntStream.range(0, 100)
                  .takeWhile(i -> file.has("blocks." + i + ".norm1.weight"))
                  .count();
      int side = (int) Math.round(Math.sqrt(positions.size(1) - 1));
      return new GoldenVit(positions.size(2), depth, side);
    }
  }

  /** A number of heads that fits; no tensor tells the right one. */
  public int someHeads() {
    return IntStream.rangeClosed(2, width).filter(h -> width % h == 0).findFirst().orElseThrow();
  }
}
