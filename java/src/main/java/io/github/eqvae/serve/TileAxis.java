package io.github.eqvae.serve;

/** An axis divided into equal pieces, each with a halo from its neighbours. */
final class TileAxis {
  private final int length;
  private final int count;
  private final int halo;

  /**
   * Divides an axis.
   *
   * @param length length in pixels
   * @param size largest length of a piece
   * @param halo pixels that a piece needs beyond its borders
   */
  TileAxis(int length, int size, int halo) {
    this.length = length;
    this.count = (length + size - 1) / size;
    this.halo = halo;
  }

  int count() {
    return count;
  }

  /** The begin of a piece. */
  int start(int piece) {
    return (int) ((long) length * piece / count);
  }

  int end(int piece) {
    return start(piece + 1);
  }

  /** The begin of a piece with its halo. */
  int from(int piece) {
    return Math.max(0, start(piece) - halo);
  }

  int to(int piece) {
    return Math.min(length, end(piece) + halo);
  }
}
