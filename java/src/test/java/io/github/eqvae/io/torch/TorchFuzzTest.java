package io.github.eqvae.io.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.eqvae.testing.Results;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files made by changing good ones: each opens or is refused, soon and in bounded memory; nothing
 * else comes out. {@code -Deqvae.torch.fuzz=100000} sets the number of cases, {@code
 * -Deqvae.torch.fuzz.seed=2} gives others, {@code -Deqvae.fuzz.out=FILE} keeps the figures.
 */
class TorchFuzzTest {
  private static final int CASES = Integer.getInteger("eqvae.torch.fuzz", 20_000);
  private static final long SEED = Long.getLong("eqvae.torch.fuzz.seed", 1);

  /** The files are of a few kilobytes; what the reader may allocate for one. */
  private static final long MEMORY = 4 << 20;

  private static final double SECONDS = 5;

  @TempDir Path directory;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private int opened;
  private int refused;

  /** A pickle with something of everything. */
  private static byte[] pickle() {
    PickleAssembler out = PickleAssembler.pickle().op(Opcode.EMPTY_DICT).put(0);
    out.op(Opcode.MARK).text("epoch").op(Opcode.BININT).i4(70_000);
    out.text("lr").op(Opcode.BINFLOAT).raw("?\u00f0\0\0\0\0\0\0").text("n").integer(1L << 40);
    out.text("list").op(Opcode.EMPTY_LIST, Opcode.MARK, Opcode.NONE, Opcode.NEWTRUE);
    out.op(Opcode.APPENDS).put(2).text("again").get(2).text("b").op(Opcode.BININT1).u1(9);
    out.text("size").global("torch", "Size").tuple(1, 2).op(Opcode.TUPLE1, Opcode.REDUCE);
    out.text("args").global("argparse", "Namespace").op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ);
    out.op(Opcode.EMPTY_DICT).text("x").op(Opcode.NONE, Opcode.SETITEM, Opcode.BUILD);
    out.text("raw").global("_codecs", "encode").text("abc").text("latin1");
    out.op(Opcode.TUPLE2, Opcode.REDUCE).text("state_dict").global("collections", "OrderedDict");
    out.op(Opcode.EMPTY_TUPLE, Opcode.REDUCE).op(Opcode.MARK);
    out.text("a").tensor(4, 0, new long[] {2, 2}, new long[] {2, 1});
    out.text("b").tensor(4, 1, new long[] {2}, new long[] {2});
    out.text("c").global("torch._utils", "_rebuild_parameter");
    out.tensor(4, 0, new long[] {2, 2}, new long[] {1, 2}).op(Opcode.NEWTRUE, Opcode.EMPTY_DICT);
    out.op(Opcode.TUPLE3, Opcode.REDUCE).text("d").global("torch._utils", "_rebuild_tensor");
    out.op(Opcode.MARK).storage("HalfStorage", "1", 6).integer(0).tuple(3, 2).tuple(1, 3);
    out.op(Opcode.TUPLE, Opcode.REDUCE, Opcode.SETITEMS, Opcode.SETITEMS);
    return out.stop();
  }

  @Test
  void mutationsNeverEscape() throws IOException {
    byte[] pickle = pickle();
    byte[] halves = new byte[12];
    byte[] zip = Checkpoints.archive(pickle, Checkpoints.floats(4), halves).bytes();
    byte[] legacy =
        Checkpoints.legacy(pickle, "1", "0")
            .i8(6)
            .raw(halves)
            .i8(4)
            .raw(Checkpoints.floats(4))
            .bytes();
    use(zip, "the good archive", false);
    use(legacy, "the good older file", false);
    assertTrue(opened == 2, "the good files are refused");
    long start = System.nanoTime();
    Random random = new Random(SEED);
    for (int i = 0; i < CASES; i++) {
      byte[] file =
          switch (i % 4) {
            case 0 -> mutate(zip, random);
            case 1 -> mutate(legacy, random);
            // Around a changed pickle all is well: the faults are the unpickler's alone.
            case 2 ->
                Checkpoints.archive(mutate(pickle, random), Checkpoints.floats(4), halves).bytes();
            default -> Checkpoints.archive(program(random), Checkpoints.floats(4), halves).bytes();
          };
      use(file, "case " + i + " of seed " + SEED, i % 100 == 0);
    }
    Results.say(
        "eqvae.fuzz.out",
        "{\"run\": \"fuzz\", \"parser\": \"torch checkpoints\", \"seed\": %d, \"cases\": %d,"
            + " \"opened\": %d, \"refused\": %d, \"seconds\": %.1f}",
        SEED,
        CASES,
        opened,
        refused,
        (System.nanoTime() - start) * 1e-9);
    assertTrue(
        opened > CASES / 100 && refused > CASES / 2, opened + " opened, " + refused + " refused");
  }

  private static byte[] mutate(byte[] good, Random random) {
    List<Byte> bytes = new ArrayList<>(good.length + 64);
    for (byte b : good) {
      bytes.add(b);
    }
    for (int change = random.nextInt(4); change >= 0; change--) {
      int at = random.nextInt(bytes.size());
      switch (random.nextInt(8)) {
        case 0 -> bytes.set(at, (byte) random.nextInt(256));
        case 1 -> bytes.set(at, (byte) (bytes.get(at) ^ 1 << random.nextInt(8)));
        case 2 -> bytes.set(at, random.nextBoolean() ? (byte) 0xff : (byte) 0x7f);
        case 3 -> bytes.set(at, opcode(random));
        case 4 -> bytes.add(at, opcode(random));
        case 5 -> bytes.remove(at);
        case 6 -> {
          int length = Math.min(random.nextInt(40), bytes.size() - at);
          List<Byte> part = new ArrayList<>(bytes.subList(at, at + length));
          bytes.addAll(random.nextInt(bytes.size()), part);
        }
        default -> {
          int length = Math.min(random.nextInt(20), bytes.size() - at - 1);
          bytes.subList(at, at + length).clear();
        }
      }
    }
    byte[] out = new byte[bytes.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = bytes.get(i);
    }
    return out;
  }

  private static byte opcode(Random random) {
    Opcode[] all = Opcode.values();
    return (byte) all[random.nextInt(all.length)].code;
  }

  /** A pickle of random instructions that mostly have what they need. */
  private static byte[] program(Random random) {
    PickleAssembler out = PickleAssembler.protocol(2 + random.nextInt(4));
    int length = 3 + random.nextInt(60);
    for (int i = 0; i < length; i++) {
      switch (random.nextInt(22)) {
        case 0 -> out.text("w" + random.nextInt(5));
        case 1 -> out.integer(random.nextLong() >> random.nextInt(64));
        case 2 -> out.op(Opcode.EMPTY_DICT);
        case 3 -> out.op(Opcode.EMPTY_LIST);
        case 4 -> out.op(Opcode.MARK);
        case 5 -> out.put(random.nextInt(4));
        case 6, 7 -> out.get(random.nextInt(4));
        case 8 -> out.op(Opcode.TUPLE);
        case 9 -> out.op(Opcode.TUPLE1);
        case 10 -> out.op(Opcode.TUPLE2);
        case 11 -> out.op(Opcode.APPEND);
        case 12 -> out.op(Opcode.SETITEM);
        case 13 -> out.op(Opcode.REDUCE);
        case 14 -> out.op(Opcode.BUILD);
        case 15 -> out.op(Opcode.NEWOBJ);
        case 16 -> out.global("collections", "OrderedDict").op(Opcode.EMPTY_TUPLE);
        case 17 -> out.global("argparse", "Namespace").op(Opcode.EMPTY_TUPLE);
        case 18 -> out.storage("FloatStorage", "0", random.nextInt(6));
        case 19 ->
            out.tensor(
                4,
                random.nextInt(3),
                new long[] {random.nextInt(4), random.nextInt(3)},
                new long[] {random.nextInt(4), random.nextInt(3)});
        case 20 -> out.raw(opcode(random));
        default -> out.op(Opcode.DUP);
      }
    }
    // Whatever is left becomes one tuple, so that some of these open.
    return random.nextBoolean()
        ? out.stop()
        : PickleAssembler.pickle()
            .op(Opcode.MARK)
            .raw(Arrays.copyOfRange(out.bytes(), 2, out.bytes().length))
            .op(Opcode.TUPLE)
            .stop();
  }

  private void use(byte[] bytes, String what, boolean onDisk) throws IOException {
    long allocated = threads.getCurrentThreadAllocatedBytes();
    long start = threads.getCurrentThreadCpuTime(); // others may keep the machine busy
    try (TorchFile file = onDisk ? open(bytes) : Checkpoints.read(bytes)) {
      walk(file.root());
      opened++;
    } catch (TorchFileException e) {
      refused++;
    } catch (RuntimeException | Error e) {
      throw new AssertionError(what + " gives " + e + ": " + HexFormat.of().formatHex(bytes), e);
    }
    allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
    double seconds = (threads.getCurrentThreadCpuTime() - start) / 1e9;
    assertTrue(allocated < MEMORY, what + " allocates " + allocated + " bytes");
    assertTrue(seconds < SECONDS, what + " takes " + seconds + " s");
  }

  private TorchFile open(byte[] bytes) throws IOException {
    return TorchFile.open(Files.write(directory.resolve("mutant.pt"), bytes));
  }

  /** Uses a value as a caller might: everything in it, and every element of every tensor. */
  private static void walk(TorchValue value) {
    value.hashCode();
    switch (value) {
      case TorchTensor tensor -> {
        switch (tensor.dtype()) {
          case FLOAT16, BFLOAT16, FLOAT32, FLOAT64 -> tensor.floats();
          default -> tensor.bytes();
        }
      }
      case TorchValue.PyList list -> list.values().forEach(TorchFuzzTest::walk);
      case TorchValue.PyTuple tuple -> tuple.values().forEach(TorchFuzzTest::walk);
      case TorchValue.PyDict dict ->
          dict.entries()
              .forEach(
                  entry -> {
                    walk(entry.key());
                    walk(entry.value());
                  });
      case TorchValue.Placeholder placeholder -> {
        placeholder.arguments().forEach(TorchFuzzTest::walk);
        placeholder.items().forEach(TorchFuzzTest::walk);
        walk(placeholder.entries());
        walk(placeholder.state());
      }
      default -> value.toString();
    }
  }
}
