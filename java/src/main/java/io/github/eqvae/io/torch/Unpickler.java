package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Nodes.DictNode;
import io.github.eqvae.io.torch.Nodes.ListNode;
import io.github.eqvae.io.torch.Nodes.PlaceholderNode;
import io.github.eqvae.io.torch.Nodes.TupleNode;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyBigInt;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyBytes;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Executes a pickle's instructions, but only those that protocols 2 to 5 use for data. Instructions
 * that call or import something in Python can only reach {@link Calls} and {@code Globals}. Other
 * such instructions (INST, OBJ, EXT and the text forms of protocol 0) are refused.
 */
final class Unpickler {
  private static final TupleNode EMPTY = new TupleNode(List.of());

  private final PickleInput in;
  private final TorchFile.Mode mode;
  private final Budget budget;
  private final TensorBuilder tensors;
  private final Calls calls;
  private final List<Object> stack = new ArrayList<>();
  private final Map<Integer, Object> memo = new HashMap<>();
  private int[] marks = new int[16];
  private int depth;

  /** Counts the objects of a pickle. */
  static final class Budget {
    private final PickleInput in;
    private long objects;

    Budget(PickleInput in) {
      this.in = in;
    }

    void charge(long made) throws TorchFileException {
      objects += made;
      if (objects > Limits.OBJECTS) {
        throw in.refuse(
            Reason.LIMIT_EXCEEDED, "the pickle makes more than " + Limits.OBJECTS + " objects");
      }
    }
  }

  private Unpickler(PickleInput in, TorchFile.Mode mode, StorageSource storages) {
    this.in = in;
    this.mode = mode;
    this.budget = new Budget(in);
    this.tensors = new TensorBuilder(in, budget, storages);
    this.calls = new Calls(in, budget, tensors);
  }

  /**
   * Reads one pickle.
   *
   * @param in its bytes; afterwards at the first byte after it
   */
  static TorchValue load(PickleInput in, TorchFile.Mode mode, StorageSource storages)
      throws TorchFileException {
    return new Freezer(in).freeze(new Unpickler(in, mode, storages).run());
  }

  private Object run() throws TorchFileException {
    if (next() != Opcode.PROTO) {
      throw in.refuse(Reason.INVALID_PICKLE, "it does not begin with a protocol of 2 to 5");
    }
    int protocol = in.u1(Opcode.PROTO);
    if (protocol < 2 || protocol > 5) {
      throw in.refuse(
          Reason.VERSION, "its pickle protocol is " + protocol + ", expected 2, 3, 4 or 5");
    }
    for (Opcode opcode = next(); opcode != Opcode.STOP; opcode = next()) {
      execute(opcode);
    }
    Object result = pop(Opcode.STOP);
    if (!stack.isEmpty() || depth > 0) {
      throw in.refuse(
          Reason.INVALID_PICKLE, "it ends with " + stack.size() + " objects more than its result");
    }
    return result;
  }

  private Opcode next() throws TorchFileException {
    int code = in.u1("the next instruction");
    Opcode opcode = Opcode.of(code);
    if (opcode == null) {
      throw in.refuse(
          Reason.INVALID_PICKLE, "there is no instruction 0x" + Integer.toHexString(code));
    }
    return opcode;
  }

