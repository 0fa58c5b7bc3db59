package io.github.eqvae.io.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchValue.Placeholder;
import io.github.eqvae.io.torch.TorchValue.PyBigInt;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyBytes;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyName;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import io.github.eqvae.io.torch.TorchValue.PyTuple;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is written is read again, by this library and by others. */
class TorchWriterTest {
  @TempDir Path directory;

  private static byte[] bytes(TorchTensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @EnumSource
  void everyTypeIsReadAgain(TorchDtype dtype) throws IOException {
    Path path = directory.resolve("model.pt");
    byte[] content = new byte[6 * dtype.width()];
    new Random(dtype.ordinal()).nextBytes(content);
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    tensors.put("w", TorchTensor.of(dtype, new long[] {2, 3}, MemorySegment.ofArray(content)));
    tensors.put("scalar", TorchTensor.of(dtype, new long[0], slice(content, dtype.width())));
    tensors.put("none", TorchTensor.of(dtype, new long[] {4, 0}, slice(content, 0)));
    TorchWriter.writeStateDict(path, tensors);
    try (TorchFile file = TorchFile.open(path, TorchFile.Mode.STRICT)) {
      assertEquals(TorchFile.Format.ZIP, file.format());
      Map<String, TorchTensor> read = file.stateDict();
      assertEquals(List.copyOf(tensors.keySet()), List.copyOf(read.keySet()));
      assertEquals(dtype, read.get("w").dtype());
      assertArrayEquals(new long[] {2, 3}, read.get("w").shape());
      assertArrayEquals(content, bytes(read.get("w")));
      assertArrayEquals(new long[0], read.get("scalar").shape());
      assertArrayEquals(Arrays.copyOf(content, dtype.width()), bytes(read.get("scalar")));
      assertArrayEquals(new long[] {4, 0}, read.get("none").shape());
      assertEquals(0, read.get("none").bytes().byteSize());
    }
  }

  private static MemorySegment slice(byte[] content, long length) {
    return MemorySegment.ofArray(content).asSlice(0, length);
  }

  private static PyDict values() {
    Map<String, TorchValue> values = new LinkedHashMap<>();
    values.put("none", PyNone.NONE);
    values.put("true", new PyBool(true));
    values.put("false", new PyBool(false));
    for (long value : new long[] {0, 255, 256, -1, 1L << 31, -(1L << 31), 1L << 62, -(1L << 62)}) {
      values.put("int " + value, new PyInt(value));
    }
    values.put("big", new PyBigInt(BigInteger.TWO.pow(100).negate()));
    values.put("float", new PyFloat(Math.PI));
    values.put("nan", new PyFloat(Double.NaN));
    values.put("größe", new PyStr("\ud83d\ude00 \n \0"));
    values.put("bytes", new PyBytes(new byte[] {0, -1, 'a'}));
    values.put("list", new PyList(List.of(new PyInt(1), new PyList(List.of()))));
    values.put("tuple", new PyTuple(List.of(new PyTuple(List.of()), PyNone.NONE)));
    values.put(
        "dict", new PyDict(List.of(new PyDict.Entry(new PyInt(-5), new PyStr("minus five")))));
    return PyDict.of(values);
  }

  @Test
  void everyValueIsReadAgain() throws IOException {
    Path path = directory.resolve("values.pt");
    TorchWriter.write(path, values());
    try (TorchFile file = TorchFile.open(path)) {
      assertEquals(values(), file.root());
    }
  }

  @Test
  void checkpointsHaveTheWeightsUnderStateDict() throws IOException {
    Path path = directory.resolve("model.ckpt");
    TorchTensor w = TorchTensor.of(new float[] {1, 2}, 2);
    TorchWriter.writeCheckpoint(path, Map.of("w", w), Map.of("epoch", new PyInt(3)));
    try (TorchFile file = TorchFile.open(path)) {
      PyDict root = assertInstanceOf(PyDict.class, file.root());
      assertEquals(new PyInt(3), root.get("epoch").orElseThrow());
      assertInstanceOf(PyDict.class, root.get("state_dict").orElseThrow());
      assertArrayEquals(new float[] {1, 2}, file.stateDict().get("w").floats());
    }
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () ->
                TorchWriter.writeCheckpoint(
                    path, Map.of("w", w), Map.of("state_dict", new PyInt(3))));
    assertTrue(e.getMessage().contains("call it something else"), e.getMessage());
  }

