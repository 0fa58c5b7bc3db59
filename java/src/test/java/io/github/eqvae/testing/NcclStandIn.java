package io.github.eqvae.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * The library that stands in for NCCL under the shim (native/simt/nccl_standin.cpp). While this is
 * open, ranks of this process on {@code simt} use it.
 */
public final class NcclStandIn implements AutoCloseable {
  private static final String FILE = "eqvae.nccl";
  private static final String WAIT = "eqvae.nccl.wait";

  private final long before = callsSoFar();

  /** Where the build has it. */
  public static Path file() {
    return Path.of(System.getProperty("eqvae.native.dir"), "libnccl_standin.so").toAbsolutePath();
  }

  /** Without a fault. */
  public NcclStandIn() {
    this("", 120);
  }

  /**
   * With a planted fault.
   *
   * @param fault kind, rank and call
   * @param seconds that a rank waits for others
   */
  public NcclStandIn(String fault, int seconds) {
    System.setProperty(FILE, file().toString());
    System.setProperty(WAIT, "" + seconds);
    plant(fault);
  }

  /** How many calls it was given while this is open. */
  public long calls() {
    return callsSoFar() - before;
  }

  private static long callsSoFar() {
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(
                  library().find("standin_calls").orElseThrow(),
                  FunctionDescriptor.of(ValueLayout.JAVA_LONG))
              .invokeExact();
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  private static SymbolLookup library() {
    return SymbolLookup.libraryLookup(file(), Arena.global());
  }

  private static void plant(String fault) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment plant = library().find("standin_fault").orElseThrow();
      Linker.nativeLinker()
          .downcallHandle(plant, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS))
          .invoke(arena.allocateFrom(fault));
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  @Override
  public void close() {
    plant("");
    System.clearProperty(FILE);
    System.clearProperty(WAIT);
  }
}
