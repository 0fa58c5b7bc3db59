package io.github.eqvae.io.torch;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes pickles instruction by instruction, so that wrong ones can be written too. */
final class PickleAssembler {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Starts with the protocol. */
  static PickleAssembler protocol(int version) {
    return new PickleAssembler().op(Opcode.PROTO).u1(version);
  }

  /** Starts with protocol 2. */
  static PickleAssembler pickle() {
    return protocol(2);
  }

  /** The bytes without an end. */
  byte[] bytes() {
    return out.toByteArray();
  }

  /** The bytes with an end. */
  byte[] stop() {
    return op(Opcode.STOP).bytes();
  }

  PickleAssembler op(Opcode... opcodes) {
    for (Opcode opcode : opcodes) {
      out.write(opcode.code);
    }
    return this;
  }

  PickleAssembler raw(byte... bytes) {
    out.writeBytes(bytes);
    return this;
  }

  PickleAssembler raw(String latin1) {
    return raw(latin1.getBytes(StandardCharsets.ISO_8859_1));
  }

  PickleAssembler u1(int value) {
    return little(value, 1);
  }

  PickleAssembler u2(int value) {
    return little(value, 2);
  }

  PickleAssembler i4(long value) {
    return little(value, 4);
  }

  PickleAssembler i8(long value) {
    return little(value, 8);
  }

  private PickleAssembler little(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >> (8 * i)));
    }
    return this;
  }

  PickleAssembler text(String text) {
    byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
    return op(Opcode.BINUNICODE).i4(encoded.length).raw(encoded);
  }

  PickleAssembler integer(long value) {
    return op(Opcode.LONG1).u1(8).i8(value);
  }

  PickleAssembler tuple(long... values) {
    op(Opcode.MARK);
    for (long value : values) {
      integer(value);
    }
    return op(Opcode.TUPLE);
  }

  PickleAssembler global(String module, String name) {
    return op(Opcode.GLOBAL).raw(module + "\n" + name + "\n");
  }

  PickleAssembler put(int index) {
    return op(Opcode.BINPUT).u1(index);
  }

  PickleAssembler get(int index) {
    return op(Opcode.BINGET).u1(index);
  }

  PickleAssembler storage(String type, String key, long elements) {
    op(Opcode.MARK).text("storage").global("torch", type).text(key).text("cpu").integer(elements);
    return op(Opcode.TUPLE, Opcode.BINPERSID);
  }

  /** Ends the arguments of _rebuild_tensor_v2 after the strides: gradient, hooks, call. */
  PickleAssembler endTensor() {
    op(Opcode.NEWFALSE).global("collections", "OrderedDict");
    return op(Opcode.EMPTY_TUPLE, Opcode.REDUCE, Opcode.TUPLE, Opcode.REDUCE);
  }

  /** A float tensor on storage "0". */
  PickleAssembler tensor(long elements, long offset, long[] shape, long[] strides) {
    global("torch._utils", "_rebuild_tensor_v2").op(Opcode.MARK);
    storage("FloatStorage", "0", elements);
    return integer(offset).tuple(shape).tuple(strides).endTensor();
  }

  /** A dict of one entry, {@code w}: all four floats of storage "0". */
  static byte[] small() {
    return pickle()
        .op(Opcode.EMPTY_DICT)
        .text("w")
        .tensor(4, 0, new long[] {2, 2}, new long[] {2, 1})
        .op(Opcode.SETITEM)
        .stop();
  }
}
