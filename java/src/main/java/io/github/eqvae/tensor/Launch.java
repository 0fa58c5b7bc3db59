package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Builds one native call: first the fields of the parameter struct in order, then the tensors. Its
 * stream reuses it, so a call allocates nothing.
 */
public final class Launch {
  private final Stream stream;
  private Fn fn = Fn.NOOP;
  private @Nullable Struct params;
  private int field;
  private boolean pending;

  Launch(Stream stream) {
    this.stream = stream;
  }

  Launch begin(Fn function, @Nullable Struct struct) {
    if (pending) {
      pending = false;
      throw new EqvaeException.Internal(
          function.symbol()
              + " was begun while "
              + fn.symbol()
              + " was being put together:"
              + " compute the arguments before");
    }
    pending = true;
    fn = function;
    params = struct;
    field = 1;
    if (struct != null) {
      stream.frame().set(ValueLayout.JAVA_INT, 0, struct.size());
    }
    return this;
  }

  private long next(String type) {
    if (params == null || field >= params.fieldCount() || !params.type(field).equals(type)) {
      throw new EqvaeException.Internal(
          fn.symbol() + ": field " + field + " of " + params + " is not of type " + type);
    }
    return params.offset(field++);
  }

  /**
   * The next field, an {@code int32_t}.
   *
   * @param value its value
   * @return this
   */
  public Launch i32(long value) {
    stream.frame().set(ValueLayout.JAVA_INT, next("i32"), Math.toIntExact(value));
    return this;
  }

  /**
   * The next field, an {@code int32_t} used as a truth value.
   *
   * @param value its value
   * @return this
   */
  public Launch flag(boolean value) {
    return i32(value ? 1 : 0);
  }

  /**
   * The next field, a {@code uint64_t}.
   *
   * @param value its bits
   * @return this
   */
  public Launch u64(long value) {
    stream.frame().set(ValueLayout.JAVA_LONG, next("u64"), value);
    return this;
  }

  /**
   * The next field, a {@code float}.
   *
   * @param value its value
   * @return this
   */
  public Launch f32(double value) {
    stream.frame().set(ValueLayout.JAVA_FLOAT, next("f32"), (float) value);
    return this;
  }

  /**
   * The next field, a {@code double}.
   *
   * @param value its value
   * @return this
   */
  public Launch f64(double value) {
    stream.frame().set(ValueLayout.JAVA_DOUBLE, next("f64"), value);
    return this;
  }

  /**
   * Makes the call.
   *
   * @param tensors the tensors in the order of the C function; null where it takes NULL
   * @throws EqvaeException when the native side refuses or fails
   */
  public void run(@Nullable Tensor... tensors) {
    pending = false;
    if (params != null && field != params.fieldCount()) {
      throw new EqvaeException.Internal(
          fn.symbol() + ": " + (params.fieldCount() - field) + " fields of " + params + " missing");
    }
    stream.call(fn, params != null, tensors);
  }
}
