package io.github.eqvae.bench;

/**
 * A 3×3 convolution with padding 1 over square images.
 *
 * @param batch images
 * @param in channels before
 * @param out channels after
 * @param side pixels
 */
record ConvShape(int batch, int in, int out, int side) {
  /** Reads {@code 128-128-64}: channels in and out, side. */
  static ConvShape parse(String text, int batch) {
    String[] parts = text.split("-");
    return new ConvShape(
        batch, Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
  }
}
