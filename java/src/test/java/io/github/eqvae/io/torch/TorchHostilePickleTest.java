package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.PickleAssembler.pickle;
import static io.github.eqvae.io.torch.PickleAssembler.protocol;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Malformed and oversized pickles: each is refused for its own reason, in bounded memory. */
class TorchHostilePickleTest {
  private static Arguments hostile(String what, Reason reason, String words, byte[] pickle) {
    return Arguments.of(what, reason, words, pickle);
  }

  static Stream<Arguments> structure() {
    Reason invalid = Reason.INVALID_PICKLE;
    Reason cut = Reason.TRUNCATED;
    Reason limit = Reason.LIMIT_EXCEEDED;
    return Stream.of(
        hostile("empty", cut, "claims 1 bytes", new byte[0]),
        hostile("protocol 0", invalid, "does not begin with a protocol", new byte[] {'N', '.'}),
        hostile("protocol 1", Reason.VERSION, "protocol is 1", protocol(1).op(Opcode.NONE).stop()),
        hostile("protocol 6", Reason.VERSION, "protocol is 6", protocol(6).op(Opcode.NONE).stop()),
        hostile(
            "a second protocol",
            Reason.FORBIDDEN_OPCODE,
            "PROTO",
            pickle().op(Opcode.PROTO).u1(2).stop()),
        hostile("no instruction", invalid, "0xff", pickle().raw((byte) 0xff).stop()),
        hostile("no end", cut, "the next instruction", pickle().op(Opcode.NONE).bytes()),
        hostile("nothing to return", invalid, "STOP needs an object", pickle().stop()),
        hostile(
            "two results", invalid, "1 objects more", pickle().op(Opcode.NONE, Opcode.NONE).stop()),
        hostile(
            "an open mark",
            invalid,
            "STOP needs an object",
            pickle().op(Opcode.NONE, Opcode.MARK).stop()),
        hostile(
            "an open mark below the result",
            invalid,
            "more than its result",
            pickle().op(Opcode.MARK, Opcode.NONE).stop()),
        hostile(
            "bytes after the end",
            invalid,
            "follow the end",
            pickle().op(Opcode.NONE, Opcode.STOP).raw("x").bytes()),
        hostile("no mark", invalid, "TUPLE needs a mark", pickle().op(Opcode.TUPLE).stop()),
        hostile(
            "popping through a mark",
            invalid,
            "POP needs an object",
            pickle().op(Opcode.NONE, Opcode.MARK, Opcode.POP).stop()),
        hostile("DUP of nothing", invalid, "DUP needs an object", pickle().op(Opcode.DUP).stop()),
        hostile("memo of nothing", invalid, "BINPUT needs an object", pickle().put(0).stop()),
        hostile("memo not set", invalid, "entry 7, which was not set", pickle().get(7).stop()),
        hostile(
            "memo not set, largest index",
            invalid,
            "entry 4294967295",
            pickle().op(Opcode.LONG_BINGET).i4(-1).stop()),
        hostile(
            "append to a tuple",
            Reason.FORBIDDEN_CALL,
            "expected a list",
            pickle().op(Opcode.EMPTY_TUPLE, Opcode.NONE, Opcode.APPEND).stop()),
        hostile(
            "an item of a list",
            Reason.FORBIDDEN_CALL,
            "expected a dict",
            pickle().op(Opcode.EMPTY_LIST, Opcode.NONE, Opcode.NONE, Opcode.SETITEM).stop()),
        hostile(
            "a key without a value",
            invalid,
            "without a value",
            pickle().op(Opcode.EMPTY_DICT, Opcode.MARK, Opcode.NONE, Opcode.SETITEMS).stop()),
        hostile(
            "a list as a key",
            invalid,
            "a key of a dict is a list",
            pickle().op(Opcode.EMPTY_DICT, Opcode.EMPTY_LIST, Opcode.NONE, Opcode.SETITEM).stop()),
        hostile(
            "a key twice",
            invalid,
            "the key \"w\" twice",
            pickle()
                .op(Opcode.EMPTY_DICT)
                .text("w")
                .op(Opcode.NONE, Opcode.SETITEM)
                .text("w")
                .op(Opcode.NONE, Opcode.SETITEM)
                .stop()),
        hostile(
            "text that is not UTF-8",
            invalid,
            "not UTF-8",
            pickle().op(Opcode.BINUNICODE).i4(1).raw((byte) 0xff).stop()),
        hostile(
            "text of 4 GB",
            cut,
            "BINUNICODE claims 4294967295",
            pickle().op(Opcode.BINUNICODE).i4(-1).stop()),
        hostile(
            "text of 2^62 bytes",
            cut,
            "BINUNICODE8 claims 4611686018427387904",
            protocol(4).op(Opcode.BINUNICODE8).i8(1L << 62).stop()),
        hostile(
            "text of 2^63 bytes",
            invalid,
            "BINUNICODE8 has a negative size",
            protocol(4).op(Opcode.BINUNICODE8).i8(Long.MIN_VALUE).stop()),
        hostile(
            "bytes of 2^62 bytes",
            cut,
            "BINBYTES8 claims",
            protocol(4).op(Opcode.BINBYTES8).i8(1L << 62).stop()),
        hostile(
            "a byte array of -1",
            invalid,
            "BYTEARRAY8 has a negative size",
            protocol(5).op(Opcode.BYTEARRAY8).i8(-1).stop()),
        hostile(
            "bytes of 4 GB", cut, "BINBYTES claims", protocol(3).op(Opcode.BINBYTES).i4(-1).stop()),
        hostile(
            "a string of -1",
            invalid,
            "BINSTRING has a negative size",
            pickle().op(Opcode.BINSTRING).i4(-1).stop()),
        hostile(
            "an integer of 2 GB",
            limit,
            "LONG4 has 2147483647",
            pickle().op(Opcode.LONG4).i4(Integer.MAX_VALUE).stop()),
        hostile(
            "an integer of -1 bytes",
            invalid,
            "LONG4 has a negative size",
            pickle().op(Opcode.LONG4).i4(-1).stop()),
        hostile(
            "a frame past the end",
            cut,
            "FRAME claims 99",
            protocol(4).op(Opcode.FRAME).i8(99).stop()),
        hostile(
            "a frame of 2^64 - 1",
            cut,
            "FRAME claims 18446744073709551615",
            protocol(4).op(Opcode.FRAME).i8(-1).stop()),
        hostile(
            "a name without an end",
            cut,
            "does not end",
            pickle().op(Opcode.GLOBAL).raw("os").bytes()),
        hostile(
            "a name of a megabyte",
            limit,
            "longer than 256",
            pickle().op(Opcode.GLOBAL).raw("o".repeat(1 << 20)).stop()),
        hostile(
            "a list in itself",
            Reason.CYCLE,
            "a list contains itself",
            pickle().op(Opcode.EMPTY_LIST).put(0).get(0).op(Opcode.APPEND).stop()),
        hostile(
            "a dict in a tuple in itself",
            Reason.CYCLE,
            "contains itself",
            pickle()
                .op(Opcode.EMPTY_DICT)
                .put(0)
                .text("self")
                .get(0)
                .op(Opcode.TUPLE1, Opcode.SETITEM)
                .stop()),
        hostile("a thousand lists in each other", limit, "deeper than 256", nested()),
        hostile("laughs by memo", limit, "unfold to more than", laughs(false)),
        hostile("laughs by DUP", limit, "unfold to more than", laughs(true)),
        hostile("three million dicts", limit, "more than 2097152 objects", many('}')),
        hostile("three million marks", limit, "more than 2097152 objects", many('(')),
        hostile("three million Nones", limit, "more than 2097152 objects", many('N')),
        hostile("three million DUPs", limit, "more than 2097152 objects", many('2')),
        hostile("a memo entry for every number", limit, "more than 2097152 objects", memo()),
        hostile("a set copied again and again", limit, "more than 2097152 objects", copies()),
        hostile("bytes made again and again", limit, "again and again", encodings()));
  }

