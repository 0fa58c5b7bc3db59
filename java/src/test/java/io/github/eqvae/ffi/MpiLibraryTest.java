package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class MpiLibraryTest {
  /** MPICH's UCX reads this when it is loaded; otherwise it would take the JVM's SIGSEGV. */
  @Test
  void ucxIsToldToLeaveTheJvmItsSignals() throws Throwable {
    assumeTrue(System.getenv("UCX_ERROR_SIGNALS") == null, "the user has said it");
    assumeTrue(MpiLibrary.open().isPresent(), "no libeqv_mpi.so: there was no mpi.h");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value =
          (MemorySegment)
              Linker.nativeLinker()
                  .downcallHandle(
                      Linker.nativeLinker().defaultLookup().findOrThrow("getenv"),
                      FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS))
                  .invokeExact(arena.allocateFrom("UCX_ERROR_SIGNALS"));
      assertNotEquals(0, value.address());
      assertEquals(0, value.reinterpret(1).get(ValueLayout.JAVA_BYTE, 0));
    }
  }
}
