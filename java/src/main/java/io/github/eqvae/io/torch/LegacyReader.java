package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.TorchFileException.quote;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyBigInt;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The format before PyTorch 1.6: five pickles (a magic number, the version, the machine, the
 * object, the storages' names) and then, for each name, a count of elements and the elements
 * (pytorch/pytorch:torch/serialization.py, {@code _legacy_load}).
 */
final class LegacyReader {
  private static final TorchValue MAGIC = new PyBigInt(new BigInteger("1950a86a20f9469cfc6c", 16));
  private static final TorchValue VERSION = new PyInt(1001);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final MemorySegment whole;
  private final TorchFile.Mode mode;
  private final Map<String, Storage> storages = new HashMap<>();
  private long at;

  private LegacyReader(Path file, MemorySegment whole, TorchFile.Mode mode) {
    this.file = file;
    this.whole = whole;
    this.mode = mode;
  }

  static TorchValue read(Path file, MemorySegment whole, TorchFile.Mode mode)
      throws TorchFileException {
    return new LegacyReader(file, whole, mode).read();
  }

  private TorchValue read() throws TorchFileException {
    if (!pickle(StorageSource.NONE).equals(MAGIC)) {
      throw new TorchFileException(
          file,
          Reason.NOT_A_TORCH_FILE,
          "it is a pickle, but not one that torch.save wrote; save the weights with torch.save");
    }
    TorchValue version = pickle(StorageSource.NONE);
    if (!version.equals(VERSION)) {
      throw new TorchFileException(
          file,
          Reason.VERSION,
          "the version of its format is " + Nodes.describe(version) + ", expected 1001");
    }
    if (!(pickle(StorageSource.NONE) instanceof PyDict machine)
        || !(machine.get("little_endian").orElse(null) instanceof PyBool little)) {
      throw new TorchFileException(
          file, Reason.INVALID_PICKLE, "it does not describe the machine that wrote it");
    }
    if (!little.value()) {
      throw new TorchFileException(
          file,
          Reason.BYTE_ORDER,
          "its storages are big-endian; save it again on a little-endian machine");
    }
    TorchValue root = pickle(this::declare);
    if (!(pickle(StorageSource.NONE) instanceof PyList names)) {
      throw new TorchFileException(
          file, Reason.INVALID_STORAGE, "it does not list the names of its storages");
    }
    for (TorchValue name : names.values()) {
      if (!(name instanceof PyStr key)) {
        throw new TorchFileException(
            file, Reason.INVALID_STORAGE, "the name of a storage is not a string");
      }
      fill(key.value());
    }
    if (!storages.isEmpty()) {
      throw new TorchFileException(
          file,
          Reason.INVALID_STORAGE,
          "it has no bytes for storage " + quote(storages.keySet().iterator().next()));
    }
    if (at != whole.byteSize()) {
      throw new TorchFileException(
          file, Reason.INVALID_STORAGE, (whole.byteSize() - at) + " bytes follow the last storage");
    }
    return root;
  }

  private TorchValue pickle(StorageSource source) throws TorchFileException {
    long length = Math.min(whole.byteSize() - at, Limits.PICKLE_BYTES);
    PickleInput in = new PickleInput(file, whole.asSlice(at, length));
    TorchValue value = Unpickler.load(in, mode, source);
    at += in.position();
    return value;
  }

  private Storage declare(PickleInput in, TorchDtype dtype, String key, long elements)
      throws TorchFileException {
    if (elements > whole.byteSize() / dtype.width()) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "storage "
              + quote(key)
              + " declares "
              + elements
              + " elements of "
              + dtype.torchName()
              + ", more than the file has bytes for");
    }
    long bytes = elements * dtype.width();
    Storage storage = storages.computeIfAbsent(key, name -> Storage.declared(dtype, bytes));
    if (storage.dtype != dtype || storage.bytes != bytes) {
      throw in.refuse(
          Reason.INVALID_STORAGE, "storage " + quote(key) + " is declared twice, differently");
    }
    return storage;
  }

  private void fill(String key) throws TorchFileException {
    Storage storage = storages.remove(key);
    if (storage == null) {
      throw new TorchFileException(
          file,
          Reason.INVALID_STORAGE,
          "it has bytes for storage " + quote(key) + ", which no tensor uses or which came before");
    }
    long left = whole.byteSize() - at;
    if (left < Long.BYTES) {
      throw new TorchFileException(
          file, Reason.TRUNCATED, "it ends before storage " + quote(key) + "; copy the file again");
    }
    long elements = whole.get(LONG, at);
    if (elements != storage.bytes / storage.dtype.width()) {
      throw new TorchFileException(
          file,
          Reason.INVALID_STORAGE,
          "storage "
              + quote(key)
              + " has "
              + elements
              + " elements, its tensors expect "
              + storage.bytes / storage.dtype.width());
    }
    if (storage.bytes > left - Long.BYTES) {
      throw new TorchFileException(
          file,
          Reason.TRUNCATED,
          "it ends "
              + (storage.bytes - (left - Long.BYTES))
              + " bytes before the end of storage "
              + quote(key)
              + "; copy the file again");
    }
    storage.fill(whole.asSlice(at + Long.BYTES, storage.bytes));
    at += Long.BYTES + storage.bytes;
  }
}
