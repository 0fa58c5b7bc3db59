package io.github.eqvae.io.torch;

/** Where the storages of a file are. */
interface StorageSource {
  /** For pickles in which no storage may occur. */
  StorageSource NONE =
      (in, dtype, key, elements) -> {
        throw in.refuse(
            TorchFileException.Reason.INVALID_PICKLE, "a storage where only plain values may be");
      };

  /**
   * Gives the storage of a name.
   *
   * @param in for messages
   * @param dtype its element type
   * @param key its name
   * @param elements how many the pickle declares; not negative
   * @throws TorchFileException if there is none, or it is not what is declared
   */
  Storage get(PickleInput in, TorchDtype dtype, String key, long elements)
      throws TorchFileException;
}
