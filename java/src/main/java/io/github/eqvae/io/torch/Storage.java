package io.github.eqvae.io.torch;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A one-dimensional array of elements of one type; tensors are views of it. In files of the older
 * format tensors come before the bytes, so a storage may have no bytes until the whole file is
 * read.
 */
final class Storage {
  final TorchDtype dtype;

  /** Bytes that the file declares. */
  final long bytes;

  private final @Nullable Storage root;
  private final long begin;
  private @Nullable MemorySegment data;

  private Storage(TorchDtype dtype, long bytes, @Nullable Storage root, long begin) {
    this.dtype = dtype;
    this.bytes = bytes;
    this.root = root;
    this.begin = begin;
  }

  /** A storage whose bytes are read later. */
  static Storage declared(TorchDtype dtype, long bytes) {
    return new Storage(dtype, bytes, null, 0);
  }

  static Storage of(TorchDtype dtype, MemorySegment data) {
    Storage storage = declared(dtype, data.byteSize());
    storage.data = data;
    return storage;
  }

  /** Part of this storage; the caller has checked that it is. */
  Storage view(long from, long length) {
    return new Storage(dtype, length, this, from);
  }

  void fill(MemorySegment content) {
    if (content.byteSize() != bytes) {
      throw new IllegalArgumentException(content.byteSize() + " bytes for " + bytes);
    }
    data = content;
  }

  MemorySegment data() {
    MemorySegment content = root == null ? data : root.data().asSlice(begin, bytes);
    if (content == null) {
      throw new IllegalStateException("the storage was not read yet");
    }
    return content;
  }
}
