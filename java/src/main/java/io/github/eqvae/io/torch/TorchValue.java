package io.github.eqvae.io.torch;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A value in a checkpoint: Python's plain values and containers, and tensors. A value that was read
 * cannot contain itself, and contains at most 2<sup>22</sup> values even if shared ones are counted
 * each time, so code can visit it safely. The names are those of Python's types; a set, which has
 * no order, is a list here.
 */
public sealed interface TorchValue
    permits TorchValue.PyNone,
        TorchValue.PyBool,
        TorchValue.PyInt,
        TorchValue.PyBigInt,
        TorchValue.PyFloat,
        TorchValue.PyStr,
        TorchValue.PyBytes,
        TorchValue.PyList,
        TorchValue.PyTuple,
        TorchValue.PyDict,
        TorchValue.PyName,
        TorchValue.Placeholder,
        TorchTensor {

  /** Python's {@code None}. */
  enum PyNone implements TorchValue {
    /** The only one. */
    NONE
  }

  /**
   * A {@code bool}.
   *
   * @param value its value
   */
  record PyBool(boolean value) implements TorchValue {}

  /**
   * An {@code int} of at most 64 bits.
   *
   * @param value its value
   */
  record PyInt(long value) implements TorchValue {}

  /**
   * An {@code int} of more than 64 bits.
   *
   * @param value its value
   */
  record PyBigInt(BigInteger value) implements TorchValue {}

  /**
   * A {@code float}.
   *
   * @param value its value
   */
  record PyFloat(double value) implements TorchValue {}

  /**
   * A {@code str}.
   *
   * @param value its text
   */
  record PyStr(String value) implements TorchValue {}

  /**
   * A {@code bytes} or {@code bytearray}.
   *
   * @param value its bytes
   */
  record PyBytes(byte[] value) implements TorchValue {
    /** Copies the bytes, so that the value cannot change. */
    public PyBytes {
      value = value.clone();
    }

    /**
     * The bytes.
     *
     * @return a copy
     */
    @Override
    public byte[] value() {
      return value.clone();
    }

    int size() {
      return value.length;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof PyBytes that && Arrays.equals(value, that.value);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(value);
    }

    /** The size only: the content may be large. */
    @Override
    public String toString() {
      return "PyBytes of " + value.length;
    }
  }

  /**
   * A {@code list}, or a set.
   *
   * @param values its items
   */
  record PyList(List<TorchValue> values) implements TorchValue {
    /** Copies the items, so that the value cannot change. */
    public PyList {
      values = List.copyOf(values);
    }

    /** The size only: they may be many. */
    @Override
    public String toString() {
      return "PyList of " + values.size();
    }
  }

  /**
   * A {@code tuple}.
   *
   * @param values its items
   */
  record PyTuple(List<TorchValue> values) implements TorchValue {
    /** Copies the items, so that the value cannot change. */
    public PyTuple {
      values = List.copyOf(values);
    }

    /** The size only: they may be many. */
    @Override
    public String toString() {
      return "PyTuple of " + values.size();
    }
  }

  /**
   * A Python object that is only named, such as {@code torch.float32} or a class.
   *
   * @param value module and name, with a dot between
   */
  record PyName(String value) implements TorchValue {}

  /**
   * An object of a class that is known to be harmless and is not needed here, such as a Lightning
   * callback or an OmegaConf node. The object was not made and its class was not looked up: this is
   * only the file's description of it. If such an object contains itself, only its {@link PyName}
   * is there.
   *
   * @param name module and name of the class, with a dot between
   * @param arguments arguments of the call of the class
   * @param state the object's state; None if none was set
   * @param items the items appended to it, if it is a list
   * @param entries the entries put into it, if it is a dict
   */
  record Placeholder(
      String name,
      List<TorchValue> arguments,
      TorchValue state,
      List<TorchValue> items,
      PyDict entries)
      implements TorchValue {
    /** Copies the lists, so that the value cannot change. */
    public Placeholder {
      arguments = List.copyOf(arguments);
      items = List.copyOf(items);
    }

    /**
     * The kind of tensor, if this is one that cannot be read here.
     *
     * @return for example {@code sparse}; empty if this is not a tensor
     */
    public Optional<String> tensorKind() {
      return Optional.ofNullable(
          switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "_rebuild_sparse_tensor" -> "sparse";
            case "_rebuild_qtensor" -> "quantized";
            case "_rebuild_nested_tensor", "_rebuild_njt" -> "nested";
            case "_rebuild_meta_tensor_no_storage" -> "meta (without numbers)";
            case "_rebuild_tensor_v2" -> "lazily conjugated or negated";
            case "_rebuild_tensor_v3" -> "of a type that is not known";
            case "_rebuild_wrapper_subclass",
                "_rebuild_device_tensor_from_numpy",
                "_rebuild_device_tensor_from_cpu_tensor" ->
                "of a class of its own";
            default -> null;
          });
    }

    /** The name only: the rest may be large. */
    @Override
    public String toString() {
      return "Placeholder for " + name;
    }
  }

  /**
   * A {@code dict}, {@code OrderedDict}, {@code defaultdict} or {@code Counter}. Keys are strings,
   * integers or names, each once, in the order of the file.
   */
  final class PyDict implements TorchValue {
    /**
     * A key and its value.
     *
     * @param key a {@link PyStr}, {@link PyInt} or {@link PyName}
     * @param value the value
     */
    public record Entry(TorchValue key, TorchValue value) {}

    private final List<Entry> entries;

    // Two maps, each of one comparable class: in a map of both, colliding keys could make every
    // look-up slow.
    private final Map<String, TorchValue> strings;
    private final Map<Long, TorchValue> integers;

    PyDict(List<Entry> entries) {
      this.entries = List.copyOf(entries);
      Map<String, TorchValue> texts = new HashMap<>();
      Map<Long, TorchValue> numbers = new HashMap<>();
      for (Entry entry : entries) {
        switch (entry.key()) {
          case PyStr key -> texts.put(key.value(), entry.value());
          case PyInt key -> numbers.put(key.value(), entry.value());
          default -> {}
        }
      }
      // most dicts of a checkpoint are empty: every tensor has one
      strings = texts.isEmpty() ? Map.of() : texts;
      integers = numbers.isEmpty() ? Map.of() : numbers;
    }

    /**
     * A dict with strings for keys.
     *
     * @param values its entries, in the map's order
     * @return the dict
     */
    public static PyDict of(Map<String, ? extends TorchValue> values) {
      List<Entry> entries = new ArrayList<>(values.size());
      values.forEach((key, value) -> entries.add(new Entry(new PyStr(key), value)));
      return new PyDict(entries);
    }

    /**
     * A dict with integers for keys, such as the state of an optimiser.
     *
     * @param values its entries, in the map's order
     * @return the dict
     */
    public static PyDict numbered(Map<Long, ? extends TorchValue> values) {
      List<Entry> entries = new ArrayList<>(values.size());
      values.forEach((key, value) -> entries.add(new Entry(new PyInt(key), value)));
      return new PyDict(entries);
    }

    /**
     * All entries.
     *
     * @return in the order of the file
     */
    public List<Entry> entries() {
      return entries;
    }

    /**
     * The value of a string.
     *
     * @param key the string
     * @return its value, if it has one
     */
    public Optional<TorchValue> get(String key) {
      return Optional.ofNullable(strings.get(key));
    }

    /**
     * The value of an integer.
     *
     * @param key the integer
     * @return its value, if it has one
     */
    public Optional<TorchValue> get(long key) {
      return Optional.ofNullable(integers.get(key));
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof PyDict that && entries.equals(that.entries);
    }

    @Override
    public int hashCode() {
      return entries.hashCode();
    }

    /** The size only: there may be many entries. */
    @Override
    public String toString() {
      return "PyDict of " + entries.size();
    }
  }
}
