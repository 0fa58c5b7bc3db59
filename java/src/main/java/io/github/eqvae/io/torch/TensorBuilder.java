package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.Globals.Global;
import io.github.eqvae.io.torch.Globals.Kind;
import io.github.eqvae.io.torch.Nodes.TupleNode;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes storages and tensors as a pickle describes them, after checking the description. */
final class TensorBuilder {
  private final PickleInput in;
  private final Unpickler.Budget budget;
  private final StorageSource storages;

  TensorBuilder(PickleInput in, Unpickler.Budget budget, StorageSource storages) {
    this.in = in;
    this.budget = budget;
    this.storages = storages;
  }

  /** BINPERSID: the only persistent objects are storages. */
  Storage storage(Object id) throws TorchFileException {
    if (!(id instanceof TupleNode tuple)
        || tuple.items().size() < 5
        || tuple.items().size() > 6
        || !(tuple.items().get(0) instanceof PyStr what)
        || !(tuple.items().get(2) instanceof PyStr key)
        || !(tuple.items().get(4) instanceof PyInt elements)) {
      throw in.refuse(Reason.INVALID_STORAGE, "a persistent object is not described as a storage");
    }
    List<Object> parts = tuple.items();
    if (!what.value().equals("storage")) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "a persistent object is a "
              + TorchFileException.quote(what.value())
              + ", expected a storage; a file of a whole module needs its code: save its"
              + " state_dict");
    }
    if (!(parts.get(1) instanceof Global type) || type.kind() != Kind.STORAGE) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "the type of a storage is "
              + Nodes.describe(parts.get(1))
              + ", expected a storage class");
    }
    if (key.value().isEmpty() || key.value().length() > Limits.NAME) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "the name of a storage has " + key.value().length() + " characters");
    }
    if (elements.value() < 0) {
      throw in.refuse(
          Reason.INVALID_STORAGE,
          "storage " + Nodes.describe(key) + " declares " + elements.value() + " elements");
    }
    Storage root = storages.get(in, type.dtype(), key.value(), elements.value());
    return parts.size() == 6 ? view(root, key, parts.get(5)) : root;
  }

  /** Before PyTorch 0.4 a storage could be a part of another. */
  private Storage view(Storage root, PyStr key, Object view) throws TorchFileException {
    if (view == PyNone.NONE) {
      return root;
    }
    if (view instanceof TupleNode tuple
        && tuple.items().size() == 3
        && tuple.items().get(1) instanceof PyInt from
        && tuple.items().get(2) instanceof PyInt length) {
      long elements = root.bytes / root.dtype.width();
      if (from.value() >= 0
          && length.value() >= 0
          && from.value() <= elements
          && length.value() <= elements - from.value()) {
        return root.view(from.value() * root.dtype.width(), length.value() * root.dtype.width());
      }
    }
    throw in.refuse(
        Reason.INVALID_STORAGE, "a view of storage " + Nodes.describe(key) + " is not inside it");
  }

  TorchTensor tensor(Global function, List<Object> args, @Nullable Object typed)
      throws TorchFileException {
    if (!(args.get(0) instanceof Storage storage)) {
      throw invalid("it is made of " + Nodes.describe(args.get(0)) + ", expected a storage");
    }
    TorchDtype dtype = storage.dtype;
    if (typed != null) {
      if (!(typed instanceof Global global) || global.kind() != Kind.DTYPE) {
        throw invalid("its dtype is " + Nodes.describe(typed));
      }
      dtype = global.dtype();
    }
    if (!(args.get(1) instanceof PyInt offset)) {
      throw invalid("its storage offset is " + Nodes.describe(args.get(1)));
    }
    TensorView view =
        new TensorView(longs(function, args.get(2)), longs(function, args.get(3)), offset.value());
    budget.charge(view.shape().length);
    long available = storage.bytes / dtype.width();
    long extent;
    try {
      extent = view.extent();
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw invalid(e.getMessage());
    }
    if (extent > available) {
      throw invalid("it reaches to element " + extent + " of a storage that has " + available);
    }
    // With a stride of 0 a few bytes can claim any number of elements; a copy would need memory for
    // all.
    if (view.elements() > available) {
      throw invalid(
          "it repeats a storage of "
              + available
              + " elements to "
              + view.elements()
              + "; save it with .contiguous()");
    }
    return new TorchTensor(dtype, view, storage);
  }

  private long[] longs(Global function, Object sizes) throws TorchFileException {
    List<Object> items = integers(function, sizes).items();
    return items.stream().mapToLong(item -> ((PyInt) item).value()).toArray();
  }

  TupleNode integers(Global function, Object sizes) throws TorchFileException {
    if (sizes instanceof TupleNode tuple
        && tuple.items().size() <= TensorView.MAX_RANK
        && tuple.items().stream().allMatch(item -> item instanceof PyInt)) {
      return tuple;
    }
    throw invalid(
        "the sizes given to "
            + function.name()
            + " are not a tuple of at most "
            + TensorView.MAX_RANK
            + " integers");
  }

  private TorchFileException invalid(String detail) {
    return in.refuse(Reason.INVALID_TENSOR, "a tensor is refused: " + detail);
  }
}
