package io.github.eqvae.serve;

/** An axis cut into equal pieces, and what each needs of its neighbours. */
final class TileAxis {
  private final int length;
  private final int count;
  private final int halo;

  /**
   * Cuts.
   *
   * @param length pixels
   * @param size at most so many in a piece
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

  /** Where a piece begins. */
  int start(int piece) {
    return (int) ((long) length * piece / count);
  }

  int end(int piece) {
    return start(piece + 1);
  }

  /** Where what it needs begins. */
  int from(int piece) {
    return Math.max(0, start(piece) - halo);
  }

  int to(int piece) {
    return Math.min(length, end(piece) + halo);
  }
}
