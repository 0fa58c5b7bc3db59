package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** The gradient so far of one tensor. */
final class Slot {
  /** Memory of a gradient, shared by the tensors that alias it. */
  static final class Storage {
    final @Nullable Tensor tensor;
    int references;

    Storage(@Nullable Tensor tensor) {
      this.tensor = tensor;
    }
  }

  Tensor gradient;
  Storage storage;

  Slot(Tensor gradient, Storage storage) {
    this.gradient = gradient;
    this.storage = storage;
    storage.references++;
  }
}