  private static byte[] nested() {
    PickleAssembler out = pickle();
    for (int i = 0; i < 1000; i++) {
      out.op(Opcode.EMPTY_LIST);
    }
    for (int i = 1; i < 1000; i++) {
      out.op(Opcode.APPEND);
    }
    return out.stop();
  }

  /** Lists of ten of the one before: a few hundred bytes for 10^30 values. */
  private static byte[] laughs(boolean dup) {
    PickleAssembler out = pickle().op(Opcode.NONE).put(0);
    for (int level = 0; level < 30; level++) {
      out.op(Opcode.MARK);
      for (int i = 0; i < 10; i++) {
        if (dup && i > 0) {
          out.op(Opcode.DUP);
        } else {
          out.get(0);
        }
      }
      out.op(Opcode.TUPLE).put(0);
    }
    PickleAssembler popped = out.op(Opcode.MARK).get(0).op(Opcode.TUPLE);
    // Only the last is the result; those below it go.
    return popped.put(1).op(Opcode.POP).raw("0".repeat(31)).get(1).stop();
  }

  private static byte[] many(char opcode) {
    byte[] bytes = new byte[3_000_000];
    Arrays.fill(bytes, (byte) opcode);
    return pickle().op(Opcode.NONE).raw(bytes).stop();
  }

