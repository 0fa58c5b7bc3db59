package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.TorchFileException.quote;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The format since PyTorch 1.6: a zip archive with one folder, in it {@code data.pkl}, an entry
 * {@code data/KEY} for each storage, {@code version} and {@code byteorder}
 * (pytorch/pytorch:caffe2/serialize/inline_container.h).
 */
final class ZipReader {
  private static final String PICKLE = "/data.pkl";

  private static final int SHOWN = 3;

  /** The highest version that can be read, from inline_container.h. */
  private static final int MAX_VERSION = 10;

  private final Path file;
  private final ZipArchive archive;
  private final String folder;
  private final Map<String, Storage> storages = new HashMap<>();

  private ZipReader(Path file, ZipArchive archive, String folder) {
    this.file = file;
    this.archive = archive;
    this.folder = folder;
  }

  static TorchValue read(Path file, MemorySegment whole, TorchFile.Mode mode)
      throws TorchFileException {
    ZipArchive archive = ZipArchive.read(file, whole);
    return new ZipReader(file, archive, folder(file, archive)).read(mode);
  }

  private static String folder(Path file, ZipArchive archive) throws TorchFileException {
    String folder = null;
    for (String name : archive.names()) {
      if (name.endsWith(PICKLE) && name.indexOf('/') == name.length() - PICKLE.length()) {
        if (folder != null) {
          throw new TorchFileException(
              file,
              Reason.DUPLICATE_ENTRY,
              "both "
                  + quote(folder + PICKLE)
                  + " and "
                  + quote(name)
                  + " could be the object; expected one");
        }
        folder = name.substring(0, name.length() - PICKLE.length());
      }
    }
    if (folder == null) {
      throw new TorchFileException(file, Reason.MISSING_ENTRY, foreign(archive));
    }
    if (archive.find(folder + "/constants.pkl").isPresent()) {
      throw new TorchFileException(
          file,
          Reason.UNSUPPORTED_FORMAT,
          "it is TorchScript, which is code; in Python, torch.save(torch.jit.load(file)"
              + ".state_dict(), 'weights.pt')");
    }
    return folder;
  }

  /** What a zip archive is that torch.save did not write. */
  private static String foreign(ZipArchive archive) {
    List<String> names = new ArrayList<>();
    archive.names().forEach(names::add);
    names.sort(null);
    String shown =
        names.stream().limit(SHOWN).map(TorchFileException::quote).collect(Collectors.joining(", "))
            + (names.size() > SHOWN ? " …" : "");
    if (!names.isEmpty() && names.stream().allMatch(name -> name.endsWith(".npy"))) {
      return "it is a NumPy archive (.npz) of "
          + shown
          + ", not a checkpoint. If these are weights: in Python, torch.save({k: torch.tensor(v)"
          + " for k, v in numpy.load(file).items()}, 'weights.pt')";
    }
    return "the archive has no FOLDER/data.pkl"
        + (names.isEmpty() ? ": it is empty" : ", but " + shown)
        + "; if it holds checkpoints, unpack it first";
  }

  private TorchValue read(TorchFile.Mode mode) throws TorchFileException {
    String order = text("byteorder", "little");
    if (!order.equals("little")) {
      throw new TorchFileException(
          file,
          Reason.BYTE_ORDER,
          "the byte order of its storages is "
              + quote(order)
              + ", expected \"little\"; save it again on a little-endian machine");
    }
    String version = text("version", "3").strip();
    if (!version.matches("[0-9]{1,3}")
        || Integer.parseInt(version) < 1
        || Integer.parseInt(version) > MAX_VERSION) {
      throw new TorchFileException(
          file,
          Reason.VERSION,
          "the version of its format is " + quote(version) + ", expected 1 to " + MAX_VERSION);
    }
    MemorySegment pickle = archive.expanded(archive.find(folder + PICKLE).orElseThrow());
    if (pickle.byteSize() > Limits.PICKLE_BYTES) {
      throw new TorchFileException(
          file,
          Reason.LIMIT_EXCEEDED,
          "its pickle has "
              + pickle.byteSize()
              + " bytes, the limit is "
              + Limits.PICKLE_BYTES
              + "; save the weights alone");
    }
    PickleInput in = new PickleInput(file, pickle);
    TorchValue root = Unpickler.load(in, mode, this::storage);
    if (in.remaining() > 0) {
      throw in.refuse(
          Reason.INVALID_PICKLE, in.remaining() + " bytes follow the end of the pickle");
    }
    return root;
  }

  /** A short entry. Older PyTorch versions did not write it. */
  private String text(String name, String absent) throws TorchFileException {
    var entry = archive.find(folder + "/" + name);
    if (entry.isEmpty()) {
      return absent;
    }
    if (entry.get().size() > 16) {
      throw new TorchFileException(
          file,
          Reason.VERSION,
          "entry " + quote(name) + " has " + entry.get().size() + " bytes, expected a word");
    }
    byte[] bytes = archive.expanded(entry.get()).toArray(ValueLayout.JAVA_BYTE);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private Storage storage(PickleInput in, TorchDtype dtype, String key, long elements)
      throws TorchFileException {
    Storage known = storages.get(key);
    if (known != null) {
      if (known.dtype != dtype || known.bytes / dtype.width() != elements) {
        throw in.refuse(
            Reason.INVALID_STORAGE, "storage " + quote(key) + " is declared twice, differently");
      }
      return known;
    }
    ZipArchive.Entry entry =
        archive
            .find(folder + "/data/" + key)
            .orElseThrow(
                () ->
                    in.refuse(
                        Reason.MISSING_ENTRY,
                        "the archive has no entry for storage " + quote(key)));
    // dividing instead of multiplying: a huge count cannot overflow
    if (elements > entry.size() / dtype.width()) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "storage "
              + quote(key)
              + " declares "
              + elements
              + " elements of "
              + dtype.torchName()
              + ", its entry has "
              + entry.size()
              + " bytes");
    }
    Storage storage = Storage.of(dtype, archive.stored(entry).asSlice(0, elements * dtype.width()));
    storages.put(key, storage);
    return storage;
  }
}
