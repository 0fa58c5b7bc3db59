package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Globals.Global;
import io.github.eqvae.io.torch.Nodes.DictNode;
import io.github.eqvae.io.torch.Nodes.ListNode;
import io.github.eqvae.io.torch.Nodes.NumpyDtype;
import io.github.eqvae.io.torch.Nodes.PlaceholderNode;
import io.github.eqvae.io.torch.Nodes.TupleNode;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.Placeholder;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyName;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyTuple;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Converts the result of a pickle into immutable values, without cycles, with bounded depth, and
 * with a bounded size even if a shared value is counted each time. A shared container stays shared,
 * so this does not take longer than reading the pickle.
 */
final class Freezer {
  /** A finished value and the number of values in it; null while it is being made. */
  private record Frozen(@Nullable TorchValue value, long size) {}

  private static final Frozen UNFINISHED = new Frozen(null, 0);

  private final PickleInput in;
  private final Map<Object, Frozen> known = new IdentityHashMap<>();
  private int depth;

  Freezer(PickleInput in) {
    this.in = in;
  }

  TorchValue freeze(Object root) throws TorchFileException {
    long[] size = {0};
    return freeze(root, size);
  }

  /** Freezes one object and adds its size to that of its container. */
  private TorchValue freeze(Object object, long[] around) throws TorchFileException {
    TorchValue leaf = leaf(object);
    if (leaf != null) {
      grow(around, 1);
      return leaf;
    }
    Frozen before = known.get(object);
    if (before == UNFINISHED) {
      if (object instanceof PlaceholderNode node) {
        // nodes of a configuration have a reference to their parent
        grow(around, 1);
        return new PyName(node.name);
      }
      throw in.refuse(
          Reason.CYCLE, Nodes.describe(object) + " contains itself, which no checkpoint needs");
    }
    if (before != null && before.value() != null) {
      grow(around, before.size());
      return before.value();
    }
    known.put(object, UNFINISHED);
    if (++depth > Limits.DEPTH) {
      throw in.refuse(
          Reason.LIMIT_EXCEEDED, "its containers are nested deeper than " + Limits.DEPTH);
    }
    long[] size = {1};
    TorchValue value = container(object, size);
    depth--;
    known.put(object, new Frozen(value, size[0]));
    grow(around, size[0]);
    return value;
  }

  private void grow(long[] size, long by) throws TorchFileException {
    size[0] += by;
    if (size[0] > Limits.TREE) {
      throw in.refuse(
          Reason.LIMIT_EXCEEDED,
          "containers are shared so often that they unfold to more than "
              + Limits.TREE
              + " values");
    }
  }

  private static @Nullable TorchValue leaf(Object object) {
    return switch (object) {
      case TorchValue value -> value;
      case Global global -> new PyName(global.name());
      case NumpyDtype dtype -> new PyName("numpy." + dtype.name);
      // a storage without a tensor, as in old files: all its elements, one-dimensional
      case Storage storage -> {
        long[] shape = {storage.bytes / storage.dtype.width()};
        yield new TorchTensor(storage.dtype, TensorView.contiguous(shape), storage);
      }
      default -> null;
    };
  }

  private TorchValue container(Object object, long[] size) throws TorchFileException {
    return switch (object) {
      case ListNode list -> new PyList(all(list.items, size));
      case TupleNode tuple -> new PyTuple(all(tuple.items(), size));
      case DictNode dict -> dict(dict, size);
      case PlaceholderNode node ->
          new Placeholder(
              node.name,
              all(node.arguments.items(), size),
              node.state == null ? PyNone.NONE : freeze(node.state, size),
              node.items == null ? List.of() : all(node.items.items, size),
              node.entries == null ? new PyDict(List.of()) : dict(node.entries, size));
      default -> throw new IllegalStateException(object.getClass().toString());
    };
  }

  private PyDict dict(DictNode dict, long[] size) throws TorchFileException {
    List<TorchValue> keys = all(dict.keys, size);
    List<TorchValue> values = all(dict.values, size);
    List<PyDict.Entry> entries = new ArrayList<>(keys.size());
    for (int i = 0; i < keys.size(); i++) {
      entries.add(new PyDict.Entry(keys.get(i), values.get(i)));
    }
    return new PyDict(entries);
  }

  private List<TorchValue> all(List<Object> objects, long[] size) throws TorchFileException {
    List<TorchValue> values = new ArrayList<>(objects.size());
    for (Object object : objects) {
      values.add(freeze(object, size));
    }
    return values;
  }
}
