package io.github.eqvae.io.torch;

import static io.github.eqvae.io.torch.TorchFileException.quote;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The Python objects that a pickle may name. No class or method is looked up by such a name: it is
 * only a key of the table below, and names that are not in the table are refused.
 */
final class Globals {
  /** What can be done with a name. */
  enum Kind {
    REBUILD_TENSOR,
    REBUILD_TENSOR_V2,
    REBUILD_TENSOR_V3,
    REBUILD_PARAMETER,
    REBUILD_PARAMETER_WITH_STATE,
    REBUILD_FROM_TYPE,
    /** A tensor class, which is an argument of {@link #REBUILD_FROM_TYPE}. */
    TENSOR_TYPE,
    DICT,
    DEFAULT_DICT,
    SIZE,
    LIST,
    BYTES,
    ENCODE,
    /** Returns its first argument: libtorch wraps lists and dicts to record their types. */
    FIRST,
    NUMPY_SCALAR,
    NUMPY_DTYPE,
    /** A storage class: part of a storage's identity. */
    STORAGE,
    /** The name itself is a value; it is not called. */
    DTYPE,
    /** A name on the second list; calling it makes a placeholder. */
    INERT
  }

  /**
   * A name on one of the lists.
   *
   * @param name module and name
   * @param kind what can be done with it
   * @param dtype of a storage class or dtype
   */
  record Global(String name, Kind kind, @Nullable TorchDtype dtype) {}

  /**
   * Classes of objects that occur in published checkpoints beside the weights and contain only
   * data, and functions that make tensors of kinds that eqvae does not have (sparse, quantised,
   * nested, without numbers). They become placeholders. Protocol 2 uses the names of int and str
   * from Python 2.
   */
  private static final List<String> INERT =
      List.of(
          "argparse.Namespace",
          "builtins.bool",
          "builtins.complex",
          "builtins.dict",
          "builtins.float",
          "builtins.int",
          "builtins.list",
          "builtins.long",
          "builtins.str",
          "builtins.tuple",
          "builtins.unicode",
          "datetime.datetime",
          "datetime.timedelta",
          "lightning.fabric.utilities.data.AttributeDict",
          "lightning.pytorch.callbacks.early_stopping.EarlyStopping",
          "lightning.pytorch.callbacks.lr_monitor.LearningRateMonitor",
          "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
          "lightning.pytorch.utilities.parsing.AttributeDict",
          "lightning_fabric.utilities.data.AttributeDict",
          "numpy._core.multiarray._reconstruct",
          "numpy.core.multiarray._reconstruct",
          "numpy.ndarray",
          "omegaconf.base.ContainerMetadata",
          "omegaconf.base.Metadata",
          "omegaconf.dictconfig.DictConfig",
          "omegaconf.listconfig.ListConfig",
          "omegaconf.nodes.AnyNode",
          "omegaconf.nodes.BooleanNode",
          "omegaconf.nodes.FloatNode",
          "omegaconf.nodes.IntegerNode",
          "omegaconf.nodes.StringNode",
          "pathlib.PosixPath",
          "pathlib.PurePosixPath",
          "pathlib.PureWindowsPath",
          "pathlib.WindowsPath",
          "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
          "pytorch_lightning.callbacks.gpu_stats_monitor.GPUStatsMonitor",
          "pytorch_lightning.callbacks.lr_monitor.LearningRateMonitor",
          "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
          "pytorch_lightning.utilities.parsing.AttributeDict",
          "torch._dynamo.decorators._DimRange",
          "torch._utils._rebuild_device_tensor_from_cpu_tensor",
          "torch._utils._rebuild_device_tensor_from_numpy",
          "torch._utils._rebuild_meta_tensor_no_storage",
          "torch._utils._rebuild_nested_tensor",
          "torch._utils._rebuild_qtensor",
          "torch._utils._rebuild_sparse_tensor",
          "torch._utils._rebuild_wrapper_subclass",
          "torch.bits16",
          "torch.bits1x8",
          "torch.bits2x4",
          "torch.bits4x2",
          "torch.bits8",
          "torch.device",
          "torch.nested._internal.nested_tensor.NestedTensor",
          "torch.nested._internal.nested_tensor._rebuild_njt",
          "torch.per_channel_affine",
          "torch.per_channel_affine_float_qparams",
          "torch.per_channel_symmetric",
          "torch.per_tensor_affine",
          "torch.per_tensor_symmetric",
          "torch.qint32",
          "torch.qint8",
          "torch.quint2x4",
          "torch.quint4x2",
          "torch.quint8",
          "torch.serialization._get_layout",
          "torch.torch_version.TorchVersion",
          "typing.Any");

  /** Modules that a file of tensors never needs, but attacks usually do. */
  private static final Set<String> ATTACK =
      Set.of(
          "asyncio",
          "bdb",
          "code",
          "commands",
          "ctypes",
          "functools",
          "importlib",
          "io",
          "nt",
          "operator",
          "os",
          "pdb",
          "pickle",
          "pip",
          "posix",
          "pty",
          "requests",
          "runpy",
          "shutil",
          "socket",
          "subprocess",
          "sys",
          "timeit",
          "types",
          "urllib",
          "webbrowser");