  private void execute(Opcode op) throws TorchFileException {
    switch (op) {
      case NONE -> push(PyNone.NONE);
      case NEWTRUE -> push(new PyBool(true));
      case NEWFALSE -> push(new PyBool(false));
      case BININT -> push(new PyInt(in.i4(op)));
      case BININT1 -> push(new PyInt(in.u1(op)));
      case BININT2 -> push(new PyInt(in.u2(op)));
      case LONG1 -> pushInteger(in.u1(op), op);
      case LONG4 -> pushInteger(in.i4(op), op);
      case BINFLOAT -> push(new PyFloat(in.f8(op)));
      case SHORT_BINUNICODE -> push(new PyStr(in.utf8(in.u1(op), op)));
      case BINUNICODE -> push(new PyStr(in.utf8(in.u4(op), op)));
      case BINUNICODE8 -> push(new PyStr(in.utf8(in.i8(op), op)));
      case SHORT_BINSTRING -> pushString2(in.bytes(in.u1(op), op));
      case BINSTRING -> pushString2(in.bytes(in.i4(op), op));
      case SHORT_BINBYTES -> push(new PyBytes(in.bytes(in.u1(op), op)));
      case BINBYTES -> push(new PyBytes(in.bytes(in.u4(op), op)));
      case BINBYTES8, BYTEARRAY8 -> push(new PyBytes(in.bytes(in.i8(op), op)));
      case FRAME -> frame(op);

      case MARK -> mark();
      case POP -> pop(op);
      case POP_MARK -> popMark(op);
      case DUP -> push(top(op));
      case BINPUT -> memoize(in.u1(op), op);
      case LONG_BINPUT -> memoize(in.i4(op), op);
      case MEMOIZE -> memoize(memo.size(), op);
      case BINGET -> recall(in.u1(op), op);
      case LONG_BINGET -> recall(in.i4(op), op);

      case EMPTY_TUPLE -> push(EMPTY);
      case TUPLE1 -> pushTuple(1, op);
      case TUPLE2 -> pushTuple(2, op);
      case TUPLE3 -> pushTuple(3, op);
      case TUPLE -> push(new TupleNode(popMark(op)));
      case EMPTY_LIST, EMPTY_SET -> push(new ListNode());
      case LIST, FROZENSET -> {
        ListNode list = new ListNode();
        list.items.addAll(popMark(op));
        push(list);
      }
      case EMPTY_DICT -> push(new DictNode());
      case DICT -> {
        DictNode dict = new DictNode();
        putAll(dict, popMark(op), op);
        push(dict);
      }
      case APPEND -> {
        Object item = pop(op);
        listOnTop(op).items.add(item);
      }
      case APPENDS, ADDITEMS -> {
        List<Object> items = popMark(op);
        listOnTop(op).items.addAll(items);
      }
      case SETITEM -> {
        Object value = pop(op);
        Object key = pop(op);
        dictOnTop(op).put(in, key, value);
      }
      case SETITEMS -> {
        List<Object> items = popMark(op);
        putAll(dictOnTop(op), items, op);
      }

      case GLOBAL -> {
        String module = in.line(op);
        push(Globals.resolve(in, module, in.line(op), mode));
      }
      case STACK_GLOBAL -> {
        Object name = pop(op);
        Object module = pop(op);
        if (!(module instanceof PyStr home) || !(name instanceof PyStr text)) {
          throw in.refuse(Reason.INVALID_PICKLE, op + " needs two strings");
        }
        push(Globals.resolve(in, home.value(), text.value(), mode));
      }
      case BINPERSID -> push(tensors.storage(pop(op)));
      case REDUCE -> {
        Object arguments = pop(op);
        push(calls.reduce(pop(op), arguments));
      }
      case NEWOBJ -> {
        Object arguments = pop(op);
        push(calls.newObject(pop(op), arguments));
      }
      case NEWOBJ_EX -> {
        Object keywords = pop(op);
        Object arguments = pop(op);
        if (!(keywords instanceof DictNode dict) || !dict.keys.isEmpty()) {
          throw in.refuse(
              Reason.FORBIDDEN_CALL, op + " passes keyword arguments, which tensors do not need");
        }
        push(calls.newObject(pop(op), arguments));
      }
      case BUILD -> {
        Object state = pop(op);
        calls.build(top(op), state);
      }
      default ->
          throw in.refuse(
              Reason.FORBIDDEN_OPCODE,
              "it uses the instruction "
                  + op
                  + ", which torch.save does not write; nothing was run. If you trust the file,"
                  + " load it in Python and save it again with torch.save");
    }
  }

  private void frame(Opcode op) throws TorchFileException {
    long length = in.i8(op);
    if (length < 0 || length > in.remaining()) {
      throw in.refuse(
          Reason.TRUNCATED,
          op
              + " claims "
              + Long.toUnsignedString(length)
              + " bytes, "
              + in.remaining()
              + " are left; copy the file again");
    }
  }

