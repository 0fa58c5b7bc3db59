package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.Checkpoints.floats;
import static io.github.eqvae.io.torch.Checkpoints.legacy;
import static io.github.eqvae.io.torch.Checkpoints.legacyHead;
import static io.github.eqvae.io.torch.PickleAssembler.pickle;
import static io.github.eqvae.io.torch.PickleAssembler.small;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The format before PyTorch 1.6. */
class TorchLegacyTest {
  /** Two storages, written in another order than the tensors name them. */
  @Test
  void storagesAreFoundByName() throws IOException {
    PickleAssembler object = pickle().op(Opcode.EMPTY_DICT, Opcode.MARK);
    for (String key : List.of("94", "17")) {
      object.text(key).global("torch._utils", "_rebuild_tensor_v2").op(Opcode.MARK);
      object.storage("FloatStorage", key, key.equals("94") ? 2 : 3).integer(0);
      object.tuple(key.equals("94") ? 2 : 3).tuple(1).endTensor();
    }
    byte[] file =
        legacy(object.op(Opcode.SETITEMS).stop(), "17", "94")
            .i8(3)
            .raw(floats(3))
            .i8(2)
            .raw(floats(2))
            .bytes();
    try (TorchFile open = Checkpoints.read(file)) {
      assertEquals(TorchFile.Format.LEGACY, open.format());
      assertArrayEquals(new float[] {1, 2}, open.stateDict().get("94").floats());
      assertArrayEquals(new float[] {1, 2, 3}, open.stateDict().get("17").floats());
    }
  }

  private static PickleAssembler view(long from, long length) {
    PickleAssembler object = pickle().global("torch._utils", "_rebuild_tensor").op(Opcode.MARK);
    object.op(Opcode.MARK).text("storage").global("torch", "FloatStorage").text("0").text("cpu");
    object.integer(4).text("view").integer(from).integer(length).op(Opcode.TUPLE3);
    return object.op(Opcode.TUPLE, Opcode.BINPERSID).integer(1).tuple(2).tuple(1);
  }

  /** Before 0.4 a storage could be a view of another; offsets count from the view. */
  @Test
  void aStorageMayBeAViewOfAnother() throws IOException {
    byte[] file = legacy(view(1, 3).op(Opcode.TUPLE, Opcode.REDUCE).stop());
    try (TorchFile open = Checkpoints.read(file)) {
      TorchTensor tensor = assertInstanceOf(TorchTensor.class, open.root());
      assertArrayEquals(new float[] {3, 4}, tensor.floats());
      assertEquals(12, tensor.storage().byteSize());
    }
  }

  static Stream<Arguments> hostile() {
    Reason storage = Reason.INVALID_STORAGE;
    byte[] data = floats(4);
    return Stream.of(
        Arguments.of(
            "another pickle",
            Reason.NOT_A_TORCH_FILE,
            "not one that torch.save wrote",
            pickle().op(Opcode.NONE).stop()),
        Arguments.of(
            "another version", Reason.VERSION, "1002", legacyHead(1002, true).raw(small()).bytes()),
        Arguments.of(
            "big-endian",
            Reason.BYTE_ORDER,
            "big-endian",
            legacyHead(1001, false).raw(small()).bytes()),
        Arguments.of(
            "a storage in the magic number",
            Reason.INVALID_PICKLE,
            "where only plain values may be",
            pickle().storage("FloatStorage", "0", 4).stop()),
        Arguments.of(
            "code in the magic number",
            Reason.FORBIDDEN_GLOBAL,
            "os.system",
            pickle().global("os", "system").stop()),
        Arguments.of(
            "no byte order", Reason.INVALID_PICKLE, "machine that wrote it", withoutByteOrder()),
        Arguments.of(
            "no list of names",
            storage,
            "does not list the names",
            legacyHead(1001, true).raw(small()).raw(pickle().op(Opcode.NONE).stop()).bytes()),
        Arguments.of(
            "a number for a name",
            storage,
            "is not a string",
            legacyHead(1001, true)
                .raw(small())
                .raw(pickle().op(Opcode.EMPTY_LIST).integer(0).op(Opcode.APPEND).stop())
                .bytes()),
        Arguments.of(
            "no names",
            storage,
            "no bytes for storage \"0\"",
            legacy(small(), new String[0]).bytes()),
        Arguments.of(
            "an unknown name",
            storage,
            "storage \"1\", which no tensor uses",
            legacy(small(), "1").i8(4).raw(data).bytes()),
        Arguments.of(
            "a name twice",
            storage,
            "which came before",
            legacy(small(), "0", "0").i8(4).raw(data).i8(4).raw(data).bytes()),
        Arguments.of(
            "fewer elements than declared",
            storage,
            "has 3 elements, its tensors expect 4",
            legacy(small(), "0").i8(3).raw(data).bytes()),
        Arguments.of(
            "-1 elements",
            storage,
            "has -1 elements",
            legacy(small(), "0").i8(-1).raw(data).bytes()),
        Arguments.of(
            "bytes after the end",
            storage,
            "1 bytes follow the last",
            legacy(small(), "0").i8(4).raw(data).u1(0).bytes()),
        Arguments.of(
            "more elements than the file has",
            storage,
            "more than the file has bytes for",
            legacy(pickle().storage("FloatStorage", "0", 1L << 61).stop())),
        Arguments.of(
            "two types of one storage",
            storage,
            "declared twice",
            legacy(
                pickle()
                    .storage("FloatStorage", "0", 4)
                    .storage("IntStorage", "0", 4)
                    .op(Opcode.TUPLE2)
                    .stop())),
        Arguments.of(
            "a view that is too long", storage, "not inside it", legacy(view(2, 3).bytes())),
        Arguments.of(
            "a view before the start", storage, "not inside it", legacy(view(-1, 2).bytes())),
        Arguments.of(
            "a view that wraps", storage, "not inside it", legacy(view(3, Long.MAX_VALUE).bytes())),
        Arguments.of(
            "a tensor past the end of its view",
            Reason.INVALID_TENSOR,
            "reaches to element 3 of a storage that has 2",
            legacy(view(2, 2).op(Opcode.TUPLE, Opcode.REDUCE).stop())));
  }

  private static byte[] withoutByteOrder() {
    byte[] head = legacyHead(1001, true).bytes();
    // The key is renamed: the last pickle is 2 + 2 + 5 + 13 + 3 bytes, the key begins 9 into it.
    head[head.length - 25 + 9] = 'L';
    return head;
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("hostile")
  void isRefusedForItsReason(String what, Reason reason, String words, byte[] file) {
    Checkpoints.assertRefused(file, reason, words);
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    byte[] good = legacy(small());
    try (TorchFile open = Checkpoints.read(good)) {
      assertArrayEquals(new float[] {1, 2, 3, 4}, open.stateDict().get("w").floats());
    }
    for (int length = 1; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      TorchFileException e =
          assertThrows(TorchFileException.class, () -> Checkpoints.read(cut), "cut at " + length);
      assertEquals(Reason.TRUNCATED, e.reason(), "cut at " + length + ": " + e.getMessage());
    }
  }
}
