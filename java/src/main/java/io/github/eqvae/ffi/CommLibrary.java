package io.github.eqvae.ffi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The functions of {@code eqv_comm.h}, through which GPUs of several processes exchange numbers.
 * Libraries of GPUs have them, others do not.
 */
public final class CommLibrary {
  /** Bytes of the identifier that the ranks of a group share. */
  public static final int ID_BYTES = 128;

  /** {@code EQV_COMM_VERSION} that this class was written for. */
  static final long VERSION = 1;

  /** The functions, with their number of arguments. */
  public enum Function {
    /** {@code eqv_comm_version}. */
    VERSION(1),
    /** {@code eqv_comm_devices}. */
    DEVICES(1),
    /** {@code eqv_comm_load}. */
    LOAD(2),
    /** {@code eqv_comm_id}. */
    ID(1),
    /** {@code eqv_comm_open}. */
    OPEN(5),
    /** {@code eqv_comm_exchange}. */
    EXCHANGE(3),
    /** {@code eqv_comm_all_gather}. */
    ALL_GATHER(5),
    /** {@code eqv_comm_all_reduce}. */
    ALL_REDUCE(5),
    /** {@code eqv_comm_broadcast}. */
    BROADCAST(4),
    /** {@code eqv_comm_wait}. */
    WAIT(4),
    /** {@code eqv_comm_close}. */
    CLOSE(2);

    private final int arity;

    Function(int arity) {
      this.arity = arity;
    }

    /**
     * The C symbol.
     *
     * @return its name
     */
    public String symbol() {
      return "eqv_comm_" + name().toLowerCase(Locale.ROOT);
    }

    int arity() {
      return arity;
    }
  }

  private final NativeLibrary library;
  private final MemorySegment[] functions = new MemorySegment[Function.values().length];

  private CommLibrary(NativeLibrary library) {
    this.library = library;
    for (Function function : Function.values()) {
      functions[function.ordinal()] =
          library.find(function.symbol()).orElseThrow(() -> other("has no " + function.symbol()));
    }
    long theirs = ask(Function.VERSION);
    if (theirs != VERSION) {
      throw other("has version " + theirs + " of them, this jar " + VERSION);
    }
  }

  private EqvaeException.Environment other(String why) {
    return new EqvaeException.Environment(
        library.path()
            + " and this jar disagree on the functions of eqv_comm.h: it "
            + why
            + ". Rebuild both with `mvn verify`.");
  }

  /**
   * These functions of a library.
   *
   * @param library of a backend
   * @return empty where it has none
   * @throws EqvaeException.Environment when they are of another version
   */
  public static Optional<CommLibrary> of(NativeLibrary library) {
    return library.find(Function.VERSION.symbol()).isEmpty()
        ? Optional.empty()
        : Optional.of(new CommLibrary(library));
  }

  /**
   * Calls a function.
   *
   * @param function which
   * @param arguments handles, addresses or 64-bit integers
   */
  public void call(Function function, long... arguments) {
    if (arguments.length != function.arity) {
      throw new EqvaeException.Internal(
          function.symbol() + " takes " + function.arity + " arguments, got " + arguments.length);
    }
    library.call(functions[function.ordinal()], arguments);
  }

  /**
   * Calls a function whose last argument is where it writes a number.
   *
   * @param function which
   * @param before its other arguments
   * @return the number
   */
  public long ask(Function function, long... before) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      long[] all = Arrays.copyOf(before, before.length + 1);
      all[before.length] = out.address();
      call(function, all);
      return out.get(JAVA_LONG, 0);
    }
  }
}
