package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.Checkpoints.archive;
import static io.github.eqvae.io.torch.Checkpoints.floats;
import static io.github.eqvae.io.torch.PickleAssembler.small;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Hostile archives, and files that are no archives: each is refused for its own reason. */
class TorchHostileZipTest {
  @TempDir Path directory;

  private static Arguments hostile(String what, Reason reason, String words, byte[] file) {
    return Arguments.of(what, reason, words, file);
  }

  /** A good archive of data.pkl, byteorder, data/0, version with something changed. */
  private static byte[] changed(Consumer<ZipAssembler> change) {
    ZipAssembler zip = archive(small(), floats(4));
    change.accept(zip);
    return zip.bytes();
  }

  /** A good archive of which one entry is changed. */
  private static byte[] entry(int index, Consumer<ZipAssembler.Entry> change) {
    return changed(zip -> change.accept(zip.entries.get(index)));
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] end64(long offset, byte[] record) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] good = archive(small(), floats(4)).bytes();
    out.write(good, 0, good.length - 22);
    out.writeBytes(record);
    ByteBuffer locator = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
    locator.putInt(0x07064b50).putInt(0).putLong(offset).putInt(1);
    out.writeBytes(locator.array());
    out.write(good, good.length - 22, 22);
    return out.toByteArray();
  }

  private static byte[] end64(long count, long size, long begin) {
    byte[] good = archive(small(), floats(4)).bytes();
    ByteBuffer record = ByteBuffer.allocate(56).order(ByteOrder.LITTLE_ENDIAN);
    record.putInt(0x06064b50).putLong(44).putInt(45).putLong(0);
    record.putLong(count).putLong(count).putLong(size).putLong(begin);
    return end64(good.length - 22, record.array());
  }

  static Stream<Arguments> archives() {
    Reason zip = Reason.INVALID_ZIP;
    Reason compressed = Reason.COMPRESSED_ENTRY;
    byte[] zeros = new byte[1 << 20];
    return Stream.of(
        hostile(
            "no data.pkl",
            Reason.MISSING_ENTRY,
            "no FOLDER/data.pkl",
            changed(a -> a.entries.removeFirst())),
        hostile(
            "data.pkl two folders down",
            Reason.MISSING_ENTRY,
            "no FOLDER/data.pkl",
            entry(0, e -> e.localName = e.centralName = "a/b/data.pkl")),
        hostile(
            "two objects",
            Reason.DUPLICATE_ENTRY,
            "\"model/data.pkl\" and \"other/data.pkl\"",
            changed(a -> a.add("other/data.pkl", small()))),
        hostile(
            "TorchScript",
            Reason.UNSUPPORTED_FORMAT,
            "torch.jit.load",
            changed(a -> a.add("model/constants.pkl", small()))),
        hostile(
            "one name twice",
            Reason.DUPLICATE_ENTRY,
            "two entries \"model/data/0\"",
            changed(a -> a.add("model/data/0", floats(4)))),
        hostile(
            "an entry that swallows the next",
            Reason.OVERLAPPING_ENTRIES,
            "\"model/byteorder\" and \"model/data/0\"",
            entry(1, e -> e.compressed = e.localCompressed = e.size = 40)),
        hostile(
            "an entry that holds all the others",
            Reason.OVERLAPPING_ENTRIES,
            "lie on the same bytes",
            changed(
                a -> {
                  ZipAssembler.Entry first = a.entries.getFirst();
                  int others = 0;
                  for (ZipAssembler.Entry e : a.entries.subList(1, a.entries.size())) {
                    others += 30 + e.localName.length() + e.data.length;
                  }
                  first.size += others;
                  first.compressed = first.localCompressed = first.size;
                })),
        hostile(
            "big-endian storages",
            Reason.BYTE_ORDER,
            "\"big\"",
            changed(
                a -> {
                  a.entries.remove(1);
                  a.add("model/byteorder", "big");
                })),
        hostile(
            "a byte order of a megabyte",
            Reason.VERSION,
            "expected a word",
            changed(
                a -> {
                  a.entries.remove(1);
                  a.add("model/byteorder", zeros);
                })),
        hostile("version 11", Reason.VERSION, "\"11\"", version("11\n")),
        hostile("version 0", Reason.VERSION, "\"0\"", version("0")),
        hostile("version of words", Reason.VERSION, "\"three\"", version("three")),
        hostile(
            "a compressed storage",
            compressed,
            "zip -0",
            changed(
                a -> {
                  a.entries.remove(2);
                  a.addDeflated("model/data/0", floats(4));
                })),
        hostile("a bomb of 100 MB", compressed, "the limit is", bomb(new byte[100_000_000])),
        hostile(
            "a bomb that claims less",
            compressed,
            "does not expand to the bytes",
            changed(
                a -> {
                  a.entries.removeFirst();
                  a.addDeflated("model/data.pkl", zeros).size = 100;
                })),
        hostile(
            "a claim beyond what deflate can do",
            compressed,
            "claims to expand from",
            changed(
                a -> {
                  a.entries.removeFirst();
                  a.addDeflated("model/data.pkl", new byte[100]).size = 10_000_000;
                })),
        hostile(
            "a stream that ends early",
            compressed,
            "does not expand to the bytes",
            changed(
                a -> {
                  a.entries.removeFirst();
                  a.addDeflated("model/data.pkl", zeros).size += 100;
                })),
        hostile(
            "a stream that is none",
            compressed,
            "does not expand",
            entry(
                0,
                e -> {
                  e.method = e.localMethod = 8;
                })),
        hostile(
            "an unknown method",
            compressed,
            "method 12",
            entry(2, e -> e.method = e.localMethod = 12)),
        hostile("encrypted", zip, "is encrypted", entry(2, e -> e.flags = e.localFlags = 1)),
        hostile(
            "another local name",
            zip,
            "headers of entry",
            entry(2, e -> e.localName = "model/data/9")),
        hostile(
            "another local method", zip, "two headers of entry", entry(2, e -> e.localMethod = 8)),
        hostile(
            "another local size",
            zip,
            "two headers of entry",
            entry(2, e -> e.localCompressed = 12)),
        hostile("another local flag", zip, "two headers of entry", entry(2, e -> e.localFlags = 8)),
        hostile(
            "stored with two sizes", zip, "claims 12 bytes, stored as 16", storedWithTwoSizes()),
        hostile("a place outside", zip, "not at", entry(2, e -> e.shift = 1_000_000)),
        hostile("a place in the middle of data", zip, "is not at", entry(2, e -> e.shift = 3)),
        hostile(
            "an entry of 4 GB",
            zip,
            "reaches out of the archive",
            entry(3, e -> e.compressed = e.localCompressed = e.size = 0xfffffffeL)),
        hostile(
            "missing ZIP64 sizes",
            zip,
            "ZIP64 sizes",
            entry(
                2,
                e -> {
                  e.compressed = e.size = 0xffffffffL;
                  e.extra = new byte[] {1, 0, 8, 0, 16, 0, 0, 0, 0, 0, 0, 0};
                })),
        hostile(
            "negative ZIP64 sizes",
            zip,
            "claims -1 bytes",
            entry(
                2,
                e -> {
                  e.compressed = e.size = 0xffffffffL;
                  e.extra = new byte[20];
                  Arrays.fill(e.extra, (byte) 0xff);
                  e.extra[0] = 1;
                  e.extra[1] = 0;
                  e.extra[2] = 16;
                  e.extra[3] = 0;
                })),
        hostile(
            "extra fields too long",
            zip,
            "extra fields",
            entry(2, e -> e.extra = new byte[] {9, 9, 9, 9})),
        hostile("one entry too many", zip, "no entry where one", changed(a -> a.countShift = 1)),
        hostile("one entry too few", zip, "more than its entries", changed(a -> a.countShift = -1)),
        hostile("60000 entries", zip, "claims 60000 entries", changed(a -> a.countShift = 59_996)),
        hostile("a directory too short", zip, "but ends at", changed(a -> a.sizeShift = -1)),
        hostile("a directory too early", zip, "but ends at", changed(a -> a.beginShift = -1)),
        hostile("a directory past the end", zip, "but ends at", changed(a -> a.beginShift = 99)),
        hostile("one of two disks", zip, "one part of several", changed(a -> a.disk = 1)),
        hostile(
            "ZIP64 end at 2^62", zip, "not where its locator says", end64(1L << 62, new byte[0])),
        hostile("ZIP64 end at -1", zip, "not where its locator says", end64(-1, new byte[56])),
        hostile("ZIP64 with 2^60 entries", zip, "but ends at", end64(1L << 60, 300, 0)),
        hostile("ZIP64 with -1 bytes", zip, "with -1 bytes", end64(4, -1, 0)),
        hostile("ZIP64 far away", zip, "but ends at", end64(4, 300, Long.MAX_VALUE)),
        hostile("2^60 entries", zip, "claims 1152921504606846976", manyEntries(1L << 60)),
        hostile("-1 entries", zip, "claims 18446744073709551615", manyEntries(-1)));
  }

  private static byte[] storedWithTwoSizes() {
    return entry(2, e -> e.size = 12);
  }

  private static byte[] version(String version) {
    return changed(
        a -> {
          a.entries.removeLast();
          a.add("model/version", version);
        });
  }

  private static byte[] bomb(byte[] content) {
    return changed(
        a -> {
          a.entries.removeFirst();
          a.addDeflated("model/data.pkl", content);
        });
  }

  /** A ZIP64 end that fits the directory, but for the number of entries. */
  private static byte[] manyEntries(long count) {
    byte[] good = archive(small(), floats(4)).bytes();
    ByteBuffer end = ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN);
    long size = end.getInt(good.length - 10);
    long begin = end.getInt(good.length - 6);
    return end64(count, size, begin);
  }

  static Stream<Arguments> noArchives() {
    Reason none = Reason.NOT_A_TORCH_FILE;
    byte[] tar = new byte[512];
    System.arraycopy(text("ustar"), 0, tar, 257, 5);
    return Stream.of(
        hostile("empty", none, "it is empty", new byte[0]),
        hostile("one byte", none, "neither like a zip", new byte[1]),
        hostile("safetensors", none, "SafetensorsFile", text("\2\0\0\0\0\0\0\0{}")),
        hostile("LFS pointer", none, "git lfs pull", text("version https://git-lfs.github.com")),
        hostile("web page", none, "web page", text("<!DOCTYPE html>")),
        hostile("GGUF", none, "a GGUF file of quantized", text("GGUF\3\0\0\0")),
        hostile("HDF5", none, "an HDF5 file, as Keras", text("\u0089HDF\r\n")),
        hostile("NumPy", none, "an array of NumPy", text("\u0093NUMPY")),
        hostile("picture", none, "a picture", text("\u00ff\u00d8\u00ff\u00e0")),
        hostile("tar", Reason.UNSUPPORTED_FORMAT, "unpack it (tar xf)", tar),
        hostile("PK and nothing", Reason.TRUNCATED, "the archive has no end", text("PK\3\4")),
        hostile("empty archive", Reason.MISSING_ENTRY, "no FOLDER", new ZipAssembler().bytes()));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource({"archives", "noArchives"})
  void isRefusedForItsReason(String what, Reason reason, String words, byte[] file) {
    Checkpoints.assertRefused(file, reason, words);
  }

  /** On disk, where an empty file is a mapping of nothing. */
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("noArchives")
  void isRefusedOnDisk(String what, Reason reason, String words, byte[] file) throws IOException {
    Path path = Files.write(directory.resolve("model.pt"), file);
    TorchFileException e =
        assertThrows(TorchFileException.class, () -> TorchFile.open(path).close());
    assertEquals(reason, e.reason(), e.getMessage());
    assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    byte[] good = changed(a -> a.comment = "a comment");
    try (TorchFile open = Checkpoints.read(good)) {
      assertEquals(1, open.stateDict().size());
    }
    for (int length = 0; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      TorchFileException e =
          assertThrows(TorchFileException.class, () -> Checkpoints.read(cut), "cut at " + length);
      assertEquals(
          length < 4 ? Reason.NOT_A_TORCH_FILE : Reason.TRUNCATED, e.reason(), e.getMessage());
    }
  }

  /** An end record in the comment of the true one must not be believed. */
  @Test
  void anEndRecordInTheCommentIsText() throws IOException {
    byte[] good = changed(a -> a.comment = "PK\5\6" + "\0".repeat(18) + "tail");
    try (TorchFile open = Checkpoints.read(good)) {
      assertArrayEquals(new float[] {1, 2, 3, 4}, open.stateDict().get("w").floats());
    }
  }

  /** What repacking with another tool leaves: deflated pickle, stored tensors, folders. */
  @Test
  void archivesOfOtherToolsAreRead() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(new ZipEntry("any name/"));
      zip.putNextEntry(new ZipEntry("any name/data.pkl"));
      zip.write(small());
      zip.putNextEntry(new ZipEntry("any name/data/"));
      ZipEntry stored = new ZipEntry("any name/data/0");
      stored.setMethod(ZipEntry.STORED);
      stored.setSize(16);
      CRC32 crc = new CRC32();
      crc.update(floats(4));
      stored.setCrc(crc.getValue());
      zip.putNextEntry(stored);
      zip.write(floats(4));
    }
    try (TorchFile open = Checkpoints.read(bytes.toByteArray())) {
      assertEquals(TorchFile.Format.ZIP, open.format());
      assertArrayEquals(new float[] {1, 2, 3, 4}, open.stateDict().get("w").floats());
    }
  }
}
