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
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** The calls of MPI that eqvae makes, in {@code libeqv_mpi.so} ({@code native/mpi}). */
public final class MpiLibrary {
  private static final String FILE = "libeqv_mpi.so";
  private static final int TEXT = 1024;
  private static final String UCX_SIGNALS = "UCX_ERROR_SIGNALS";

  private final MethodHandle begin;
  private final MethodHandle exchange;
  private final MethodHandle abort;
  private final MethodHandle end;
  private final MethodHandle text;

  private MpiLibrary(SymbolLookup lookup) {
    begin = handle(lookup, "eqv_mpi_begin", 1);
    exchange = handle(lookup, "eqv_mpi_exchange", 5);
    abort = handle(lookup, "eqv_mpi_abort", 1);
    end = handle(lookup, "eqv_mpi_end", 0);
    text = handle(lookup, "eqv_mpi_text", 3);
  }

  /**
   * Opens the library.
   *
   * @return empty when this build has none, because there was no {@code mpi.h}
   * @throws EqvaeException.Environment when it is there and cannot be loaded; the message has the
   *     loader's reason
   */
  public static Optional<MpiLibrary> open() {
    Optional<Path> file = Libraries.find(FILE);
    if (file.isEmpty()) {
      return Optional.empty();
    }
    leaveSignals();
    try {
      System.load(file.get().toString()); // says why, if it cannot be loaded
      return Optional.of(new MpiLibrary(SymbolLookup.libraryLookup(file.get(), Arena.global())));
    } catch (UnsatisfiedLinkError | IllegalArgumentException e) {
      throw new EqvaeException.Environment(
          file.get() + " could not be loaded: " + e.getMessage() + ". Is MPI still installed?", e);
    }
  }

  /**
   * MPICH, and Open MPI on some networks, use UCX. When that is loaded it takes SIGSEGV, by which
   * the JVM finds null pointers, and ends the process at the first one, unless this variable says
   * otherwise. A value that the user has set stays.
   */
  private static void leaveSignals() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment setenv = Linker.nativeLinker().defaultLookup().findOrThrow("setenv");
      int _ =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      setenv, FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT))
                  .invokeExact(arena.allocateFrom(UCX_SIGNALS), arena.allocateFrom(""), 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private static MethodHandle handle(SymbolLookup lookup, String name, int arity) {
    MemoryLayout[] arguments = new MemoryLayout[arity];
    Arrays.fill(arguments, JAVA_LONG);
    MemorySegment symbol =
        lookup
            .find(name)
            .orElseThrow(
                () -> new EqvaeException.Environment(FILE + " has no " + name + ": rebuild it"));
    return Linker.nativeLinker()
        .downcallHandle(symbol, FunctionDescriptor.of(JAVA_LONG, arguments));
  }

  /**
   * Begins MPI.
   *
   * @return the rank, and how many there are
   * @throws EqvaeException.Environment when it cannot
   */
  public int[] begin() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment who = arena.allocate(JAVA_LONG, 2);
      check((long) begin.invokeExact(who.address()));
      return new int[] {(int) who.getAtIndex(JAVA_LONG, 0), (int) who.getAtIndex(JAVA_LONG, 1)};
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Sends to each rank and receives from it. Each argument is an array of 64-bit integers, one for
   * each rank: addresses, or lengths in bytes, below 0 for nothing.
   *
   * @param size how many ranks there are
   * @param out addresses of what is sent
   * @param outBytes its lengths
   * @param in addresses that receive
   * @param inBytes their lengths
   */
  public void exchange(
      int size,
      MemorySegment out,
      MemorySegment outBytes,
      MemorySegment in,
      MemorySegment inBytes) {
    try {
      check(
          (long)
              exchange.invokeExact(
                  (long) size, out.address(), outBytes.address(), in.address(), inBytes.address()));
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Ends all ranks, this process included.
   *
   * @param code the exit code
   */
  public void abort(int code) {
    try {
      check((long) abort.invokeExact((long) code));
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Ends MPI in this process. */
  public void end() {
    try {
      check((long) end.invokeExact());
    } catch (EqvaeException e) {
      throw e;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Which MPI this is.
   *
   * @return its first line, such as {@code Open MPI v4.1.4}
   */
  public String version() {
    return text(0).lines().findFirst().orElse("");
  }

  private String text(long what) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = arena.allocate(TEXT);
      long status = (long) text.invokeExact(what, to.address(), (long) TEXT);
      return status == 0 ? to.getString(0) : "";
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private void check(long status) {
    if (status != 0) {
      throw new EqvaeException.Environment("MPI failed: " + text(1));
    }
  }

  private static EqvaeException.Internal broken(Throwable t) {
    return new EqvaeException.Internal("a call of MPI failed in an unexpected way: " + t, t);
  }
}
