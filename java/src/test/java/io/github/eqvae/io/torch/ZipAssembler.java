package io.github.eqvae.io.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.Deflater;

/** Writes zip archives record by record, so that wrong ones can be written too. */
final class ZipAssembler {
  /** An entry; what the two headers say may be changed before {@link #bytes}. */
  static final class Entry {
    final byte[] data;
    String localName;
    String centralName;
    int method;
    int localMethod;
    int flags;
    int localFlags;
    long compressed;
    long localCompressed;
    long size;
    byte[] extra = {};
    byte[] localExtra = {};

    /** Added to the place that the directory gives. */
    long shift;

    Entry(String name, byte[] data, int method, long size) {
      this.data = data;
      localName = name;
      centralName = name;
      this.method = method;
      localMethod = method;
      compressed = data.length;
      localCompressed = data.length;
      this.size = size;
    }
  }

  final List<Entry> entries = new ArrayList<>();
  String comment = "";
  int disk;
  long countShift;
  long sizeShift;
  long beginShift;

  Entry add(String name, byte[] data) {
    Entry entry = new Entry(name, data, 0, data.length);
    entries.add(entry);
    return entry;
  }

  Entry add(String name, String text) {
    return add(name, text.getBytes(StandardCharsets.UTF_8));
  }

  Entry addDeflated(String name, byte[] data) {
    try (Deflater deflater = new Deflater(9, true)) {
      deflater.setInput(data);
      deflater.finish();
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] chunk = new byte[8192];
      while (!deflater.finished()) {
        out.write(chunk, 0, deflater.deflate(chunk));
      }
      Entry entry = new Entry(name, out.toByteArray(), 8, data.length);
      entries.add(entry);
      return entry;
    }
  }

  byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream directory = new ByteArrayOutputStream();
    for (Entry entry : entries) {
      long header = out.size();
      byte[] local = entry.localName.getBytes(StandardCharsets.UTF_8);
      ByteBuffer record = record(30);
      record.putInt(0x04034b50).putShort((short) 20).putShort((short) entry.localFlags);
      record.putShort((short) entry.localMethod).putInt(0).putInt(0);
      record.putInt((int) entry.localCompressed).putInt((int) entry.size);
      record.putShort((short) local.length).putShort((short) entry.localExtra.length);
      out.writeBytes(record.array());
      out.writeBytes(local);
      out.writeBytes(entry.localExtra);
      out.writeBytes(entry.data);

      byte[] central = entry.centralName.getBytes(StandardCharsets.UTF_8);
      record = record(46);
      record.putInt(0x02014b50).putInt(20 << 16 | 20).putShort((short) entry.flags);
      record.putShort((short) entry.method).putInt(0).putInt(0);
      record.putInt((int) entry.compressed).putInt((int) entry.size);
      record.putShort((short) central.length).putShort((short) entry.extra.length);
      record.putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(0);
      record.putInt((int) (header + entry.shift));
      directory.writeBytes(record.array());
      directory.writeBytes(central);
      directory.writeBytes(entry.extra);
    }
    long begin = out.size();
    byte[] text = comment.getBytes(StandardCharsets.UTF_8);
    ByteBuffer end = record(22);
    end.putInt(0x06054b50).putShort((short) disk).putShort((short) disk);
    short count = (short) (entries.size() + countShift);
    end.putShort(count).putShort(count).putInt((int) (directory.size() + sizeShift));
    end.putInt((int) (begin + beginShift)).putShort((short) text.length);
    out.writeBytes(directory.toByteArray());
    out.writeBytes(end.array());
    out.writeBytes(text);
    return out.toByteArray();
  }

  private static ByteBuffer record(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
