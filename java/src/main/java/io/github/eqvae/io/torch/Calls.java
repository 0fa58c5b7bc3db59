package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Globals.Global;
import io.github.eqvae.io.torch.Globals.Kind;
import io.github.eqvae.io.torch.Nodes.DictNode;
import io.github.eqvae.io.torch.Nodes.ListNode;
import io.github.eqvae.io.torch.Nodes.NumpyDtype;
import io.github.eqvae.io.torch.Nodes.PlaceholderNode;
import io.github.eqvae.io.torch.Nodes.TupleNode;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyBytes;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Implements the calls that a pickle may make: the few functions that make tensors and containers.
 */
final class Calls {
  private final PickleInput in;
  private final Unpickler.Budget budget;
  private final TensorBuilder tensors;
  private long encoded;

  Calls(PickleInput in, Unpickler.Budget budget, TensorBuilder tensors) {
    this.in = in;
    this.budget = budget;
    this.tensors = tensors;
  }

  /** REDUCE: function and arguments. */
  Object reduce(Object function, Object arguments) throws TorchFileException {
    if (!(function instanceof Global global)) {
      throw refuse("it calls " + Nodes.describe(function) + ", which is no function");
    }
    if (!(arguments instanceof TupleNode tuple)) {
      throw refuse("it calls " + global.name() + " with " + Nodes.describe(arguments));
    }
    List<Object> args = tuple.items();
    return switch (global.kind()) {
      case REBUILD_TENSOR -> tensors.tensor(global, arity(global, args, 4, 4), null);
      case REBUILD_TENSOR_V2 ->
          plain(arity(global, args, 6, 7), 6)
              ? tensors.tensor(global, args, null)
              : new PlaceholderNode(global.name(), tuple);
      case REBUILD_TENSOR_V3 ->
          plain(arity(global, args, 7, 8), 7) && !isPlaceholder(args.get(6))
              ? tensors.tensor(global, args, args.get(6))
              : new PlaceholderNode(global.name(), tuple);
      // a parameter is a tensor; requires_grad is ignored
      case REBUILD_PARAMETER -> tensorArgument(global, arity(global, args, 3, 3));
      case REBUILD_PARAMETER_WITH_STATE -> tensorArgument(global, arity(global, args, 4, 4));
      case REBUILD_FROM_TYPE -> fromType(global, arity(global, args, 4, 4));
      case DICT -> dict(global, arity(global, args, 0, 1));
      case DEFAULT_DICT -> {
        arity(global, args, 0, 1);
        yield new DictNode();
      }
      case SIZE -> tensors.integers(global, arity(global, args, 1, 1).get(0));
      case LIST -> list(global, arity(global, args, 0, 1));
      case BYTES -> bytes(global, arity(global, args, 0, 2));
      case ENCODE -> encode(global, arity(global, args, 1, 2));
      case FIRST -> arity(global, args, 1, 2).get(0);
      case NUMPY_SCALAR -> scalar(global, arity(global, args, 2, 2));
      case NUMPY_DTYPE -> new NumpyDtype(text(global, arity(global, args, 1, 3).get(0)));
      case INERT -> new PlaceholderNode(global.name(), tuple);
      case STORAGE, DTYPE, TENSOR_TYPE ->
          throw refuse("it calls " + global.name() + ", which is no function");
    };
  }

  /** NEWOBJ: class and arguments. */
  Object newObject(Object type, Object arguments) throws TorchFileException {
    if (type instanceof Global global
        && (global.kind() == Kind.INERT || global.kind() == Kind.DICT)) {
      return reduce(type, arguments);
    }
    throw refuse("it makes an object of " + Nodes.describe(type) + ", which tensors do not need");
  }

  /** BUILD: sets an object's state. */
  void build(Object target, Object state) throws TorchFileException {
    switch (target) {
      case PlaceholderNode node -> node.state = state;
      // A state_dict carries version numbers as an attribute; loading does not need them.
      case DictNode dict when state instanceof DictNode -> {}
      case NumpyDtype dtype -> dtype.bigEndian = numpyState(state);
      default ->
          throw refuse(
              "it sets the state of "
                  + Nodes.describe(target)
                  + ", which is how a pickle reaches __setstate__");
    }
  }

  private boolean numpyState(Object state) throws TorchFileException {
    if (state instanceof TupleNode tuple
        && tuple.items().size() > 1
        && tuple.items().get(1) instanceof PyStr order
        && List.of("<", ">", "|").contains(order.value())) {
      return order.value().equals(">");
    }
    throw in.refuse(Reason.INVALID_PICKLE, "the state of a numpy dtype lacks its byte order");
  }

  /**
   * A tensor that had attributes in Python, made by another function. The attributes are dropped.
   */
  private Object fromType(Global function, List<Object> args) throws TorchFileException {
    if (isPlaceholder(args.get(0))) {
      return reduce(args.get(0), args.get(2));
    }
    boolean plain =
        args.get(0) instanceof Global inner
            && List.of(Kind.REBUILD_TENSOR_V2, Kind.REBUILD_TENSOR_V3).contains(inner.kind());
    if (!plain) {
      throw wrong(function, args.get(0));
    }
    if (!(args.get(1) instanceof Global type) || type.kind() != Kind.TENSOR_TYPE) {
      throw wrong(function, args.get(1));
    }
    return reduce(args.get(0), args.get(2));
  }

  private Object tensorArgument(Global function, List<Object> args) throws TorchFileException {
    if (args.get(0) instanceof TorchTensor || args.get(0) instanceof PlaceholderNode) {
      return args.get(0);
    }
    throw wrong(function, args.get(0));
  }

