package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.PickleAssembler.pickle;
import static io.github.eqvae.io.torch.PickleAssembler.protocol;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchFileException.Reason;
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
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What checkpoints hold, as every protocol writes it. */
class TorchValuesTest {
  private static TorchValue root(byte[] pickle) throws IOException {
    try (TorchFile file = Checkpoints.read(Checkpoints.zip(pickle))) {
      return file.root();
    }
  }

  private static Arguments value(TorchValue expected, PickleAssembler pickle) {
    return Arguments.of(expected, pickle.stop());
  }

  private static PickleAssembler numpy(String dtype, String order, byte... bytes) {
    PickleAssembler out = pickle().global("numpy.core.multiarray", "scalar");
    out.global("numpy", "dtype").text(dtype).op(Opcode.NEWFALSE, Opcode.NEWTRUE, Opcode.TUPLE3);
    out.op(Opcode.REDUCE, Opcode.MARK).integer(3).text(order).op(Opcode.NONE);
    out.op(Opcode.TUPLE, Opcode.BUILD).global("_codecs", "encode");
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      text.append((char) (b & 0xff));
    }
    out.text(text.toString()).text("latin1").op(Opcode.TUPLE2, Opcode.REDUCE);
    return out.op(Opcode.TUPLE2, Opcode.REDUCE);
  }

  static Stream<Arguments> values() {
    byte[] bytes = {1, (byte) 0xe9};
    return Stream.of(
        value(PyNone.NONE, pickle().op(Opcode.NONE)),
        value(new PyBool(true), pickle().op(Opcode.NEWTRUE)),
        value(new PyBool(false), pickle().op(Opcode.NEWFALSE)),
        value(new PyInt(-2), pickle().op(Opcode.BININT).i4(-2)),
        value(new PyInt(254), pickle().op(Opcode.BININT1).u1(254)),
        value(new PyInt(65534), pickle().op(Opcode.BININT2).u2(65534)),
        value(new PyInt(0), pickle().op(Opcode.LONG1).u1(0)),
        value(new PyInt(-129), pickle().op(Opcode.LONG1).u1(2).raw((byte) 0x7f, (byte) 0xff)),
        value(new PyInt(Long.MAX_VALUE), pickle().integer(Long.MAX_VALUE)),
        value(new PyInt(5), pickle().op(Opcode.LONG4).i4(1).u1(5)),
        value(
            new PyBigInt(BigInteger.ONE.shiftLeft(63)),
            pickle().op(Opcode.LONG1).u1(9).i8(Long.MIN_VALUE).u1(0)),
        value(
            new PyFloat(1.5),
            pickle().op(Opcode.BINFLOAT).raw((byte) 0x3f, (byte) 0xf8).raw("\0".repeat(6))),
        value(new PyStr("größe"), pickle().text("größe")),
        value(new PyStr("ab"), protocol(4).op(Opcode.SHORT_BINUNICODE).u1(2).raw("ab")),
        value(new PyStr("ab"), protocol(4).op(Opcode.BINUNICODE8).i8(2).raw("ab")),
        value(new PyStr("ab"), pickle().op(Opcode.SHORT_BINSTRING).u1(2).raw("ab")),
        value(new PyBytes(bytes), pickle().op(Opcode.BINSTRING).i4(2).raw(bytes)),
        value(new PyBytes(bytes), protocol(3).op(Opcode.BINBYTES).i4(2).raw(bytes)),
        value(new PyBytes(bytes), protocol(3).op(Opcode.SHORT_BINBYTES).u1(2).raw(bytes)),
        value(new PyBytes(bytes), protocol(4).op(Opcode.BINBYTES8).i8(2).raw(bytes)),
        value(new PyBytes(bytes), protocol(5).op(Opcode.BYTEARRAY8).i8(2).raw(bytes)),
        value(
            new PyBytes(bytes),
            pickle()
                .global("_codecs", "encode")
                .text("\u0001é")
                .text("latin1")
                .op(Opcode.TUPLE2, Opcode.REDUCE)),
        value(
            new PyBytes(new byte[0]),
            pickle().global("__builtin__", "bytes").op(Opcode.EMPTY_TUPLE, Opcode.REDUCE)),
        value(new PyTuple(List.of()), pickle().op(Opcode.EMPTY_TUPLE)),
        value(new PyTuple(List.of(PyNone.NONE)), pickle().op(Opcode.NONE, Opcode.TUPLE1)),
        value(
            new PyTuple(List.of(new PyInt(2), new PyInt(3))),
            pickle().global("torch", "Size").tuple(2, 3).op(Opcode.TUPLE1, Opcode.REDUCE)),
        value(
            new PyList(List.of(PyNone.NONE, PyNone.NONE)),
            pickle()
                .op(
                    Opcode.EMPTY_LIST,
                    Opcode.NONE,
                    Opcode.APPEND,
                    Opcode.MARK,
                    Opcode.NONE,
                    Opcode.APPENDS)),
        value(new PyList(List.of(PyNone.NONE)), pickle().op(Opcode.MARK, Opcode.NONE, Opcode.LIST)),
        value(
            new PyList(List.of(new PyInt(1))),
            protocol(4).op(Opcode.EMPTY_SET, Opcode.MARK).integer(1).op(Opcode.ADDITEMS)),
        value(
            new PyList(List.of(new PyInt(1))),
            protocol(4).op(Opcode.MARK).integer(1).op(Opcode.FROZENSET)),
        value(
            new PyList(List.of(new PyInt(1))),
            pickle()
                .global("__builtin__", "set")
                .op(Opcode.EMPTY_LIST)
                .integer(1)
                .op(Opcode.APPEND, Opcode.TUPLE1, Opcode.REDUCE)),
        value(
            dict(new PyInt(7), new PyBool(true)),
            pickle().op(Opcode.MARK).integer(7).op(Opcode.NEWTRUE, Opcode.DICT)),
        value(
            dict(new PyStr("k"), PyNone.NONE),
            pickle()
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_TUPLE, Opcode.REDUCE)
                .text("k")
                .op(Opcode.NONE, Opcode.SETITEM, Opcode.EMPTY_DICT)
                .text("_metadata")
                .op(Opcode.NONE, Opcode.SETITEM, Opcode.BUILD)),
        // Python 2 wrote an OrderedDict as a list of lists.
        value(
            dict(new PyStr("k"), PyNone.NONE),
            pickle()
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_LIST, Opcode.EMPTY_LIST, Opcode.MARK)
                .text("k")
                .op(Opcode.NONE, Opcode.APPENDS, Opcode.APPEND, Opcode.TUPLE1, Opcode.REDUCE)),
        value(
            dict(new PyInt(3), new PyInt(4)),
            pickle()
                .global("collections", "Counter")
                .op(Opcode.EMPTY_DICT)
                .integer(3)
                .integer(4)
                .op(Opcode.SETITEM, Opcode.TUPLE1, Opcode.REDUCE)),
        value(
            dict(new PyStr("k"), PyNone.NONE),
            pickle()
                .global("collections", "defaultdict")
                .global("__builtin__", "list")
                .op(Opcode.TUPLE1, Opcode.REDUCE)
                .text("k")
                .op(Opcode.NONE, Opcode.SETITEM)),
        value(new PyName("torch.bfloat16"), pickle().global("torch", "bfloat16")),
        value(new PyFloat(1.5), numpy("f8", "<", new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf8, 0x3f})),
        value(new PyFloat(1.5), numpy("f4", ">", new byte[] {0x3f, (byte) 0xc0, 0, 0})),
        value(new PyFloat(1), numpy("f2", "<", new byte[] {0, 0x3c})),
        value(new PyInt(-1), numpy("i8", "<", new byte[] {-1, -1, -1, -1, -1, -1, -1, -1})),
        value(new PyInt(0xfffffffeL), numpy("u4", "<", new byte[] {-2, -1, -1, -1})),
        value(new PyInt(-2), numpy("i4", "<", new byte[] {-2, -1, -1, -1})),
        value(new PyInt(0xfffe), numpy("u2", "<", new byte[] {-2, -1})),
        value(new PyInt(-2), numpy("i2", "<", new byte[] {-2, -1})),
        value(new PyInt(255), numpy("u1", "|", new byte[] {-1})),
        value(new PyInt(-1), numpy("i1", "|", new byte[] {-1})),
        value(new PyBool(true), numpy("b1", "|", new byte[] {1})));
  }

  private static PyDict dict(TorchValue key, TorchValue value) {
    return new PyDict(List.of(new PyDict.Entry(key, value)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("values")
  void isRead(TorchValue expected, byte[] pickle) throws IOException {
    assertEquals(expected, root(pickle));
  }

  /** Protocol 4 as Python writes it: a frame, MEMOIZE, STACK_GLOBAL. */
  @Test
  void protocolFourIsRead() throws IOException {
    PickleAssembler body = new PickleAssembler();
    body.op(Opcode.SHORT_BINUNICODE).u1(11).raw("collections").op(Opcode.MEMOIZE);
    body.op(Opcode.SHORT_BINUNICODE).u1(11).raw("OrderedDict").op(Opcode.MEMOIZE);
    body.op(Opcode.STACK_GLOBAL, Opcode.MEMOIZE, Opcode.EMPTY_TUPLE, Opcode.REDUCE, Opcode.MEMOIZE);
    body.op(Opcode.MARK, Opcode.SHORT_BINUNICODE).u1(1).raw("k").op(Opcode.MEMOIZE).get(0);
    body.op(Opcode.SETITEMS, Opcode.STOP);
    byte[] pickle = protocol(4).op(Opcode.FRAME).i8(body.bytes().length).raw(body.bytes()).bytes();
    assertEquals(dict(new PyStr("k"), new PyStr("collections")), root(pickle));
  }

  /** The callbacks and hyper-parameters that CompVis checkpoints carry. */
  private static byte[] lightning() {
    PickleAssembler out = pickle().op(Opcode.EMPTY_DICT, Opcode.MARK).text("epoch").integer(12);
    out.text("callbacks").op(Opcode.EMPTY_DICT);
    out.global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint");
    out.op(Opcode.EMPTY_DICT).text("monitor").text("val/rec_loss").op(Opcode.SETITEM);
    out.op(Opcode.SETITEM).text("hyper_parameters");
    // A node whose child knows it, as OmegaConf's do.
    out.global("omegaconf.dictconfig", "DictConfig").op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ).put(1);
    out.op(Opcode.EMPTY_DICT).text("_content").global("omegaconf.nodes", "AnyNode");
    out.op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ, Opcode.EMPTY_DICT, Opcode.MARK)
        .text("_parent")
        .get(1);
    out.text("_val").integer(4).op(Opcode.SETITEMS, Opcode.BUILD, Opcode.SETITEM, Opcode.BUILD);
    out.text("args").global("argparse", "Namespace").op(Opcode.EMPTY_TUPLE, Opcode.REDUCE);
    out.op(Opcode.EMPTY_DICT).text("__setstate__").text("echo").op(Opcode.SETITEM, Opcode.BUILD);
    out.text("attributes").global("pytorch_lightning.utilities.parsing", "AttributeDict");
    out.op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ).text("lr").integer(1).op(Opcode.SETITEM);
    out.text("state_dict").op(Opcode.EMPTY_DICT).text("encoder.conv_in.bias");
    out.tensor(4, 0, new long[] {4}, new long[] {1}).op(Opcode.SETITEM, Opcode.SETITEMS);
    return Checkpoints.zip(out.stop());
  }

  @Test
  void harmlessClassesBecomePlaceholders() throws IOException {
    try (TorchFile file = Checkpoints.read(lightning())) {
      PyDict root = assertInstanceOf(PyDict.class, file.root());
      PyDict callbacks = assertInstanceOf(PyDict.class, root.get("callbacks").orElseThrow());
      assertEquals(
          new PyName("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
          callbacks.entries().getFirst().key());

      Placeholder config =
          assertInstanceOf(Placeholder.class, root.get("hyper_parameters").orElseThrow());
      assertEquals("omegaconf.dictconfig.DictConfig", config.name());
      PyDict state = assertInstanceOf(PyDict.class, config.state());
      Placeholder child = assertInstanceOf(Placeholder.class, state.get("_content").orElseThrow());
      PyDict childState = assertInstanceOf(PyDict.class, child.state());
      assertEquals(new PyInt(4), childState.get("_val").orElseThrow());
      assertEquals(
          new PyName("omegaconf.dictconfig.DictConfig"), childState.get("_parent").orElseThrow());

      Placeholder args = assertInstanceOf(Placeholder.class, root.get("args").orElseThrow());
      assertEquals(dict(new PyStr("__setstate__"), new PyStr("echo")), args.state());

      Placeholder attributes =
          assertInstanceOf(Placeholder.class, root.get("attributes").orElseThrow());
      assertEquals(dict(new PyStr("lr"), new PyInt(1)), attributes.entries());

      assertArrayEquals(
          new float[] {1, 2, 3, 4}, file.stateDict().get("encoder.conv_in.bias").floats());
    }
  }

  @Test
  void strictModeRefusesThem() {
    TorchFileException e =
        assertThrows(
            TorchFileException.class, () -> Checkpoints.read(lightning(), TorchFile.Mode.STRICT));
    assertEquals(Reason.FORBIDDEN_GLOBAL, e.reason());
    assertTrue(e.getMessage().contains("ModelCheckpoint"), e.getMessage());
    assertTrue(e.getMessage().contains("strict mode"), e.getMessage());
  }

  private static byte[] under(String key) {
    PickleAssembler out = pickle().op(Opcode.EMPTY_DICT, Opcode.MARK);
    out.text("epoch").integer(1).text(key).op(Opcode.EMPTY_DICT).text("w");
    out.tensor(4, 0, new long[] {4}, new long[] {1}).op(Opcode.SETITEM, Opcode.SETITEMS);
    return Checkpoints.zip(out.stop());
  }

  @Test
  void weightsAreFoundWhereCheckpointsKeepThem() throws IOException {
    for (String key : List.of("state_dict", "model_state_dict", "model")) {
      try (TorchFile file = Checkpoints.read(under(key))) {
        assertEquals(List.of("w"), List.copyOf(file.stateDict().keySet()), key);
      }
    }
    try (TorchFile file = Checkpoints.read(Checkpoints.zip(PickleAssembler.small()))) {
      assertEquals(List.of("w"), List.copyOf(file.stateDict().keySet()));
    }
    try (TorchFile file = Checkpoints.read(under("ema"))) {
      EqvaeException.Argument none =
          assertThrows(EqvaeException.Argument.class, () -> file.stateDict());
      assertTrue(none.getMessage().contains("[\"epoch\", \"ema\"]"), none.getMessage());
      assertEquals(List.of("w"), List.copyOf(file.stateDict("ema").keySet()));
      EqvaeException.Argument missing =
          assertThrows(EqvaeException.Argument.class, () -> file.stateDict("ema", "x"));
      assertTrue(missing.getMessage().contains("no \"x\" in \"ema\""), missing.getMessage());
    }
  }

  @Test
  void parametersAndEveryRebuildFunctionGiveTensors() throws IOException {
    PickleAssembler out = pickle().op(Opcode.MARK).global("torch._utils", "_rebuild_parameter");
    out.tensor(4, 0, new long[] {2, 2}, new long[] {2, 1}).put(1).op(Opcode.NEWTRUE);
    out.op(Opcode.EMPTY_DICT, Opcode.TUPLE3, Opcode.REDUCE);
    out.global("torch._utils", "_rebuild_parameter_with_state").op(Opcode.MARK).get(1);
    out.op(Opcode.NEWTRUE, Opcode.EMPTY_DICT, Opcode.EMPTY_DICT, Opcode.TUPLE, Opcode.REDUCE);
    out.global("torch._utils", "_rebuild_tensor").op(Opcode.MARK);
    out.storage("FloatStorage", "0", 4).integer(1).tuple(3).tuple(1);
    out.op(Opcode.TUPLE, Opcode.REDUCE);
    // Half of the bytes of an untyped storage, as newer types are saved.
    out.global("torch._utils", "_rebuild_tensor_v3").op(Opcode.MARK);
    out.storage("UntypedStorage", "1", 8).integer(1).tuple(3).tuple(1).op(Opcode.NEWFALSE);
    out.op(Opcode.EMPTY_DICT).global("torch", "uint16").op(Opcode.TUPLE, Opcode.REDUCE);
    out.storage("ByteStorage", "2", 2).op(Opcode.TUPLE);
    byte[] file =
        Checkpoints.archive(
                out.stop(),
                Checkpoints.floats(4),
                new byte[] {0, 0, 1, 0, -1, -1, 0, 1},
                new byte[] {7, -1})
            .bytes();
    try (TorchFile open = Checkpoints.read(file)) {
      List<TorchValue> values = assertInstanceOf(PyTuple.class, open.root()).values();
      TorchTensor parameter = assertInstanceOf(TorchTensor.class, values.get(0));
      assertArrayEquals(new long[] {2, 2}, parameter.shape());
      assertArrayEquals(new float[] {1, 2, 3, 4}, parameter.floats());
      assertSame(parameter, values.get(1));
      assertArrayEquals(new float[] {2, 3, 4}, ((TorchTensor) values.get(2)).floats());
      assertArrayEquals(new long[] {1, 65535, 256}, ((TorchTensor) values.get(3)).longs());
      assertArrayEquals(new long[] {7, 255}, ((TorchTensor) values.get(4)).longs());
    }
  }

  @Test
  void aSharedTensorIsOneObject() throws IOException {
    PickleAssembler out = pickle().tensor(4, 0, new long[] {4}, new long[] {1}).put(1);
    out.get(1).op(Opcode.TUPLE2);
    PyTuple tuple = assertInstanceOf(PyTuple.class, root(out.stop()));
    assertSame(tuple.values().get(0), tuple.values().get(1));
  }

  /** A file without weights is described in Python's words. */
  @Test
  void whatAFileHasInsteadOfTensorsIsSaid(@TempDir Path folder) throws IOException {
    Map<TorchValue, String> roots = new LinkedHashMap<>();
    roots.put(TorchValue.PyNone.NONE, "there is None.");
    roots.put(new TorchValue.PyBool(true), "there is True.");
    roots.put(new TorchValue.PyInt(7), "there is 7.");
    roots.put(new PyList(List.of(TorchTensor.of(new float[1], 1))), "there is a list of length 1.");
    roots.put(new PyTuple(List.of()), "there is a tuple of length 0.");
    roots.put(
        new TorchValue.PyDict(
            List.of(new TorchValue.PyDict.Entry(new TorchValue.PyInt(3), TorchValue.PyNone.NONE))),
        "there is a dict of [3].");
    for (Map.Entry<TorchValue, String> e : roots.entrySet()) {
      TorchWriter.write(folder.resolve("x.pt"), e.getKey());
      try (TorchFile file = TorchFile.open(folder.resolve("x.pt"))) {
        String message = assertThrows(EqvaeException.class, file::stateDict).getMessage();
        assertTrue(message.contains(e.getValue()), message);
        assertTrue(message.contains("Save model.state_dict()"), message);
      }
    }
  }

  /** A printed value must not print what a hostile file put into it. */
  @Test
  void containersPrintTheirSize() throws IOException {
    assertEquals("PyDict of 1", root(PickleAssembler.small()).toString());
    assertEquals("PyList of 0", new PyList(List.of()).toString());
    assertEquals("PyTuple of 0", new PyTuple(List.of()).toString());
    assertEquals("PyBytes of 3", new PyBytes(new byte[3]).toString());
  }
}
