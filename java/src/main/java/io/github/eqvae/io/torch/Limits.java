package io.github.eqvae.io.torch;

/**
 * Limits of the size of a pickle. A pickle can make an object with a single byte, so its length
 * alone does not bound the memory that it needs. Together these limits keep a hostile pickle below
 * a few hundred megabytes. A checkpoint with optimizer state has about 25 objects per tensor.
 */
final class Limits {
  /** Bytes of one pickle, without the tensors' bytes. */
  static final long PICKLE_BYTES = 1L << 28;

  /** Objects that one pickle makes, and entries of its stack, its marks and its memo. */
  static final int OBJECTS = 1 << 21;

  /**
   * Values in the finished tree, where a shared value counts each time. With a few bytes a pickle
   * can share a list so often that a program could not visit all of it.
   */
  static final long TREE = 1L << 22;

  /** Depth of nested containers; configurations are the deepest. */
  static final int DEPTH = 256;

  /** Bytes of an integer: as many as the short instruction for long integers can have. */
  static final int INTEGER_BYTES = 255;

  /** Characters of a module's, a class's or a storage's name. */
  static final int NAME = 256;

  /** Bytes that a compressed entry may expand to. */
  static final long INFLATED = 1L << 24;

  /** Entries of a zip archive. */
  static final long ZIP_ENTRIES = 1L << 18;

  private Limits() {}
}