  private static final Map<String, Global> ALLOWED = allowed();

  private Globals() {}

  private static Map<String, Global> allowed() {
    Map<String, Global> table = new HashMap<>();
    put(table, "torch._utils._rebuild_tensor", Kind.REBUILD_TENSOR);
    put(table, "torch._utils._rebuild_tensor_v2", Kind.REBUILD_TENSOR_V2);
    put(table, "torch._utils._rebuild_tensor_v3", Kind.REBUILD_TENSOR_V3);
    put(table, "torch._utils._rebuild_parameter", Kind.REBUILD_PARAMETER);
    put(table, "torch._utils._rebuild_parameter_with_state", Kind.REBUILD_PARAMETER_WITH_STATE);
    put(table, "torch._tensor._rebuild_from_type_v2", Kind.REBUILD_FROM_TYPE);
    put(table, "torch.Tensor", Kind.TENSOR_TYPE);
    put(table, "torch.nn.parameter.Parameter", Kind.TENSOR_TYPE);
    put(table, "torch.nn.parameter.Buffer", Kind.TENSOR_TYPE);
    put(table, "torch.Size", Kind.SIZE);
    put(table, "collections.OrderedDict", Kind.DICT);
    put(table, "collections.Counter", Kind.DICT);
    put(table, "collections.defaultdict", Kind.DEFAULT_DICT);
    put(table, "builtins.set", Kind.LIST);
    put(table, "builtins.frozenset", Kind.LIST);
    put(table, "builtins.bytes", Kind.BYTES);
    put(table, "builtins.bytearray", Kind.BYTES);
    put(table, "_codecs.encode", Kind.ENCODE);
    for (String type : List.of("int", "double", "bool", "tensor")) {
      put(table, "torch.jit._pickle.build_" + type + "list", Kind.FIRST);
    }
    put(table, "torch.jit._pickle.restore_type_tag", Kind.FIRST);
    // Lightning keeps scores as numpy scalars. numpy 2 renamed the module.
    put(table, "numpy.core.multiarray.scalar", Kind.NUMPY_SCALAR);
    put(table, "numpy._core.multiarray.scalar", Kind.NUMPY_SCALAR);
    put(table, "numpy.dtype", Kind.NUMPY_DTYPE);
    for (TorchDtype dtype : TorchDtype.values()) {
      String name = "torch." + dtype.torchName();
      table.put(name, new Global(name, Kind.DTYPE, dtype));
      if (dtype.storage() != null) {
        storage(table, "torch." + dtype.storage(), dtype);
      }
    }
    // the integer types in the storages of quantised tensors, which are placeholders
    storage(table, "torch.QInt8Storage", TorchDtype.INT8);
    storage(table, "torch.QUInt8Storage", TorchDtype.UINT8);
    storage(table, "torch.QInt32Storage", TorchDtype.INT32);
    storage(table, "torch.QUInt4x2Storage", TorchDtype.UINT8);
    storage(table, "torch.QUInt2x4Storage", TorchDtype.UINT8);
    for (String untyped : List.of("torch.UntypedStorage", "torch.storage.UntypedStorage")) {
      storage(table, untyped, TorchDtype.UINT8);
    }
    INERT.forEach(name -> put(table, name, Kind.INERT));
    return Map.copyOf(table);
  }

  private static void put(Map<String, Global> table, String name, Kind kind) {
    table.put(name, new Global(name, kind, null));
  }

  private static void storage(Map<String, Global> table, String name, TorchDtype dtype) {
    table.put(name, new Global(name, Kind.STORAGE, dtype));
  }

  /** The meaning of a name, or the exception that refuses it. */
  static Global resolve(PickleInput in, String module, String name, TorchFile.Mode mode)
      throws TorchFileException {
    // protocol 2 uses the module's name from Python 2
    String home = module.equals("__builtin__") ? "builtins" : module;
    Global global = name.indexOf('.') >= 0 ? null : ALLOWED.get(home + "." + name);
    if (global == null) {
      throw in.refuse(Reason.FORBIDDEN_GLOBAL, unknown(home, name));
    }
    if (global.kind() == Kind.INERT && mode == TorchFile.Mode.STRICT) {
      throw in.refuse(
          Reason.FORBIDDEN_GLOBAL,
          "it names "
              + quote(global.name())
              + ", which strict mode refuses; open it in mode PLACEHOLDERS, or "
              + RESAVE);
    }
    return global;
  }

  private static final String RESAVE =
      "save the weights alone, in Python: torch.save(ckpt['state_dict'], 'weights.pt')";

  private static String unknown(String module, String name) {
    int dot = module.indexOf('.');
    boolean attack =
        ATTACK.contains(dot < 0 ? module : module.substring(0, dot)) || module.equals("builtins");
    return "it names the Python object "
        + quote(module + "." + name)
        + ", which neither tensors nor containers need, so nothing was run or built. "
        + (attack
            ? "This is how a pickle runs a command: unless you know why it is there, do not load"
                + " the file in Python"
            : "If you trust the file, " + RESAVE);
  }
}