  /** A view is packed; a tensor in two places is written once and read as sharing its storage. */
  @Test
  void viewsArePackedAndSharedTensorsStayShared() throws IOException {
    byte[] transposed =
        PickleAssembler.pickle()
            .op(Opcode.EMPTY_DICT)
            .text("w")
            .tensor(4, 0, new long[] {2, 2}, new long[] {1, 2})
            .op(Opcode.SETITEM)
            .stop();
    Path path = directory.resolve("model.pt");
    try (TorchFile file = Checkpoints.read(Checkpoints.zip(transposed))) {
      TorchTensor view = file.stateDict().get("w");
      assertFalse(view.isContiguous());
      Map<String, TorchTensor> tied = new LinkedHashMap<>();
      tied.put("a", view);
      tied.put("b", view);
      TorchWriter.writeStateDict(path, tied);
    }
    try (TorchFile file = TorchFile.open(path)) {
      TorchTensor a = file.stateDict().get("a");
      assertArrayEquals(new float[] {1, 3, 2, 4}, a.floats());
      assertTrue(a.isContiguous());
      assertEquals(a.storage().address(), file.stateDict().get("b").storage().address());
    }
  }

  @Test
  void theSameValuesGiveTheSameBytes() throws IOException {
    Path first = directory.resolve("first.pt");
    Path second = directory.resolve("second.pt");
    TorchWriter.write(first, values());
    TorchWriter.write(second, values());
    assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
  }

