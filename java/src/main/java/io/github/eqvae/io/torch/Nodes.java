package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Globals.Global;
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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Containers that still grow: while a pickle is read, the stack has these beside finished {@link
 * TorchValue}s, {@code Storage}s and {@link Global}s. Their collections are allocated with the
 * first item, because one byte of a file is enough to make an empty container.
 */
final class Nodes {
  private Nodes() {}

  /** A list or set. */
  static final class ListNode {
    final List<Object> items = new ArrayList<>(0);
  }

  /** A tuple; immutable, but it may hold containers that are not. */
  record TupleNode(List<Object> items) {}

  /** A dict. */
  static final class DictNode {
    final List<Object> keys = new ArrayList<>(0);
    final List<Object> values = new ArrayList<>(0);

    // one set per class of keys, for the reason in PyDict
    private @Nullable Set<String> strings;
    private @Nullable Set<Long> integers;
    private @Nullable Set<Global> names;

    void put(PickleInput in, Object key, Object value) throws TorchFileException {
      boolean added =
          switch (key) {
            case PyStr text -> (strings = orNew(strings)).add(text.value());
            case PyInt integer -> (integers = orNew(integers)).add(integer.value());
            case Global name -> (names = orNew(names)).add(name);
            default ->
                throw in.refuse(
                    Reason.INVALID_PICKLE,
                    "a key of a dict is "
                        + describe(key)
                        + ", expected a string, an integer or a class");
          };
      if (!added) {
        throw in.refuse(Reason.INVALID_PICKLE, "a dict has the key " + describe(key) + " twice");
      }
      keys.add(key);
      values.add(value);
    }

    private static <T> Set<T> orNew(@Nullable Set<T> set) {
      return set == null ? new HashSet<>() : set;
    }
  }

  /** An object of a class on the second list. */
  static final class PlaceholderNode {
    final String name;
    final TupleNode arguments;
    @Nullable Object state;
    @Nullable ListNode items;
    @Nullable DictNode entries;

    PlaceholderNode(String name, TupleNode arguments) {
      this.name = name;
      this.arguments = arguments;
    }
  }

  /** A numpy dtype, which numpy's scalars carry; its state says the byte order. */
  static final class NumpyDtype {
    final String name;
    boolean bigEndian;

    NumpyDtype(String name) {
      this.name = name;
    }
  }

  /** The kind of an object, for messages. */
  static String describe(Object object) {
    return switch (object) {
      case PyStr text -> TorchFileException.quote(text.value());
      case PyInt integer -> Long.toString(integer.value());
      case Global global -> TorchFileException.quote(global.name());
      case ListNode list -> "a list";
      case TupleNode tuple -> "a tuple";
      case DictNode dict -> "a dict";
      case PlaceholderNode node -> "a " + node.name;
      case NumpyDtype dtype -> "a numpy dtype";
      case Storage storage -> "a storage";
      case TorchTensor tensor -> "a tensor";
      case PyNone none -> "None";
      case PyBool bool -> bool.value() ? "True" : "False";
      case PyBigInt integer -> integer.value().toString();
      case PyFloat number -> Double.toString(number.value());
      case PyBytes bytes -> "bytes";
      case PyList list -> "a list of length " + list.values().size();
      case PyTuple tuple -> "a tuple of length " + tuple.values().size();
      case PyDict dict -> "a dict of length " + dict.entries().size();
      case PyName name -> "the name " + TorchFileException.quote(name.value());
      case Placeholder other -> "an object of " + TorchFileException.quote(other.name());
      default -> "something else";
    };
  }
}
