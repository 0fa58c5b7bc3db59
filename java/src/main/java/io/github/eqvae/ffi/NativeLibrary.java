package io.github.eqvae.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * One backend library. All libraries export the same symbols. Each is opened by its absolute path,
 * so one process can use several.
 *
 * <p>Every argument is passed as a 64-bit integer: a handle, an address or a size. (The two
 * functions with 32-bit arguments have their own method handles.) The method handles are static and
 * take the function's address, so the JIT compiles a call to any library's function into a plain
 * native call.
 */
public final class NativeLibrary {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final int MAX_ARITY = 13;

  private static final MethodHandle CALL0 = status(0);
  private static final MethodHandle CALL1 = status(1);
  private static final MethodHandle CALL2 = status(2);
  private static final MethodHandle CALL3 = status(3);
  private static final MethodHandle CALL4 = status(4);
  private static final MethodHandle CALL5 = status(5);
  private static final MethodHandle CALL6 = status(6);
  private static final MethodHandle CALL7 = status(7);
  private static final MethodHandle CALL8 = status(8);
  private static final MethodHandle CALL9 = status(9);
  private static final MethodHandle CALL10 = status(10);
  private static final MethodHandle CALL11 = status(11);
  private static final MethodHandle CALL12 = status(12);
  private static final MethodHandle CALL13 = status(13);
  private static final MethodHandle OPEN =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle TEXT =
      LINKER.downcallHandle(FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG));

  private final Path path;
  private final SymbolLookup lookup;
  private final MemorySegment[] functions = new MemorySegment[Fn.values().length];
  private final MemorySegment lastError;

  private static MethodHandle status(int arity) {
    MemoryLayout[] arguments = new MemoryLayout[arity];
    Arrays.fill(arguments, JAVA_LONG);
    return LINKER.downcallHandle(FunctionDescriptor.of(JAVA_INT, arguments));
  }

  private NativeLibrary(Path path, SymbolLookup lookup) {
    this.path = path;
    this.lookup = lookup;
    for (Fn fn : Fn.values()) {
      functions[fn.ordinal()] = symbol(lookup, fn.symbol());
    }
    lastError = symbol(lookup, "eqv_last_error");
    handshake(symbol(lookup, "eqv_abi_text"));
  }

  /**
   * Opens a library and checks that it and this class agree on every struct and function.
   *
   * @param path the library's file
   * @return the library; it stays loaded until the process ends
   * @throws EqvaeException.Environment when it cannot be loaded (with the loader's reason) or has
   *     another ABI
   */
  public static NativeLibrary open(Path path) {
    Path file = path.toAbsolutePath().normalize();
    try {
      return new NativeLibrary(file, SymbolLookup.libraryLookup(file, Arena.global()));
    } catch (IllegalCallerException e) {
      throw new EqvaeException.Environment(
          "The JVM does not let eqvae call native code. Start java with"
              + " --enable-native-access=io.github.eqvae (on the module path) or"
              + " --enable-native-access=ALL-UNNAMED (on the class path).",
          e);
    } catch (IllegalArgumentException e) {
      throw new EqvaeException.Environment(
          "The native library " + file + " could not be loaded: " + loaderReason(file, e), e);
    }
  }

  /** libraryLookup does not say why it failed; System.load does. */
  @SuppressWarnings("restricted")
  private static String loaderReason(Path file, IllegalArgumentException e) {
    try {
      System.load(file.toString());
      return e.getMessage();
    } catch (UnsatisfiedLinkError reason) {
      return reason.getMessage();
    }
  }

  private MemorySegment symbol(SymbolLookup lookup, String name) {
    return lookup
        .find(name)
        .orElseThrow(
            () ->
                new EqvaeException.Environment(
                    path
                        + " has no symbol "
                        + name
                        + "; it belongs to another version of eqvae."
                        + " Rebuild both with `mvn verify`."));
  }

  private void handshake(MemorySegment abiText) {
    String theirs = text(abiText);
    String ours = AbiText.build();
    if (!ours.equals(theirs)) {
      throw new EqvaeException.Environment(
          path
              + " and this jar disagree on the C interface: "
              + AbiText.firstDifference(ours, theirs)
              + ". Rebuild both with `mvn verify`.");
    }
  }

  private static String text(MemorySegment function) {
    try (Arena arena = Arena.ofConfined()) {
      long length = (long) TEXT.invokeExact(function, MemorySegment.NULL, 0L);
      MemorySegment buffer = arena.allocate(length + 1);
      long again = (long) TEXT.invokeExact(function, buffer, length + 1);
      return new String(
          buffer
              .asSlice(0, Math.min(length, again))
              .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE),
          StandardCharsets.UTF_8);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Where the library was loaded from.
   *
   * @return its absolute path
   */
  public Path path() {
    return path;
  }

  /**
   * Memory that this library allocated.
   *
   * @param address where it is
   * @param bytes its size
   * @return the memory; it must not be used after it was freed
   */
  @SuppressWarnings("restricted")
  public MemorySegment memory(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /**
   * Opens a device.
   *
   * @param ordinal which device
   * @param threads CPU threads, 0 for all
   * @param out address that receives the handle
   */
  public void openDevice(int ordinal, int threads, long out) {
    try {
      check((int) OPEN.invokeExact(functions[Fn.DEVICE_OPEN.ordinal()], ordinal, threads, out));
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Calls the function that does nothing, to measure the cost of a call. */
  public void noop() {
    try {
      int status = (int) CALL0.invokeExact(functions[Fn.NOOP.ordinal()]);
      if (status != 0) {
        throw failure(status);
      }
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Calls a function whose arguments are all handles, addresses or 64-bit integers.
   *
   * @param fn the function
   * @param a its arguments, the first {@code n} count
   * @param n how many there are
   */
  public void call(Fn fn, long[] a, int n) {
    if (n != fn.arity() || n > MAX_ARITY) {
      throw new EqvaeException.Internal(
          fn.symbol() + " takes " + fn.arity() + " arguments, got " + n);
    }
    try {
      check(invoke(functions[fn.ordinal()], a, n));
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** A function that only some libraries have. */
  Optional<MemorySegment> find(String name) {
    return lookup.find(name);
  }

  /** Calls such a function. */
  void call(MemorySegment function, long[] arguments) {
    try {
      check(invoke(function, arguments, arguments.length));
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static int invoke(MemorySegment f, long[] a, int n) throws Throwable {
    return switch (n) {
      case 0 -> (int) CALL0.invokeExact(f);
      case 1 -> (int) CALL1.invokeExact(f, a[0]);
      case 2 -> (int) CALL2.invokeExact(f, a[0], a[1]);
      case 3 -> (int) CALL3.invokeExact(f, a[0], a[1], a[2]);
      case 4 -> (int) CALL4.invokeExact(f, a[0], a[1], a[2], a[3]);
      case 5 -> (int) CALL5.invokeExact(f, a[0], a[1], a[2], a[3], a[4]);
      case 6 -> (int) CALL6.invokeExact(f, a[0], a[1], a[2], a[3], a[4], a[5]);
      case 7 -> (int) CALL7.invokeExact(f, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
      case 8 -> (int) CALL8.invokeExact(f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
      case 9 -> (int) CALL9.invokeExact(f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
      case 10 ->
          (int) CALL10.invokeExact(f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
      case 11 ->
          (int)
              CALL11.invokeExact(
                  f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10]);
      case 12 ->
          (int)
              CALL12.invokeExact(
                  f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
      case 13 ->
          (int)
              CALL13.invokeExact(
                  f, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11],
                  a[12]);
      default -> throw new IllegalStateException("arity " + n);
    };
  }

  /**
   * Calls a function of few arguments.
   *
   * @param fn the function
   * @param arguments handles, addresses or 64-bit integers
   */
  public void call(Fn fn, long... arguments) {
    call(fn, arguments, arguments.length);
  }

  private void check(int status) {
    if (status != 0) {
      throw failure(status);
    }
  }

  private EqvaeException failure(int status) {
    return EqvaeException.of(status, text(lastError));
  }

  private static EqvaeException.Internal broken(Throwable t) {
    return new EqvaeException.Internal("a native call failed in an unexpected way: " + t, t);
  }
}
