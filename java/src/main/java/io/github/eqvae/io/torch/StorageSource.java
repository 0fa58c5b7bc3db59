package io.github.eqvae.io.torch;

/** Finds the storages of a file. */
interface StorageSource {
  /** For pickles that must not have storages. */
  StorageSource NONE =
      (in, dtype, key, elements) -> {
        throw in.refuse(
            TorchFileException.Reason.INVALID_PICKLE, "a storage where only plain values may be");
      };

  /**
   * Returns the storage of a name.
   *
   * @param in for messages
   * @param dtype its element type
   * @param key its name
   * @param elements the number that the pickle declares; not negative
   * @throws TorchFileException if there is none, or it does not match the declaration
   */
  Storage get(PickleInput in, TorchDtype dtype, String key, long elements)
      throws TorchFileException;
}