  private void pushInteger(int length, Opcode op) throws TorchFileException {
    if (length > Limits.INTEGER_BYTES) {
      throw in.refuse(
          Reason.LIMIT_EXCEEDED,
          op + " has " + length + " bytes, the limit is " + Limits.INTEGER_BYTES);
    }
    byte[] bytes = in.bytes(length, op);
    // Little-endian two's complement; Java's is big-endian.
    for (int i = 0, j = length - 1; i < j; i++, j--) {
      byte swap = bytes[i];
      bytes[i] = bytes[j];
      bytes[j] = swap;
    }
    BigInteger value = length == 0 ? BigInteger.ZERO : new BigInteger(bytes);
    push(value.bitLength() < Long.SIZE ? new PyInt(value.longValue()) : new PyBigInt(value));
  }

  /** A string of Python 2, which is text or bytes, depending on its content. */
  private void pushString2(byte[] bytes) throws TorchFileException {
    push(PickleInput.decode(bytes).<Object>map(PyStr::new).orElseGet(() -> new PyBytes(bytes)));
  }

  private void pushTuple(int length, Opcode op) throws TorchFileException {
    Object[] items = new Object[length];
    for (int i = length - 1; i >= 0; i--) {
      items[i] = pop(op);
    }
    push(new TupleNode(List.of(items)));
  }

  private void push(Object object) throws TorchFileException {
    budget.charge(1);
    stack.add(object);
  }

  /** The last object above the last mark. */
  private Object top(Opcode op) throws TorchFileException {
    if (stack.size() <= (depth == 0 ? 0 : marks[depth - 1])) {
      throw in.refuse(Reason.INVALID_PICKLE, op + " needs an object, the stack has none left");
    }
    return stack.getLast();
  }

  private Object pop(Opcode op) throws TorchFileException {
    top(op);
    return stack.removeLast();
  }

  private void mark() throws TorchFileException {
    budget.charge(1);
    if (depth == marks.length) {
      marks = Arrays.copyOf(marks, 2 * depth);
    }
    marks[depth++] = stack.size();
  }

  private List<Object> popMark(Opcode op) throws TorchFileException {
    if (depth == 0) {
      throw in.refuse(Reason.INVALID_PICKLE, op + " needs a mark, there is none");
    }
    List<Object> above = stack.subList(marks[--depth], stack.size());
    List<Object> items = List.copyOf(above);
    above.clear();
    return items;
  }

  private void memoize(int index, Opcode op) throws TorchFileException {
    budget.charge(1);
    memo.put(index, top(op));
  }

  private void recall(int index, Opcode op) throws TorchFileException {
    Object object = memo.get(index);
    if (object == null) {
      throw in.refuse(
          Reason.INVALID_PICKLE,
          op + " asks for memo entry " + Integer.toUnsignedString(index) + ", which was not set");
    }
    push(object);
  }

  private ListNode listOnTop(Opcode op) throws TorchFileException {
    return switch (top(op)) {
      case ListNode list -> list;
      case PlaceholderNode node when node.items != null -> node.items;
      case PlaceholderNode node -> node.items = new ListNode();
      case Object other -> throw wrongTarget(op, other, "a list");
    };
  }

  private DictNode dictOnTop(Opcode op) throws TorchFileException {
    return switch (top(op)) {
      case DictNode dict -> dict;
      case PlaceholderNode node when node.entries != null -> node.entries;
      case PlaceholderNode node -> node.entries = new DictNode();
      case Object other -> throw wrongTarget(op, other, "a dict");
    };
  }

  private TorchFileException wrongTarget(Opcode op, Object target, String expected) {
    return in.refuse(
        Reason.FORBIDDEN_CALL,
        op + " is applied to " + Nodes.describe(target) + ", expected " + expected);
  }

  private void putAll(DictNode dict, List<Object> items, Opcode op) throws TorchFileException {
    if (items.size() % 2 != 0) {
      throw in.refuse(Reason.INVALID_PICKLE, op + " has a key without a value");
    }
    for (int i = 0; i < items.size(); i += 2) {
      dict.put(in, items.get(i), items.get(i + 1));
    }
  }
}
