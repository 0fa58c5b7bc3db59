package io.github.eqvae.io.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** Checkpoints made of assembled pickles, and how they are read in tests. */
final class Checkpoints {
  /** What the reader may allocate beside what it allocates for each byte of the file. */
  private static final long FIXED = 4 << 20;

  /** Bytes on the heap for each byte of the file; an empty dict of one byte needs the most. */
  private static final long PER_BYTE = 200;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static {
    // What the first file of a process allocates is classes, not memory that a file asked for.
    try {
      read(zip(PickleAssembler.small())).close();
      read(legacy(PickleAssembler.small())).close();
      read(zip(PickleAssembler.pickle().global("os", "system").stop())).close();
    } catch (TorchFileException e) {
      e.getMessage();
    }
  }

  private Checkpoints() {}

  /** The floats 1, 2, … as bytes. */
  static byte[] floats(int count) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 1; i <= count; i++) {
      bytes.putFloat(i);
    }
    return bytes.array();
  }

  /** An archive with a pickle and storages 0, 1, … */
  static ZipAssembler archive(byte[] pickle, byte[]... storages) {
    ZipAssembler zip = new ZipAssembler();
    zip.add("model/data.pkl", pickle);
    zip.add("model/byteorder", "little");
    for (int key = 0; key < storages.length; key++) {
      zip.add("model/data/" + key, storages[key]);
    }
    zip.add("model/version", "3\n");
    return zip;
  }

  /** A zip checkpoint with four floats in storage 0. */
  static byte[] zip(byte[] pickle) {
    return archive(pickle, floats(4)).bytes();
  }

  /** The first three pickles of the older format. */
  static PickleAssembler legacyHead(int version, boolean little) {
    PickleAssembler head = PickleAssembler.pickle().op(Opcode.LONG1).u1(10);
    head.i8(0xa86a20f9469cfc6cL).u2(0x1950).op(Opcode.STOP);
    head.op(Opcode.PROTO).u1(2).op(Opcode.BININT2).u2(version).op(Opcode.STOP);
    head.op(Opcode.PROTO).u1(2).op(Opcode.EMPTY_DICT, Opcode.MARK).text("little_endian");
    return head.op(little ? Opcode.NEWTRUE : Opcode.NEWFALSE, Opcode.SETITEMS, Opcode.STOP);
  }

  /** A checkpoint of the older format. */
  static PickleAssembler legacy(byte[] pickle, String... keys) {
    PickleAssembler out = legacyHead(1001, true).raw(pickle);
    out.op(Opcode.PROTO).u1(2).op(Opcode.EMPTY_LIST, Opcode.MARK);
    for (String key : keys) {
      out.text(key);
    }
    return out.op(Opcode.APPENDS, Opcode.STOP);
  }

  /** A checkpoint of the older format with four floats in storage 0. */
  static byte[] legacy(byte[] pickle) {
    return legacy(pickle, "0").i8(4).raw(floats(4)).bytes();
  }

  static TorchFile read(byte[] file, TorchFile.Mode mode) throws TorchFileException {
    return TorchFile.read(
        Path.of("hostile.pt"), Arena.ofConfined(), MemorySegment.ofArray(file), mode);
  }

  static TorchFile read(byte[] file) throws TorchFileException {
    return read(file, TorchFile.Mode.PLACEHOLDERS);
  }

  /** Checks that a file is refused for its reason, in words that say so, and in bounded memory. */
  static void assertRefused(byte[] file, Reason reason, String words) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    TorchFileException e = assertThrows(TorchFileException.class, () -> read(file).close(), words);
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertEquals(reason, e.reason(), e.getMessage());
    assertTrue(e.getMessage().contains(words), e.getMessage());
    assertTrue(e.getMessage().startsWith("hostile.pt: "), e.getMessage());
    assertTrue(e.getMessage().length() < 600, e.getMessage());
    assertTrue(
        allocated < FIXED + PER_BYTE * file.length,
        allocated + " bytes were allocated for a file of " + file.length);
  }
}
