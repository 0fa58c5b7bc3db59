package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.TorchFileException.quote;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The entries of a mapped zip archive, with the position of each one's bytes (which {@code
 * java.util.zip} does not provide). Every entry must be inside the archive, share no bytes with
 * others, have a unique name, and its two headers must agree. Otherwise different programs could
 * read different content from the same archive, which attacks use to show another file to a scanner
 * than to the loader. CRCs are not checked.
 */
final class ZipArchive {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int STORED = 0;
  private static final int DEFLATED = 8;
  private static final int ENCRYPTED_FLAG = 1;
  private static final int SIZES_FOLLOW_FLAG = 8;
  private static final long SEE_ZIP64 = 0xffffffffL;

  /** The largest ratio of a deflate stream. */
  private static final long DEFLATE_RATIO = 1032;

  /**
   * An entry.
   *
   * @param name its name
   * @param method stored or deflated
   * @param header place of its local header
   * @param begin place of its bytes
   * @param compressed how many there are
   * @param size bytes after expansion
   */
  record Entry(String name, int method, long header, long begin, long compressed, long size) {}

  private final Path file;
  private final MemorySegment bytes;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private ZipArchive(Path file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  static ZipArchive read(Path file, MemorySegment bytes) throws TorchFileException {
    ZipArchive archive = new ZipArchive(file, bytes);
    archive.directory();
    return archive;
  }

  Iterable<String> names() {
    return entries.keySet();
  }

  Optional<Entry> find(String name) {
    return Optional.ofNullable(entries.get(name));
  }

  /** The bytes of an entry that is stored without compression. */
  MemorySegment stored(Entry entry) throws TorchFileException {
    if (entry.method() != STORED) {
      throw refuse(
          Reason.COMPRESSED_ENTRY,
          "entry "
              + quote(entry.name())
              + " is compressed; torch.save never compresses tensors. Unpack the archive and pack"
              + " it again with zip -0");
    }
    return bytes.asSlice(entry.begin(), entry.size());
  }

  /**
   * The bytes of an entry that is not a tensor's; compressed ones are expanded if they are small.
   */
  MemorySegment expanded(Entry entry) throws TorchFileException {
    if (entry.method() == STORED) {
      return stored(entry);
    }
    if (entry.size() > Limits.INFLATED || entry.size() > DEFLATE_RATIO * entry.compressed()) {
      throw refuse(
          Reason.COMPRESSED_ENTRY,
          "entry "
              + quote(entry.name())
              + " claims to expand from "
              + entry.compressed()
              + " to "
              + entry.size()
              + " bytes, the limit is "
              + Limits.INFLATED);
    }
    byte[] out = new byte[(int) entry.size()];
    try (Inflater inflater = new Inflater(true)) {
      inflater.setInput(
          bytes.asSlice(entry.begin(), entry.compressed()).toArray(ValueLayout.JAVA_BYTE));
      int length = 0;
      while (length < out.length) {
        int more = inflater.inflate(out, length, out.length - length);
        if (more == 0) {
          break;
        }
        length += more;
      }
      // one byte more than declared: the stream must end exactly there
      if (length < out.length || inflater.inflate(new byte[1]) != 0 || !inflater.finished()) {
        throw refuse(
            Reason.COMPRESSED_ENTRY,
            "entry " + quote(entry.name()) + " does not expand to the bytes that it claims");
      }
    } catch (DataFormatException e) {
      throw refuse(Reason.COMPRESSED_ENTRY, "entry " + quote(entry.name()) + " does not expand");
    }
    return MemorySegment.ofArray(out).asReadOnly();
  }

  private void directory() throws TorchFileException {
    long end = findEnd();
    int disk = u2(end + 4) | u2(end + 6);
    long here = u2(end + 8);
    long count = u2(end + 10);
    long size = u4(end + 12);
    long begin = u4(end + 16);
    long limit = end;
    if (end >= 20 && u4(end - 20) == 0x07064b50L) {
      long end64 = bytes.get(LONG, end - 20 + 8);
      if (end64 < 0 || end64 > end - 20 - 56 || u4(end64) != 0x06064b50L) {
        throw invalid("the ZIP64 end record is not where its locator says");
      }
      disk = (int) (u4(end64 + 16) | u4(end64 + 20));
      here = bytes.get(LONG, end64 + 24);
      count = bytes.get(LONG, end64 + 32);
      size = bytes.get(LONG, end64 + 40);
      begin = bytes.get(LONG, end64 + 48);
      limit = end64;
    }
    if (disk != 0 || here != count) {
      throw invalid("it is one part of several; join them first");
    }
    if (size < 0 || begin < 0 || begin > limit || size != limit - begin) {
      throw invalid(
          "its directory is said to be at "
              + begin
              + " with "
              + size
              + " bytes, but ends at "
              + limit
              + "; copy the file again");
    }
    if (count < 0 || count > Limits.ZIP_ENTRIES || count > size / 46) {
      throw invalid("it claims " + Long.toUnsignedString(count) + " entries");
    }
    long at = begin;
    for (long i = 0; i < count; i++) {
      at = entry(at, limit, begin);
    }
    if (at != limit) {
      throw invalid("its directory has " + (limit - at) + " bytes more than its entries");
    }
    refuseOverlaps();
  }

  private long findEnd() throws TorchFileException {
    long last = bytes.byteSize() - 22;
    long first = Math.max(0, last - 0xffff);
    for (long at = last; at >= first; at--) {
      // the comment must end with the file, so that its text cannot be mistaken for an end record
      if (u4(at) == 0x06054b50L && at + 22 + u2(at + 20) == bytes.byteSize()) {
        return at;
      }
    }
    throw refuse(
        Reason.TRUNCATED,
        "the archive has no end: the file was cut off; copy or download it again");
  }

  /** Reads the entry at a position of the directory and returns the position after it. */
  private long entry(long at, long limit, long directory) throws TorchFileException {
    if (limit - at < 46 || u4(at) != 0x02014b50L) {
      throw invalid("its directory has no entry where one should be");
    }
    int flags = u2(at + 8);
    int method = u2(at + 10);
    long compressed = u4(at + 20);
    long size = u4(at + 24);
    int nameLength = u2(at + 28);
    int extraLength = u2(at + 30);
    long header = u4(at + 42);
    long next = at + 46 + nameLength + extraLength + u2(at + 32);
    if (next > limit) {
      throw invalid("an entry of its directory reaches out of it");
    }
    String name = name(at + 46, nameLength);
    long extra = at + 46 + nameLength;
    long extraEnd = extra + extraLength;
    while (extraEnd - extra >= 4) {
      long fieldEnd = extra + 4 + u2(extra + 2);
      if (fieldEnd > extraEnd) {
        throw invalid("the extra fields of entry " + quote(name) + " reach out of it");
      }
      if (u2(extra) == 1) {
        // ZIP64: only the values that did not fit, in this order.
        long field = extra + 4;
        for (int i = 0; i < 3; i++) {
          long value = i == 0 ? size : i == 1 ? compressed : header;
          if (value != SEE_ZIP64) {
            continue;
          }
          if (field + 8 > fieldEnd) {
            throw invalid("the ZIP64 sizes of entry " + quote(name) + " are missing");
          }
          value = bytes.get(LONG, field);
          field += 8;
          switch (i) {
            case 0 -> size = value;
            case 1 -> compressed = value;
            default -> header = value;
          }
        }
      }
      extra = fieldEnd;
    }
    if ((flags & ENCRYPTED_FLAG) != 0) {
      throw invalid("entry " + quote(name) + " is encrypted; unpack it first");
    }
    if (method != STORED && method != DEFLATED) {
      throw refuse(
          Reason.COMPRESSED_ENTRY,
          "entry " + quote(name) + " is compressed with method " + method + ", expected none");
    }
    if (size < 0 || compressed < 0 || (method == STORED && size != compressed)) {
      throw invalid("entry " + quote(name) + " claims " + size + " bytes, stored as " + compressed);
    }
    long begin = localHeader(name, header, flags, method, compressed, size, directory);
    Entry entry = new Entry(name, method, header, begin, compressed, size);
    if (entries.putIfAbsent(name, entry) != null) {
      throw refuse(Reason.DUPLICATE_ENTRY, "it has two entries " + quote(name));
    }
    return next;
  }

  /** Checks the header before an entry's bytes and returns their position. */
  private long localHeader(
      String name, long header, int flags, int method, long compressed, long size, long directory)
      throws TorchFileException {
    if (header < 0 || header > directory - 30 || u4(header) != 0x04034b50L) {
      throw invalid("entry " + quote(name) + " is not at " + header + ", where it is said to be");
    }
    int nameLength = u2(header + 26);
    long begin = header + 30 + nameLength + u2(header + 28);
    if (begin > directory || compressed > directory - begin) {
      throw invalid("entry " + quote(name) + " reaches out of the archive");
    }
    // with this flag the local sizes may be missing, but some writers fill them in
    boolean sizes =
        (flags & SIZES_FOLLOW_FLAG) != 0
            || (sameSize(u4(header + 18), compressed) && sameSize(u4(header + 22), size));
    if (!sizes
        || u2(header + 8) != method
        || (u2(header + 6) & (SIZES_FOLLOW_FLAG | ENCRYPTED_FLAG))
            != (flags & (SIZES_FOLLOW_FLAG | ENCRYPTED_FLAG))
        || !name(header + 30, nameLength).equals(name)) {
      throw invalid("the two headers of entry " + quote(name) + " differ");
    }
    return begin;
  }

  private static boolean sameSize(long local, long size) {
    return local == size || local == SEE_ZIP64;
  }

  private String name(long at, int length) throws TorchFileException {
    byte[] encoded = bytes.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    return PickleInput.decode(encoded)
        .orElseThrow(() -> invalid("the name of an entry is not UTF-8"));
  }

  private void refuseOverlaps() throws TorchFileException {
    List<Entry> ordered =
        entries.values().stream().sorted(Comparator.comparingLong(Entry::header)).toList();
    for (int i = 1; i < ordered.size(); i++) {
      Entry before = ordered.get(i - 1);
      if (ordered.get(i).header() < before.begin() + before.compressed()) {
        throw refuse(
            Reason.OVERLAPPING_ENTRIES,
            "entries "
                + quote(before.name())
                + " and "
                + quote(ordered.get(i).name())
                + " lie on the same bytes");
      }
    }
  }

  private int u2(long at) {
    return bytes.get(SHORT, at) & 0xffff;
  }

  private long u4(long at) {
    return bytes.get(INT, at) & 0xffffffffL;
  }

  private TorchFileException invalid(String detail) {
    return refuse(Reason.INVALID_ZIP, detail);
  }

  private TorchFileException refuse(Reason reason, String detail) {
    return new TorchFileException(file, reason, detail);
  }
}
