package io.github.eqvae.io.torch;

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
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a value as a pickle of protocol 2, which both {@code torch.load(weights_only=True)} and
 * libtorch read. There is no memo: only tensors are shared in a tree, and they share their storage
 * by its name.
 */
final class PickleWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final List<TorchTensor> storages = new ArrayList<>();
  private final Map<TorchTensor, Integer> keys = new IdentityHashMap<>();
  private int depth;

  /**
   * A pickle and the storages that it names.
   *
   * @param pickle its bytes
   * @param storages tensors; the n-th fills the storage with the name n
   */
  record Pickled(byte[] pickle, List<TorchTensor> storages) {}

  private PickleWriter() {}

  static Pickled write(TorchValue root) {
    PickleWriter writer = new PickleWriter();
    writer.op(Opcode.PROTO);
    writer.out.write(2);
    writer.value(root);
    writer.op(Opcode.STOP);
    return new Pickled(writer.out.toByteArray(), writer.storages);
  }

  private void value(TorchValue value) {
    if (++depth > Limits.DEPTH) {
      throw new EqvaeException.Argument(
          "the values to write are nested deeper than " + Limits.DEPTH);
    }
    switch (value) {
      case PyNone none -> op(Opcode.NONE);
      case PyBool bool -> op(bool.value() ? Opcode.NEWTRUE : Opcode.NEWFALSE);
      case PyInt integer -> integer(integer.value());
      case PyBigInt integer -> big(integer);
      case PyFloat number -> {
        op(Opcode.BINFLOAT);
        out.writeBytes(ByteBuffer.allocate(8).putDouble(number.value()).array());
      }
      case PyStr text -> text(text.value());
      case PyBytes bytes -> {
        // protocol 2 has no type for bytes; Python writes them in this form
        global("_codecs", "encode");
        text(new String(bytes.value(), StandardCharsets.ISO_8859_1));
        text("latin1");
        op(Opcode.TUPLE2);
        op(Opcode.REDUCE);
      }
      case PyList list -> {
        op(Opcode.EMPTY_LIST);
        op(Opcode.MARK);
        list.values().forEach(this::value);
        op(Opcode.APPENDS);
      }
      case PyTuple tuple -> {
        op(Opcode.MARK);
        tuple.values().forEach(this::value);
        op(Opcode.TUPLE);
      }
      case PyDict dict -> {
        op(Opcode.EMPTY_DICT);
        op(Opcode.MARK);
        for (PyDict.Entry entry : dict.entries()) {
          value(entry.key());
          value(entry.value());
        }
        op(Opcode.SETITEMS);
      }
      case TorchTensor tensor -> tensor(tensor);
      case PyName name -> throw unwritable(name.value());
      case Placeholder placeholder -> throw unwritable(placeholder.name());
    }
    depth--;
  }

  private static EqvaeException.Argument unwritable(String name) {
    return new EqvaeException.Argument(
        "a " + name + " cannot be written: readers that run no code would refuse the file");
  }

  private void tensor(TorchTensor tensor) {
    TorchDtype dtype = tensor.dtype();
    boolean untyped = dtype.storage() == null;
    Integer key = keys.get(tensor);
    if (key == null) {
      key = storages.size();
      keys.put(tensor, key);
      storages.add(tensor);
    }
    global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    op(Opcode.MARK);
    op(Opcode.MARK);
    text("storage");
    if (untyped) {
      global("torch.storage", "UntypedStorage");
    } else {
      global("torch", dtype.storage());
    }
    text(key.toString());
    text("cpu");
    integer(untyped ? tensor.elements() * dtype.width() : tensor.elements());
    op(Opcode.TUPLE);
    op(Opcode.BINPERSID);
    integer(0);
    long[] shape = tensor.shape();
    sizes(shape);
    sizes(TensorView.contiguous(shape).strides());
    op(Opcode.NEWFALSE);
    // the hooks: PyTorch expects an OrderedDict
    global("collections", "OrderedDict");
    op(Opcode.EMPTY_TUPLE);
    op(Opcode.REDUCE);
    if (untyped) {
      global("torch", dtype.torchName());
    }
    op(Opcode.TUPLE);
    op(Opcode.REDUCE);
  }

  private void sizes(long[] sizes) {
    op(Opcode.MARK);
    for (long size : sizes) {
      integer(size);
    }
    op(Opcode.TUPLE);
  }

  private void integer(long value) {
    if (value >= 0 && value < 256) {
      op(Opcode.BININT1);
      out.write((int) value);
    } else if (value == (int) value) {
      op(Opcode.BININT);
      little(value, 4);
    } else {
      // always 8 bytes: libtorch does not read others
      op(Opcode.LONG1);
      out.write(8);
      little(value, 8);
    }
  }

  private void big(PyBigInt integer) {
    byte[] bytes = integer.value().toByteArray();
    if (bytes.length > Limits.INTEGER_BYTES) {
      throw new EqvaeException.Argument(
          "an integer of " + bytes.length + " bytes cannot be written, the limit is 255");
    }
    op(Opcode.LONG1);
    out.write(bytes.length);
    for (int i = bytes.length - 1; i >= 0; i--) {
      out.write(bytes[i]);
    }
  }

  private void text(String text) {
    ByteBuffer encoded;
    try {
      encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
    } catch (CharacterCodingException e) {
      throw new EqvaeException.Argument(
          "the string " + TorchFileException.quote(text) + " is not valid Unicode");
    }
    op(Opcode.BINUNICODE);
    little(encoded.remaining(), 4);
    out.write(encoded.array(), encoded.arrayOffset() + encoded.position(), encoded.remaining());
  }

  private void global(String module, String name) {
    op(Opcode.GLOBAL);
    out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private void op(Opcode opcode) {
    out.write(opcode.code);
  }

  /** The lowest bytes of a value, little-endian. */
  private void little(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >> (8 * i)));
    }
  }
}