  private static boolean isPlaceholder(Object name) {
    return name instanceof Global global && global.kind() == Kind.INERT;
  }

  /**
   * Whether a tensor has no metadata. Lazy conjugation and negation change the elements but not the
   * stored bytes, so tensors with these flags are not supported.
   */
  private static boolean plain(List<Object> args, int metadata) {
    return args.size() <= metadata
        || args.get(metadata) == TorchValue.PyNone.NONE
        || args.get(metadata) instanceof DictNode dict && dict.keys.isEmpty();
  }

  /** A dict, empty or, as Python 2 wrote it, from a list of pairs. */
  private DictNode dict(Global function, List<Object> args) throws TorchFileException {
    DictNode dict = new DictNode();
    if (args.isEmpty()) {
      return dict;
    }
    if (args.get(0) instanceof DictNode given) {
      budget.charge(given.keys.size());
      for (int i = 0; i < given.keys.size(); i++) {
        dict.put(in, given.keys.get(i), given.values.get(i));
      }
      return dict;
    }
    if (!(args.get(0) instanceof ListNode pairs)) {
      throw wrong(function, args.get(0));
    }
    budget.charge(pairs.items.size());
    for (Object pair : pairs.items) {
      List<Object> items =
          switch (pair) {
            case ListNode list -> list.items;
            case TupleNode tuple -> tuple.items();
            default -> throw wrong(function, pair);
          };
      if (items.size() != 2) {
        throw wrong(function, pair);
      }
      dict.put(in, items.get(0), items.get(1));
    }
    return dict;
  }

  private ListNode list(Global function, List<Object> args) throws TorchFileException {
    ListNode list = new ListNode();
    if (!args.isEmpty()) {
      if (!(args.get(0) instanceof ListNode given)) {
        throw wrong(function, args.get(0));
      }
      budget.charge(given.items.size());
      list.items.addAll(given.items);
    }
    return list;
  }

  private PyBytes bytes(Global function, List<Object> args) throws TorchFileException {
    if (args.isEmpty()) {
      return new PyBytes(new byte[0]);
    }
    return args.get(0) instanceof PyBytes given ? given : encode(function, args);
  }

  /**
   * The form of bytes in protocol 2, which has no type for them: a text in which each character is
   * one byte.
   */
  private PyBytes encode(Global function, List<Object> args) throws TorchFileException {
    String text = text(function, args.get(0));
    String charset = args.size() < 2 ? "" : text(function, args.get(1));
    if (!charset.equals("latin1") && !charset.equals("latin-1")) {
      throw refuse(
          function.name()
              + " is called with the encoding "
              + TorchFileException.quote(charset)
              + ", expected latin1");
    }
    encoded += text.length();
    if (encoded > Limits.PICKLE_BYTES || encoded > in.position()) {
      throw in.refuse(
          Reason.LIMIT_EXCEEDED, function.name() + " encodes the same text again and again");
    }
    if (!StandardCharsets.ISO_8859_1.newEncoder().canEncode(text)) {
      throw refuse(function.name() + " is given text that is not Latin-1");
    }
    return new PyBytes(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private TorchValue scalar(Global function, List<Object> args) throws TorchFileException {
    if (!(args.get(0) instanceof NumpyDtype dtype)) {
      throw wrong(function, args.get(0));
    }
    String name = dtype.name;
    int width =
        switch (name) {
          case "b1", "i1", "u1" -> 1;
          case "f2", "i2", "u2" -> 2;
          case "f4", "i4", "u4" -> 4;
          case "f8", "i8" -> 8;
          default ->
              throw refuse(
                  "a numpy scalar has the dtype "
                      + TorchFileException.quote(name)
                      + "; only numbers and bool can be read");
        };
    byte[] raw =
        switch (args.get(1)) {
          case PyBytes bytes when bytes.size() == width -> bytes.value();
          case PyStr text when text.value().length() <= width ->
              text.value().getBytes(StandardCharsets.UTF_8);
          default -> throw wrong(function, args.get(1));
        };
    if (raw.length != width) {
      throw wrong(function, args.get(1));
    }
    ByteBuffer value =
        ByteBuffer.wrap(raw)
            .order(dtype.bigEndian ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    return switch (name) {
      case "b1" -> new PyBool(raw[0] != 0);
      case "i1" -> new PyInt(raw[0]);
      case "u1" -> new PyInt(raw[0] & 0xff);
      case "i2" -> new PyInt(value.getShort());
      case "u2" -> new PyInt(value.getShort() & 0xffff);
      case "i4" -> new PyInt(value.getInt());
      case "u4" -> new PyInt(value.getInt() & 0xffffffffL);
      case "i8" -> new PyInt(value.getLong());
      case "f2" -> new PyFloat(Float.float16ToFloat(value.getShort()));
      case "f4" -> new PyFloat(value.getFloat());
      default -> new PyFloat(value.getDouble());
    };
  }

  private String text(Global function, Object argument) throws TorchFileException {
    if (argument instanceof PyStr text) {
      return text.value();
    }
    throw wrong(function, argument);
  }

  private List<Object> arity(Global function, List<Object> args, int least, int most)
      throws TorchFileException {
    if (args.size() < least || args.size() > most) {
      throw refuse(
          function.name()
              + " is called with "
              + args.size()
              + " arguments, expected "
              + least
              + (least == most ? "" : " to " + most));
    }
    return args;
  }

  private TorchFileException wrong(Global function, Object argument) {
    return refuse(function.name() + " is called with " + Nodes.describe(argument));
  }

  private TorchFileException refuse(String detail) {
    return in.refuse(Reason.FORBIDDEN_CALL, detail);
  }
}