  private static byte[] memo() {
    PickleAssembler out = pickle().op(Opcode.NONE);
    for (int i = 0; i < 2_200_000; i++) {
      out.op(Opcode.LONG_BINPUT).i4(i * 2_000_003L);
    }
    return out.stop();
  }

  private static byte[] copies() {
    PickleAssembler out = pickle().global("__builtin__", "set").put(0);
    out.op(Opcode.EMPTY_LIST, Opcode.MARK).raw("N".repeat(100_000)).op(Opcode.APPENDS);
    out.op(Opcode.TUPLE1).put(1);
    for (int i = 0; i < 1000; i++) {
      out.get(0).get(1).op(Opcode.REDUCE);
    }
    return out.stop();
  }

  private static byte[] encodings() {
    PickleAssembler out = pickle().global("_codecs", "encode").put(0);
    out.text("x".repeat(100_000)).text("latin1").op(Opcode.TUPLE2).put(1);
    for (int i = 0; i < 1000; i++) {
      out.get(0).get(1).op(Opcode.REDUCE);
    }
    return out.stop();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("structure")
  void isRefusedForItsReason(String what, Reason reason, String words, byte[] pickle) {
    Checkpoints.assertRefused(Checkpoints.zip(pickle), reason, words);
  }

  /** Keys with one hash value must not take quadratic time. */
  @Test
  void collidingKeysDoNotTakeLong() throws Exception {
    PickleAssembler out = pickle().op(Opcode.EMPTY_DICT, Opcode.MARK);
    for (int i = 0; i < 1 << 16; i++) {
      // "Aa" and "BB" have one hash code, and so have all strings made of them.
      StringBuilder key = new StringBuilder();
      for (int bit = 0; bit < 16; bit++) {
        key.append((i >> bit & 1) == 0 ? "Aa" : "BB");
      }
      out.text(key.toString()).op(Opcode.NONE);
      // So have integers whose halves are equal.
      out.integer((long) i << 32 | i).op(Opcode.NONE);
    }
    byte[] file = Checkpoints.zip(out.op(Opcode.SETITEMS).stop());
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long start = threads.getCurrentThreadCpuTime(); // others may keep the machine busy
    try (TorchFile open = Checkpoints.read(file)) {
      assertTrue(open.root() instanceof TorchValue.PyDict dict && dict.entries().size() == 1 << 17);
    }
    double seconds = (threads.getCurrentThreadCpuTime() - start) / 1e9;
    assertTrue(seconds < 20, seconds + " s");
  }
}