  @Test
  void storagesAreAlignedAndJavaReadsTheArchive() throws IOException {
    Path path = directory.resolve("model.pt");
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < 20; i++) {
      tensors.put("w" + i, TorchTensor.of(new float[] {i, 2, 3}, 3));
    }
    TorchWriter.writeStateDict(path, tensors);
    byte[] whole = Files.readAllBytes(path);
    ZipArchive archive = ZipArchive.read(path, MemorySegment.ofArray(whole));
    try (ZipFile zip = new ZipFile(path.toFile())) {
      assertEquals(23, zip.size());
      for (ZipEntry entry : Collections.list(zip.entries())) {
        ZipArchive.Entry ours = archive.find(entry.getName()).orElseThrow();
        assertEquals(0, ours.begin() % 64, entry.getName());
        byte[] content = zip.getInputStream(entry).readAllBytes();
        assertArrayEquals(
            Arrays.copyOfRange(whole, (int) ours.begin(), (int) (ours.begin() + ours.size())),
            content);
        CRC32 crc = new CRC32();
        crc.update(content);
        assertEquals(crc.getValue(), entry.getCrc());
      }
      assertEquals(
          "3\n",
          new String(
              zip.getInputStream(zip.getEntry("archive/version")).readAllBytes(),
              StandardCharsets.US_ASCII));
      assertNotNull(zip.getEntry("archive/byteorder"));
    }
  }

  /**
   * A storage of 5 GB, followed by a small one: sizes and places beyond 32 bits. The file is a
   * hole, as only its ends are written.
   */
  @Test
  void filesBeyondFourGigabytesAreRead() throws IOException {
    Path path = directory.resolve("huge.pt");
    long large = 5L << 30;
    PickleAssembler pickle = PickleAssembler.pickle().op(Opcode.EMPTY_DICT).text("large");
    pickle.global("torch._utils", "_rebuild_tensor_v2").op(Opcode.MARK);
    pickle.storage("FloatStorage", "0", large / 4).integer(0).tuple(large / 4).tuple(1).endTensor();
    pickle.op(Opcode.SETITEM).text("small");
    pickle.global("torch._utils", "_rebuild_tensor_v2").op(Opcode.MARK);
    pickle.storage("FloatStorage", "1", 4).integer(0).tuple(4).tuple(1).endTensor();
    byte[] object = pickle.op(Opcode.SETITEM).stop();
    ZipRecords records = new ZipRecords();
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(records.header(0, "big/data.pkl", 0, object.length)));
      channel.write(ByteBuffer.wrap(object));
      channel.write(ByteBuffer.wrap(records.header(channel.position(), "big/data/0", 0, large)));
      channel.position(channel.position() + large - 4);
      channel.write(ByteBuffer.wrap(Checkpoints.floats(1)));
      channel.write(ByteBuffer.wrap(records.header(channel.position(), "big/data/1", 0, 16)));
      channel.write(ByteBuffer.wrap(Checkpoints.floats(4)));
      channel.write(ByteBuffer.wrap(records.directory(channel.position())));
    }
    try (TorchFile file = TorchFile.open(path)) {
      TorchTensor tensor = file.stateDict().get("large");
      assertEquals(large, tensor.bytes().byteSize());
      assertEquals(1, tensor.bytes().get(ValueLayout.JAVA_FLOAT_UNALIGNED, large - 4));
      assertEquals(0, tensor.bytes().get(ValueLayout.JAVA_FLOAT_UNALIGNED, large - 8));
      assertArrayEquals(new float[] {1, 2, 3, 4}, file.stateDict().get("small").floats());
      EqvaeException.Argument e = assertThrows(EqvaeException.Argument.class, tensor::longs);
      assertTrue(e.getMessage().contains("expected an integer type"), e.getMessage());
    }
    // Java's reader agrees with the ZIP64 records.
    try (ZipFile zip = new ZipFile(path.toFile())) {
      assertEquals(large, zip.getEntry("big/data/0").getSize());
      assertArrayEquals(
          Checkpoints.floats(4), zip.getInputStream(zip.getEntry("big/data/1")).readAllBytes());
    }
  }

  /** More entries than the end record can count. */
  @Test
  void seventyThousandTensorsAreReadAgain() throws IOException {
    Path path = directory.resolve("many.pt");
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < 70_000; i++) {
      tensors.put("w" + i, TorchTensor.of(new float[] {i}));
    }
    TorchWriter.writeStateDict(path, tensors);
    try (TorchFile file = TorchFile.open(path);
        ZipFile zip = new ZipFile(path.toFile())) {
      assertEquals(70_003, zip.size());
      assertEquals(70_000, file.stateDict().size());
      assertArrayEquals(new float[] {69_999}, file.stateDict().get("w69999").floats());
    }
  }

  @Test
  void whatOthersWouldRefuseIsNotWritten() {
    Path path = directory.resolve("model.pt");
    TorchValue placeholder =
        new Placeholder("a.B", List.of(), PyNone.NONE, List.of(), new PyDict(List.of()));
    TorchValue deep = PyNone.NONE;
    for (int i = 0; i < 300; i++) {
      deep = new PyList(List.of(deep));
    }
    for (TorchValue value :
        List.of(
            placeholder,
            new PyName("torch.float32"),
            deep,
            new PyStr("\ud800"),
            new PyBigInt(BigInteger.TWO.pow(3000)))) {
      assertThrows(EqvaeException.Argument.class, () -> TorchWriter.write(path, value));
      assertFalse(Files.exists(path));
    }
  }

  @Test
  void tensorsOfTheWrongSizeAreRefused() {
    for (long[] shape : new long[][] {{3}, {-2}, {1L << 62, 4}, new long[65]}) {
      EqvaeException.Argument e =
          assertThrows(
              EqvaeException.Argument.class, () -> TorchTensor.of(new float[] {1, 2}, shape));
      assertTrue(e.getMessage().startsWith("a tensor "), e.getMessage());
    }
  }

  @Test
  void floatsAndLongsConvertTheirTypesAndRefuseOthers() {
    TorchTensor half =
        TorchTensor.of(
            TorchDtype.FLOAT16, new long[] {2}, MemorySegment.ofArray(new byte[] {0, 0x3c, 1, 0}));
    assertArrayEquals(new float[] {1, 0x1p-24f}, half.floats());
    TorchTensor brain =
        TorchTensor.of(
            TorchDtype.BFLOAT16,
            new long[] {2},
            MemorySegment.ofArray(new byte[] {(byte) 0x80, 0x3f, 0, (byte) 0xc0}));
    assertArrayEquals(new float[] {1, -2}, brain.floats());
    MemorySegment tenth = MemorySegment.ofArray(new double[] {0.1});
    TorchTensor doubles = TorchTensor.of(TorchDtype.FLOAT64, new long[] {1}, tenth);
    assertArrayEquals(new float[] {0.1f}, doubles.floats());
    EqvaeException.Argument e = assertThrows(EqvaeException.Argument.class, () -> doubles.longs());
    assertTrue(e.getMessage().contains("floats() or bytes()"), e.getMessage());

    MemorySegment bytes = MemorySegment.ofArray(new byte[] {-1, -2, -1, -1, -1, -1, -1, -1});
    Map<TorchDtype, Long> first =
        Map.of(
            TorchDtype.INT8, -1L,
            TorchDtype.UINT8, 255L,
            TorchDtype.BOOL, 1L,
            TorchDtype.INT16, -257L,
            TorchDtype.UINT16, 65279L,
            TorchDtype.INT32, -257L,
            TorchDtype.UINT32, 4294967039L,
            TorchDtype.INT64, -257L);
    first.forEach(
        (dtype, expected) -> {
          TorchTensor tensor = TorchTensor.of(dtype, new long[] {8 / dtype.width()}, bytes);
          assertEquals(expected, tensor.longs()[0], dtype.toString());
          assertThrows(EqvaeException.Argument.class, tensor::floats);
        });
  }
}
