package io.github.eqvae.nn;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.GradientTarget;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A named tensor of a model: learned, or a buffer such as a running mean. Exists once its store is
 * built.
 */
public final class Parameter implements GradientTarget {
  private final String name;
  private final Shape shape;
  private final Init init;
  private final Kind kind;
  private @Nullable ParameterStore store;
  private @Nullable Tensor value;
  private @Nullable Tensor gradient;
  private @Nullable Tensor packed;
  private long offset;
  private boolean fresh = true;
  private boolean complete;
  private @Nullable Consumer<Parameter> onComplete;
  private boolean frozen;

  /** How a parameter is used. */
  enum Kind {
    LEARNED,
    /** Learned, and its layer reads the packed copy if the store keeps one. */
    PACKABLE,
    BUFFER
  }

  Parameter(String name, Shape shape, Init init, Kind kind) {
    this.name = name;
    this.shape = shape;
    this.init = init;
    this.kind = kind;
  }

  void bind(ParameterStore owner, long first, Tensor memory, @Nullable Tensor gradientMemory) {
    store = owner;
    offset = first;
    value = memory;
    gradient = gradientMemory;
  }

  /**
   * The name, as in checkpoints.
   *
   * @return the full dotted name
   */
  public String name() {
    return name;
  }

  /**
   * The shape, as PyTorch stores it.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * Where a learned parameter lies in {@link ParameterStore#values()}.
   *
   * @return the position of its first element
   */
  public long offset() {
    return offset;
  }

  /**
   * Whether this is state that is not learned.
   *
   * @return true for running statistics
   */
  public boolean isBuffer() {
    return kind == Kind.BUFFER;
  }

  void freeze() {
    frozen = true;
  }

  /**
   * Whether it is frozen: it keeps its value while others are trained.
   *
   * @return true after {@link ParameterStore#freeze}
   */
  public boolean isFrozen() {
    return frozen;
  }

  boolean isPackable() {
    return kind == Kind.PACKABLE;
  }

  void bindPacked(Tensor copy) {
    packed = copy;
  }

  /**
   * The copy of a layer's weight in the order of tensor cores.
   *
   * @return null unless the store {@linkplain ParameterStore#keepPacked keeps} such copies
   */
  public @Nullable Tensor packed() {
    return packed;
  }

  Init init() {
    return init;
  }

  /**
   * The value for use in a forward pass; the tape computes its gradient unless the store is frozen.
   *
   * @param tape the tape
   * @return the value
   */
  public Tensor on(Tape tape) {
    if (frozen || isBuffer() || !tape.isLearning() || store == null || !store.isTrainable()) {
      return value();
    }
    return tape.watch(this);
  }

  @Override
  public Tensor value() {
    return built(value);
  }

  @Override
  public Tensor gradient() {
    return built(gradient);
  }

  private Tensor built(@Nullable Tensor tensor) {
    if (tensor == null) {
      throw new EqvaeException.Internal(
          "Parameter " + name + " has no memory: its store was not built or keeps no gradients");
    }
    return tensor;
  }

  @Override
  public boolean isFresh() {
    return fresh;
  }

  @Override
  public void markWritten() {
    if (complete) {
      throw new EqvaeException.Internal(
          "Parameter "
              + name
              + " gets a gradient after its gradient was complete and sent: a part of a phase has"
              + " two backward passes");
    }
    fresh = false;
  }

  void refresh() {
    fresh = true;
    complete = false;
  }

  /**
   * Registers an action that is called when a backward pass has completed this gradient. It is not
   * called if the pass does not reach the parameter.
   *
   * @param action gets the parameter, in the thread of the pass, which continues afterwards; null
   *     removes it
   */
  public void onComplete(@Nullable Consumer<Parameter> action) {
    onComplete = action;
  }

  @Override
  public void completed() {
    if (onComplete != null) {
      onComplete.accept(this);
      complete = true;
    }
  }

  @Override
  public String toString() {
    return name + shape;
  }
}
