package io.github.eqvae.nn;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of a model, by name, in one flat tensor: the optimiser, the average and norms need
 * only one call over {@link #values()}. Each parameter starts at a multiple of 64 bytes; the
 * padding between parameters is always zero.
 */
public final class ParameterStore implements AutoCloseable {
  private static final int ALIGN = 16;

  /** Collects declarations before memory is allocated. */
  public static final class Builder {
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();

    /** Creates an empty builder. */
    public Builder() {}

    /**
     * The root scope.
     *
     * @return a scope without prefix
     */
    public Scope root() {
      return new Scope(this, "");
    }

    Parameter add(Parameter parameter) {
      if (parameters.putIfAbsent(parameter.name(), parameter) != null) {
        throw new EqvaeException.Internal("Two parameters have the name " + parameter.name());
      }
      return parameter;
    }

    /**
     * Allocates everything that was declared and writes the initial values.
     *
     * @param stream orders the work
     * @param seed the run's seed
     * @param gradients whether memory for gradients is needed (training)
     * @return the store
     */
    public ParameterStore build(Stream stream, long seed, boolean gradients) {
      return new ParameterStore(stream, seed, gradients, parameters);
    }
  }

  private final TensorArena arena;
  private final Map<String, Parameter> parameters;
  private final List<Parameter> learned = new ArrayList<>();
  private final List<Parameter> buffers = new ArrayList<>();
  private final Tensor values;
  private final @Nullable Tensor gradients;
  private final List<Tensor> kept = new ArrayList<>();
  private final List<Parameter> packable = new ArrayList<>();
  private @Nullable PackedWeights packed;
  private boolean trainable;
  private List<Range> moving;

  private ParameterStore(
      Stream stream, long seed, boolean withGradients, Map<String, Parameter> declared) {
    parameters = Collections.unmodifiableMap(new LinkedHashMap<>(declared));
    long size = 0;
    for (Parameter p : parameters.values()) {
      (p.isBuffer() ? buffers : learned).add(p);
      size += p.isBuffer() ? 0 : aligned(p.shape());
    }
    // nothing is freed before the store is closed, so the arena need not grow in larger blocks
    arena = new TensorArena(stream.device(), "parameters", false);
    trainable = withGradients;
    values = arena.tensor(Shape.of(Math.max(size, ALIGN)));
    values.fill(stream, 0);
    gradients = withGradients ? arena.tensor(values.shape()) : null;
    if (gradients != null) {
      gradients.fill(stream, 0);
    }
    moving = List.of(new Range(0, values.shape().elements()));
    long offset = 0;
    for (Parameter p : learned) {
      p.bind(this, offset, view(values, offset, p.shape()), view(gradients, offset, p.shape()));
      if (p.isPackable()) {
        packable.add(p);
      }
      offset += aligned(p.shape());
    }
    for (Parameter p : buffers) {
      p.bind(this, 0, arena.tensor(p.shape()), null);
    }
    for (Parameter p : parameters.values()) {
      p.init().apply(stream, p.value(), seed, purpose(p.name()));
    }
  }

  /** The size of a parameter in a flat tensor. */
  static long aligned(Shape shape) {
    return (shape.elements() + ALIGN - 1) / ALIGN * ALIGN;
  }

  /** The part of a flat tensor laid out like {@link #values()} that belongs to one parameter. */
  private static @org.jspecify.annotations.NullUnmarked Tensor view(
      Tensor flat, long offset, Shape shape) {
    return flat == null ? null : flat.narrow(0, offset, shape.elements()).reshape(shape);
  }

  /** FNV-1a of the name: the same name gives the same initial values anywhere in the model. */
  private static long purpose(String name) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
    }
    return hash;
  }

  /**
   * A parameter or buffer.
   *
   * @param name its full name
   * @return the parameter
   * @throws EqvaeException.Argument when there is no parameter with that name
   */
  public Parameter get(String name) {
    Parameter p = parameters.get(name);
    if (p == null) {
      throw new EqvaeException.Argument("The model has no parameter named " + name);
    }
    return p;
  }

  /**
   * Everything in the store.
   *
   * @return parameters and buffers in the order of declaration
   */
  public Collection<Parameter> all() {
    return parameters.values();
  }

  /**
   * The learned parameters.
   *
   * @return the parameters in the order of {@link #values()}
   */
  public List<Parameter> learned() {
    return Collections.unmodifiableList(learned);
  }

  /**
   * The position of each learned parameter in a flat tensor laid out like {@link #values()}, such
   * as a moment in a checkpoint.
   *
   * @return the number of its first element by name, in the order of the values
   */
  public Map<String, Long> offsets() {
    Map<String, Long> first = new LinkedHashMap<>();
    long offset = 0;
    for (Parameter p : learned) {
      first.put(p.name(), offset);
      offset += aligned(p.shape());
    }
    return first;
  }

  /**
   * State that is not learned.
   *
   * @return the buffers in the order of declaration
   */
  public List<Parameter> buffers() {
    return Collections.unmodifiableList(buffers);
  }

  /**
   * The number of learned values.
   *
   * @return elements of all learned parameters, padding not counted
   */
  public long count() {
    return learned.stream().mapToLong(p -> p.shape().elements()).sum();
  }

  /**
   * All learned parameters as one flat tensor. After writing to it, or to the value of a parameter,
   * call {@link #repack}.
   *
   * @return the memory itself, not a copy
   */
  public Tensor values() {
    return values;
  }

  /**
   * All gradients as one flat tensor, laid out like {@link #values()}. Parameters without a
   * gradient since {@link #newUpdate} have zeros.
   *
   * @param stream orders the work
   * @return the memory itself, not a copy
   * @throws EqvaeException.Argument when the store was built without gradients
   */
  public Tensor gradients(Stream stream) {
    if (gradients == null) {
      throw new EqvaeException.Argument("This model was built without memory for gradients");
    }
    for (Parameter p : learned) {
      if (p.isFresh()) {
        p.gradient().fill(stream, 0);
        p.markWritten();
      }
    }
    return gradients;
  }

  /**
   * Marks all gradients as written, after a graph wrote them instead of a tape ({@link
   * io.github.eqvae.tensor.Graph}).
   */
  public void gradientsWritten() {
    learned.forEach(Parameter::markWritten);
  }

  TensorArena arena() {
    return arena;
  }

  /** Starts a new update: the next gradients replace the old ones. */
  public void newUpdate() {
    learned.forEach(Parameter::refresh);
  }

  /**
   * A flat tensor laid out like {@link #values()}, for moments and averages.
   *
   * @param stream orders the work
   * @return zeros, owned by this store
   */
  public Tensor like(Stream stream) {
    Tensor t = arena.tensor(values.shape());
    t.fill(stream, 0);
    return t;
  }

  /**
   * Copies a flat tensor into the values: switches to averaged weights and back.
   *
   * @param stream orders the work
   * @param flat a tensor from {@link #like}
   */
  public void load(Stream stream, Tensor flat) {
    stream.launch(Fn.COPY).run(flat, values);
    repack(stream);
  }

  /**
   * From now on keeps a packed copy of the weights, in the order in which tensor cores read them
   * with bf16 activations, for the operations that {@linkplain
   * io.github.eqvae.op.Op#readsPackedWeight read it}. A copy takes 4 bytes per weight; {@link
   * AdamOptimizer#update} writes it with the values. Without copies, or if the device does not
   * {@linkplain io.github.eqvae.tensor.DeviceInfo#readsPackedWeights read} them, these operations
   * pack their weights in every call, with the same results.
   *
   * @param stream orders the work
   */
  public void keepPacked(Stream stream) {
    if (packed == null && !packable.isEmpty() && stream.device().info().readsPackedWeights()) {
      List<PackedWeights.Source> sources = new ArrayList<>();
      packable.forEach(p -> sources.add(new PackedWeights.Source(matrix(p.shape()), p.offset())));
      PackedWeights made = new PackedWeights(stream, arena, sources);
      Iterator<Tensor> copies = made.copies().iterator();
      packable.forEach(p -> p.bindPacked(copies.next()));
      packed = made;
      repack(stream);
    }
  }

  /**
   * Updates the copies of {@link #keepPacked}, if there are any. Call it after writing values;
   * otherwise operations compute with old weights. (The shim checks the copies in every call, so
   * tests find a missing call.)
   *
   * @param stream orders the work
   */
  public void repack(Stream stream) {
    if (packed != null) {
      packed.write(stream, values);
    }
  }

  /** The shape of a weight as a convolution; a matrix is a 1×1 convolution. */
  private static Shape matrix(Shape weight) {
    return weight.rank() == 2 ? Shape.of(weight.dim(0), weight.dim(1), 1, 1) : weight;
  }

  @Nullable PackedWeights packed() {
    return packed;
  }

  /**
   * Freezes parameters: from now on they get no gradients, and updates do not change them or their
   * moments.
   *
   * @param names whether a parameter of that name is frozen
   * @throws EqvaeException.Argument when no parameter would be left to train
   */
  public void freeze(Predicate<String> names) {
    learned.stream().filter(p -> names.test(p.name())).forEach(Parameter::freeze);
    List<Range> ranges = Range.moving(learned);
    if (ranges.isEmpty()) {
      throw new EqvaeException.Argument("All parameters are frozen: there is nothing to train");
    }
    moving = List.copyOf(ranges);
  }

  /** The ranges of the values that updates change. */
  List<Range> moving() {
    return moving;
  }

  /**
   * Whether tapes compute gradients for this store.
   *
   * @return true unless frozen
   */
  public boolean isTrainable() {
    return trainable;
  }

  /**
   * Freezes or unfreezes all parameters: in the autoencoder's step the discriminator is frozen, and
   * vice versa.
   *
   * @param value false to freeze
   */
  public void setTrainable(boolean value) {
    if (value && gradients == null) {
      throw new EqvaeException.Argument("This model was built without memory for gradients");
    }
    trainable = value;
  }

  /**
   * Memory of parameters, gradients, packed copies and the tensors of {@link #like}.
   *
   * @return bytes
   */
  public long bytes() {
    return arena.used();
  }

  /**
   * Saves the current buffers for {@link #restoreBuffers}.
   *
   * @param stream orders the copies
   */
  public void keepBuffers(Stream stream) {
    if (kept.isEmpty()) {
      buffers.forEach(b -> kept.add(arena.tensor(b.shape())));
    }
    for (int i = 0; i < kept.size(); i++) {
      buffers.get(i).value().copyTo(stream, kept.get(i));
    }
  }

  /**
   * Restores the buffers of {@link #keepBuffers}: running statistics must not keep the effect of a
   * batch with NaN.
   *
   * @param stream orders the copies
   */
  public void restoreBuffers(Stream stream) {
    for (int i = 0; i < kept.size(); i++) {
      kept.get(i).copyTo(stream, buffers.get(i).value());
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
