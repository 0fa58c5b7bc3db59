package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.PickleAssembler.pickle;
import static io.github.eqvae.io.torch.PickleAssembler.protocol;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Pickles that would make Python call something: refused by name or by instruction. */
class TorchHostileCodeTest {
  private static final long[] TWO = {2, 2};
  private static final long[] DENSE = {2, 1};

  private static Arguments hostile(String what, Reason reason, String words, byte[] pickle) {
    return Arguments.of(what, reason, words, pickle);
  }

  /** Calls a function with one string. */
  private static byte[] call(String module, String name) {
    return pickle().global(module, name).text("echo").op(Opcode.TUPLE1, Opcode.REDUCE).stop();
  }

  static Stream<Arguments> code() {
    Reason global = Reason.FORBIDDEN_GLOBAL;
    Reason opcode = Reason.FORBIDDEN_OPCODE;
    Reason call = Reason.FORBIDDEN_CALL;
    return Stream.of(
        hostile("os.system", global, "\"os.system\"", call("os", "system")),
        hostile("posix.system", global, "\"posix.system\"", call("posix", "system")),
        hostile("nt.system", global, "how a pickle runs a command", call("nt", "system")),
        hostile("subprocess.Popen", global, "subprocess.Popen", call("subprocess", "Popen")),
        hostile("builtins.eval", global, "\"builtins.eval\"", call("builtins", "eval")),
        hostile("eval of Python 2", global, "\"builtins.eval\"", call("__builtin__", "eval")),
        hostile("builtins.exec", global, "runs a command", call("builtins", "exec")),
        hostile("builtins.getattr", global, "getattr", call("builtins", "getattr")),
        hostile("runpy", global, "runpy._run_code", call("runpy", "_run_code")),
        hostile("functools.partial", global, "functools.partial", call("functools", "partial")),
        hostile("torch.load", global, "\"torch.load\"", call("torch", "load")),
        hostile("torch.hub.load", global, "torch.hub.load", call("torch.hub", "load")),
        hostile("numpy's loader", global, "numpy.load", call("numpy", "load")),
        hostile("a class of a user", global, "ckpt['state_dict']", call("ldm.models", "VQModel")),
        hostile(
            "a module that only begins like an allowed one",
            global,
            "torch._utilsx",
            call("torch._utilsx", "_rebuild_tensor_v2")),
        hostile(
            "a path through an allowed module",
            global,
            "torch._utils.os.system",
            protocol(4).text("torch._utils").text("os.system").op(Opcode.STACK_GLOBAL).stop()),
        hostile(
            "an allowed path, split elsewhere",
            global,
            "_utils._rebuild_tensor_v2",
            protocol(4)
                .text("torch")
                .text("_utils._rebuild_tensor_v2")
                .op(Opcode.STACK_GLOBAL)
                .stop()),
        hostile(
            "os.system from the stack",
            global,
            "\"os.system\"",
            protocol(4)
                .text("os")
                .text("system")
                .op(Opcode.STACK_GLOBAL)
                .text("echo")
                .op(Opcode.TUPLE1, Opcode.REDUCE)
                .stop()),
        hostile(
            "a name of integers",
            Reason.INVALID_PICKLE,
            "two strings",
            protocol(4).integer(1).integer(2).op(Opcode.STACK_GLOBAL).stop()),
        hostile(
            "a terminal's control characters in a name",
            global,
            "\\u001b[31m",
            call("a\u001b[31m", "b")),
        hostile("INST", opcode, "INST", pickle().op(Opcode.MARK).raw("ios\nsystem\n").stop()),
        hostile(
            "OBJ",
            opcode,
            "OBJ",
            pickle().op(Opcode.MARK).global("collections", "OrderedDict").op(Opcode.OBJ).stop()),
        hostile("EXT1", opcode, "EXT1", pickle().op(Opcode.EXT1).u1(1).stop()),
        hostile("EXT2", opcode, "EXT2", pickle().op(Opcode.EXT2).u2(1).stop()),
        hostile("EXT4", opcode, "EXT4", pickle().op(Opcode.EXT4).i4(1).stop()),
        hostile("PERSID", opcode, "PERSID", pickle().op(Opcode.PERSID).raw("0\n").stop()),
        hostile("text of protocol 0", opcode, "UNICODE", pickle().op(Opcode.UNICODE).stop()),
        hostile("a buffer from outside", opcode, "NEXT_BUFFER", nextBuffer()),
        hostile(
            "a new object of a function",
            call,
            "makes an object of \"torch._utils._rebuild_tensor_v2\"",
            pickle()
                .global("torch._utils", "_rebuild_tensor_v2")
                .op(Opcode.EMPTY_TUPLE, Opcode.NEWOBJ)
                .stop()),
        hostile(
            "keyword arguments",
            call,
            "NEWOBJ_EX",
            protocol(4)
                .global("argparse", "Namespace")
                .op(Opcode.EMPTY_TUPLE, Opcode.EMPTY_DICT)
                .text("key")
                .op(Opcode.NONE, Opcode.SETITEM, Opcode.NEWOBJ_EX)
                .stop()),
        hostile(
            "__setstate__ of a list",
            call,
            "__setstate__",
            pickle()
                .op(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT)
                .text("__setstate__")
                .op(Opcode.NONE, Opcode.SETITEM, Opcode.BUILD)
                .stop()),
        hostile(
            "the state of a tensor",
            call,
            "sets the state of a tensor",
            pickle().tensor(4, 0, TWO, DENSE).op(Opcode.EMPTY_DICT, Opcode.BUILD).stop()),
        hostile(
            "a call of a string",
            call,
            "calls \"os.system\"",
            pickle().text("os.system").op(Opcode.EMPTY_TUPLE, Opcode.REDUCE).stop()),
        hostile(
            "a call of a dtype",
            call,
            "torch.float32, which is no function",
            pickle().global("torch", "float32").op(Opcode.EMPTY_TUPLE, Opcode.REDUCE).stop()),
        hostile(
            "arguments that are no tuple",
            call,
            "with a list",
            pickle()
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_LIST, Opcode.REDUCE)
                .stop()),
        hostile(
            "a tensor made by itself",
            call,
            "_rebuild_from_type_v2 is called with \"torch._tensor._rebuild_from_type_v2\"",
            fromType("torch._tensor", "_rebuild_from_type_v2", "torch", "Tensor")),
        hostile(
            "a tensor of another class",
            call,
            "called with \"torch.float32\"",
            fromType("torch._utils", "_rebuild_tensor_v2", "torch", "float32")),
        hostile(
            "bytes in another encoding",
            call,
            "expected latin1",
            pickle()
                .global("_codecs", "encode")
                .text("x")
                .text("zip_codec")
                .op(Opcode.TUPLE2, Opcode.REDUCE)
                .stop()),
        hostile(
            "a scalar of objects",
            call,
            "dtype \"O8\"",
            pickle()
                .global("numpy.core.multiarray", "scalar")
                .global("numpy", "dtype")
                .text("O8")
                .op(Opcode.TUPLE1, Opcode.REDUCE)
                .text("x")
                .op(Opcode.TUPLE2, Opcode.REDUCE)
                .stop()));
  }

  private static byte[] fromType(String module, String function, String home, String type) {
    return pickle()
        .global("torch._tensor", "_rebuild_from_type_v2")
        .op(Opcode.MARK)
        .global(module, function)
        .global(home, type)
        .op(Opcode.EMPTY_TUPLE, Opcode.EMPTY_DICT, Opcode.TUPLE, Opcode.REDUCE)
        .stop();
  }

  private static byte[] nextBuffer() {
    return protocol(5).op(Opcode.NEXT_BUFFER).stop();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("code")
  void isRefusedForItsReason(String what, Reason reason, String words, byte[] pickle) {
    Checkpoints.assertRefused(Checkpoints.zip(pickle), reason, words);
  }

  /** The same pickles in the older format, except those whose fault is about entries. */
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("code")
  void isRefusedForItsReasonInTheOlderFormat(
      String what, Reason reason, String words, byte[] pickle) {
    Checkpoints.assertRefused(Checkpoints.legacy(pickle), reason, words);
  }
}
