package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.PickleAssembler.pickle;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tensors and storages that cannot be: each is refused for its own reason. */
class TorchHostileTensorTest {
  private static final long[] TWO = {2, 2};
  private static final long[] DENSE = {2, 1};

  private static Arguments hostile(String what, Reason reason, String words, byte[] pickle) {
    return Arguments.of(what, reason, words, pickle);
  }

  static Stream<Arguments> tensors() {
    Reason tensor = Reason.INVALID_TENSOR;
    Reason storage = Reason.INVALID_STORAGE;
    long max = Long.MAX_VALUE;
    return Stream.of(
        hostile(
            "one row more",
            tensor,
            "reaches to element 6 of a storage that has 4",
            of(4, 0, new long[] {3, 2}, DENSE)),
        hostile("offset past the end", tensor, "reaches to element 5", of(4, 1, TWO, DENSE)),
        hostile("offset of -1", tensor, "offset is negative: -1", of(4, -1, TWO, DENSE)),
        hostile("offset of 2^63 - 1", tensor, "overflow", of(4, max, TWO, DENSE)),
        hostile(
            "dimension of -2",
            tensor,
            "a dimension is negative: -2",
            of(4, 0, new long[] {-2, -2}, DENSE)),
        hostile(
            "stride of -1", tensor, "a stride is negative: -1", of(4, 3, TWO, new long[] {2, -1})),
        hostile(
            "2^32 times 2^32",
            tensor,
            "overflow",
            of(4, 0, new long[] {1L << 32, 1L << 32}, new long[] {0, 0})),
        hostile(
            "2^63 elements hidden by none",
            tensor,
            "overflow",
            of(4, 0, new long[] {0, max, max}, new long[] {0, 0, 0})),
        hostile(
            "stride that wraps to the start",
            tensor,
            "overflow",
            of(4, 0, new long[] {3, 2}, new long[] {1L << 62, 1})),
        hostile(
            "stride that wraps to -1",
            tensor,
            "overflow",
            of(4, 0, new long[] {5, 2}, new long[] {max, 1})),
        hostile(
            "a billion from one",
            tensor,
            "repeats a storage of 4 elements",
            of(4, 0, new long[] {1_000_000_000}, new long[] {0})),
        hostile(
            "fewer strides than dimensions",
            tensor,
            "2 dimensions and 1 strides",
            of(4, 0, TWO, new long[] {1})),
        hostile(
            "65 dimensions", tensor, "at most 64 integers", of(4, 0, new long[65], new long[65])),
        hostile(
            "a shape of strings",
            tensor,
            "are not a tuple of at most",
            pickle()
                .global("torch._utils", "_rebuild_tensor_v2")
                .op(Opcode.MARK)
                .storage("FloatStorage", "0", 4)
                .integer(0)
                .text("2")
                .op(Opcode.TUPLE1)
                .tuple(1)
                .endTensor()
                .stop()),
        hostile(
            "no storage",
            tensor,
            "made of 0, expected a storage",
            pickle()
                .global("torch._utils", "_rebuild_tensor_v2")
                .op(Opcode.MARK)
                .integer(0)
                .integer(0)
                .tuple(2)
                .tuple(1)
                .endTensor()
                .stop()),
        hostile(
            "three arguments",
            Reason.FORBIDDEN_CALL,
            "called with 3 arguments",
            pickle()
                .global("torch._utils", "_rebuild_tensor")
                .storage("FloatStorage", "0", 4)
                .integer(0)
                .tuple(4)
                .op(Opcode.TUPLE3, Opcode.REDUCE)
                .stop()),
        hostile(
            "a parameter of a list",
            Reason.FORBIDDEN_CALL,
            "called with a list",
            pickle()
                .global("torch._utils", "_rebuild_parameter")
                .op(Opcode.EMPTY_LIST, Opcode.NEWTRUE, Opcode.EMPTY_DICT, Opcode.TUPLE3)
                .op(Opcode.REDUCE)
                .stop()),
        hostile(
            "a storage that is not there",
            Reason.MISSING_ENTRY,
            "storage \"7\"",
            pickle().storage("FloatStorage", "7", 4).stop()),
        hostile(
            "a storage outside its folder",
            Reason.MISSING_ENTRY,
            "storage \"../data.pkl\"",
            pickle().storage("FloatStorage", "../data.pkl", 4).stop()),
        hostile(
            "more elements than the entry",
            storage,
            "declares 5 elements of float32",
            pickle().storage("FloatStorage", "0", 5).stop()),
        hostile(
            "wider elements than the entry",
            storage,
            "declares 4 elements of float64",
            pickle().storage("DoubleStorage", "0", 4).stop()),
        hostile(
            "2^62 elements",
            storage,
            "declares 4611686018427387904",
            pickle().storage("FloatStorage", "0", 1L << 62).stop()),
        hostile(
            "-1 elements",
            storage,
            "declares -1 elements",
            pickle().storage("FloatStorage", "0", -1).stop()),
        hostile(
            "two types of one storage",
            storage,
            "declared twice",
            pickle()
                .storage("FloatStorage", "0", 4)
                .storage("IntStorage", "0", 4)
                .op(Opcode.TUPLE2)
                .stop()),
        hostile(
            "two sizes of one storage",
            storage,
            "declared twice",
            pickle()
                .storage("FloatStorage", "0", 4)
                .storage("FloatStorage", "0", 3)
                .op(Opcode.TUPLE2)
                .stop()),
        hostile(
            "a storage of a dtype",
            storage,
            "expected a storage class",
            pickle().storage("float32", "0", 4).stop()),
        hostile(
            "a persistent module",
            storage,
            "save its state_dict",
            pickle()
                .op(Opcode.MARK)
                .text("module")
                .global("torch", "FloatStorage")
                .text("0")
                .text("cpu")
                .integer(4)
                .op(Opcode.TUPLE, Opcode.BINPERSID)
                .stop()),
        hostile(
            "a persistent string",
            storage,
            "not described as a storage",
            pickle().text("0").op(Opcode.BINPERSID).stop()),
        hostile(
            "a storage's name of a megabyte",
            storage,
            "has 1000000 characters",
            pickle().storage("FloatStorage", "0".repeat(1_000_000), 4).stop()));
  }

  private static byte[] of(long elements, long offset, long[] shape, long[] strides) {
    return pickle().tensor(elements, offset, shape, strides).stop();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("tensors")
  void isRefusedForItsReason(String what, Reason reason, String words, byte[] pickle) {
    Checkpoints.assertRefused(Checkpoints.zip(pickle), reason, words);
  }
}
