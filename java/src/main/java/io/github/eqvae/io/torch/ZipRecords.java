package io.github.eqvae.io.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The records of a zip archive with stored entries (PKWARE's APPNOTE, 4.3). ZIP64 records are
 * written if a number needs them.
 */
final class ZipRecords {
  /** Storages begin at multiples of this, as in PyTorch's files, so that they can be mapped. */
  static final int ALIGNMENT = 64;

  private static final long MAX32 = 0xffffffffL;

  /** PyTorch's mark on the extra field that pads a header. */
  private static final short PADDING = (short) ('F' | 'B' << 8);

  /** The first day that the format can express, so that the same content gives the same bytes. */
  private static final short DATE = 1 << 5 | 1;

  private static final short UTF8_FLAG = 1 << 11;

  private record Entry(byte[] name, int crc, long size, long header) {}

  private final List<Entry> entries = new ArrayList<>();

  private static ByteBuffer record(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The header of the next entry, padded so that the entry's bytes are aligned.
   *
   * @param at its position in the file
   */
  byte[] header(long at, String name, int crc, long size) {
    byte[] encoded = name.getBytes(StandardCharsets.UTF_8);
    entries.add(new Entry(encoded, crc, size, at));
    boolean large = size >= MAX32;
    int fixed = 30 + encoded.length + (large ? 20 : 0) + 4;
    int padding = (int) Math.floorMod(-(at + fixed), (long) ALIGNMENT);
    ByteBuffer header = record(fixed + padding);
    header.putInt(0x04034b50).putShort(version(large)).putShort(UTF8_FLAG).putShort((short) 0);
    header.putShort((short) 0).putShort(DATE).putInt(crc);
    header.putInt((int) Math.min(size, MAX32)).putInt((int) Math.min(size, MAX32));
    header.putShort((short) encoded.length);
    header.putShort((short) (fixed + padding - 30 - encoded.length)).put(encoded);
    if (large) {
      header.putShort((short) 1).putShort((short) 16).putLong(size).putLong(size);
    }
    header.putShort(PADDING).putShort((short) padding);
    return header.array();
  }

  /**
   * The directory and the end records of the archive.
   *
   * @param at its position in the file
   */
  byte[] directory(long at) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Entry entry : entries) {
      out.writeBytes(central(entry));
    }
    long size = out.size();
    long count = entries.size();
    if (at >= MAX32 || size >= MAX32 || count >= 0xffff) {
      ByteBuffer end64 = record(56 + 20);
      end64.putInt(0x06064b50).putLong(44).putShort(version(true)).putShort(version(true));
      end64.putInt(0).putInt(0).putLong(count).putLong(count).putLong(size).putLong(at);
      end64.putInt(0x07064b50).putInt(0).putLong(at + size).putInt(1);
      out.writeBytes(end64.array());
    }
    ByteBuffer end = record(22);
    end.putInt(0x06054b50).putInt(0);
    end.putShort((short) Math.min(count, 0xffff)).putShort((short) Math.min(count, 0xffff));
    end.putInt((int) Math.min(size, MAX32)).putInt((int) Math.min(at, MAX32));
    out.writeBytes(end.array());
    return out.toByteArray();
  }

  private static byte[] central(Entry entry) {
    boolean largeSize = entry.size() >= MAX32;
    boolean largeOffset = entry.header() >= MAX32;
    int values = (largeSize ? 16 : 0) + (largeOffset ? 8 : 0);
    ByteBuffer central = record(46 + entry.name().length + (values > 0 ? 4 + values : 0));
    short version = version(values > 0);
    central.putInt(0x02014b50).putShort(version).putShort(version).putShort(UTF8_FLAG);
    central.putShort((short) 0).putShort((short) 0).putShort(DATE).putInt(entry.crc());
    central.putInt((int) Math.min(entry.size(), MAX32));
    central.putInt((int) Math.min(entry.size(), MAX32));
    central.putShort((short) entry.name().length).putShort((short) (values > 0 ? 4 + values : 0));
    // Comment, disk, and attributes: none.
    central.putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(0);
    central.putInt((int) Math.min(entry.header(), MAX32)).put(entry.name());
    if (values > 0) {
      central.putShort((short) 1).putShort((short) values);
      if (largeSize) {
        central.putLong(entry.size()).putLong(entry.size());
      }
      if (largeOffset) {
        central.putLong(entry.header());
      }
    }
    return central.array();
  }

  /** The version of the format that a reader must know: 4.5 is ZIP64. */
  private static short version(boolean zip64) {
    return (short) (zip64 ? 45 : 20);
  }
}
