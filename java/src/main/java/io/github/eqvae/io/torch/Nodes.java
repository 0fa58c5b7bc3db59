package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Globals.Global;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is on the stack while a pickle is read, beside finished {@link TorchValue}s, {@link
 * Storage}s and {@link Global}s: containers that still grow. Their sets are made when the first
 * item comes: one byte of the file makes an empty container.
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

    // One set per class of keys, for the reason given in PyDict.
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

  /** What an object is, for messages. */
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
      default -> "a " + object.getClass().getSimpleName();
    };
  }
}
