package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.CommLibrary;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Libraries;
import io.github.eqvae.ffi.NativeLibrary;
import io.github.eqvae.ffi.Struct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A device: {@code cpu}, {@code cuda:N}, {@code null} (plans memory, computes nothing), and for
 * tests {@code ref} (double precision) and {@code simt}. Close it after all streams and arenas on
 * it.
 *
 * <p>Its public interface is as stable as that of {@code io.github.eqvae.serve}, to which it
 * belongs.
 */
public final class Device implements AutoCloseable {
  private final String name;
  private final NativeLibrary library;
  private final long handle;
  private final DeviceInfo info;
  private final LeakCheck leak;
  private final Optional<String> fallback;
  private boolean closed;

  private Device(
      String name,
      NativeLibrary library,
      long handle,
      Optional<String> fallback,
      UnaryOperator<DeviceInfo> says) {
    this.name = name;
    this.library = library;
    this.handle = handle;
    this.fallback = fallback;
    this.info = says.apply(readInfo());
    this.leak = LeakCheck.opened(this, "Device " + name);
  }

  /**
   * Opens a device with all its threads.
   *
   * @param name {@code cpu}, {@code cuda}, {@code cuda:1}, …
   * @return the device
   * @throws EqvaeException.Environment when there is no such device; the message says why and what
   *     to do
   */
  public static Device open(String name) {
    return open(name, 0);
  }

  /**
   * Opens a device.
   *
   * @param name {@code cpu}, {@code cuda}, {@code cuda:1}, …
   * @param threads CPU threads to use, 0 for all
   * @return the device
   * @throws EqvaeException.Environment when there is no such device; the message says why and what
   *     to do
   */
  public static Device open(String name, int threads) {
    return open(name, threads, Optional.empty());
  }

  /**
   * Opens a device that plans the memory of another one: it returns addresses and counts memory,
   * but computes nothing.
   *
   * @param target what is planned for
   * @return the device; the caller closes it
   */
  public static Device planner(DeviceInfo target) {
    return open(
        "null:" + target.architecture(),
        target.threads(),
        Optional.empty(),
        own -> own.withArchitecture(target.architecture()));
  }

  /**
   * Opens the fastest device of the machine: {@code cuda} if it can be opened, else {@code cpu};
   * {@code #whyNotFaster} says why.
   *
   * @return the device; the caller closes it
   */
  public static Device best() {
    return best(0);
  }

  /**
   * The same for one of several ranks ({@link #ofRank}).
   *
   * @param localRank which of its machine's ranks this is
   * @return the device; the caller closes it
   */
  public static Device best(int localRank) {
    try {
      return ofRank("cuda", 0, localRank);
    } catch (EqvaeException.Environment e) {
      return open("cpu", 0, Optional.of(String.valueOf(e.getMessage())));
    }
  }

  /**
   * A second handle of the same device, with fewer threads. Streams of both run at the same time,
   * and each may read memory of the other.
   *
   * @param threads CPU threads; has no effect on a GPU
   * @return the device, which must be closed separately
   */
  public Device share(int threads) {
    return open(name, threads, fallback);
  }

  /**
   * Opens the device of one of several ranks: {@code cuda} is then the GPU of the rank's number on
   * its machine, or the only one that its launcher lets it see.
   *
   * @param name {@code cpu}, {@code cuda}, {@code cuda:1}, …
   * @param threads CPU threads to use, 0 for all
   * @param localRank which of its machine's ranks this is
   * @return the device; the caller closes it
   */
  public static Device ofRank(String name, int threads, int localRank) {
    if (!name.equals("cuda") || localRank == 0) {
      return open(name, threads);
    }
    return open(name + ":" + localRank % Math.max(1, count(name)), threads);
  }

  /**
   * How many devices of a GPU's library this process sees.
   *
   * @param backend {@code cuda}, or {@code simt} in tests
   * @return 0 if there is none
   * @throws EqvaeException.Environment when there is no such library
   */
  public static int count(String backend) {
    return CommLibrary.of(Libraries.library(backend))
        .map(gpus -> Math.toIntExact(gpus.ask(CommLibrary.Function.DEVICES)))
        .orElse(0);
  }

  private static Device open(String name, int threads, Optional<String> fallback) {
    return open(name, threads, fallback, UnaryOperator.identity());
  }

  private static Device open(
      String name, int threads, Optional<String> fallback, UnaryOperator<DeviceInfo> says) {
    int colon = name.indexOf(':');
    String backend = colon < 0 ? name : name.substring(0, colon);
    if (!backend.matches("cpu|cuda|simt|ref|null")) {
      throw new EqvaeException.Argument(
          "There is no device '" + name + "'; use cpu, cuda or cuda:N");
    }
    int ordinal = 0;
    if (colon >= 0) {
      try {
        ordinal = Integer.parseInt(name.substring(colon + 1));
      } catch (NumberFormatException e) {
        throw new EqvaeException.Argument(
            "'" + name + "' is not a device: after the colon comes a number, as in cuda:0");
      }
    }
    NativeLibrary library = Libraries.library(backend);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      library.openDevice(ordinal, threads, out.address());
      return new Device(name, library, out.get(ValueLayout.JAVA_LONG, 0), fallback, says);
    }
  }

  private DeviceInfo readInfo() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocate(Struct.DEVICE_INFO.size(), 8);
      s.set(ValueLayout.JAVA_INT, 0, Struct.DEVICE_INFO.size());
      library.call(Fn.DEVICE_DESCRIBE, handle, s.address());
      return new DeviceInfo(
          s.getString(Struct.DEVICE_INFO.offset("name")),
          s.getString(Struct.DEVICE_INFO.offset("detail")),
          s.get(ValueLayout.JAVA_INT, Struct.DEVICE_INFO.offset("threads")),
          s.get(ValueLayout.JAVA_LONG, Struct.DEVICE_INFO.offset("memory_bytes")),
          s.get(ValueLayout.JAVA_LONG, Struct.DEVICE_INFO.offset("free_bytes")),
          DType.of(s.get(ValueLayout.JAVA_INT, Struct.DEVICE_INFO.offset("compute_dtype"))),
          s.get(ValueLayout.JAVA_INT, Struct.DEVICE_INFO.offset("executes")) != 0,
          s.get(ValueLayout.JAVA_INT, Struct.DEVICE_INFO.offset("graphs")) != 0,
          s.get(ValueLayout.JAVA_INT, Struct.DEVICE_INFO.offset("architecture")),
          DeviceInfo.expected(name).prefersBf16());
    }
  }

  /**
   * The name the device was opened by.
   *
   * @return {@code cpu}, {@code cuda:0}, …
   */
  public String name() {
    return name;
  }

  /**
   * Why {@link #best} chose this device.
   *
   * @return why no GPU could be opened; empty if this is a GPU, or was opened by its name
   */
  public Optional<String> whyNotFaster() {
    return fallback;
  }

  /**
   * The description of the device.
   *
   * @return what was read when it was opened
   */
  public DeviceInfo info() {
    return info;
  }

  /**
   * The dtype activations and parameters have on this device.
   *
   * @return F32 on the CPU, F64 on the reference
   */
  public DType dtype() {
    return info.dtype();
  }

  /**
   * The library behind the device.
   *
   * @return its file
   */
  public Path libraryPath() {
    return library.path();
  }

  /**
   * What is allocated now.
   *
   * @return counters of the native side
   */
  public MemoryStats memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocate(Struct.MEMORY_STATS.size(), 8);
      s.set(ValueLayout.JAVA_INT, 0, Struct.MEMORY_STATS.size());
      library.call(Fn.DEVICE_MEMORY, handle, s.address());
      return new MemoryStats(
          s.get(ValueLayout.JAVA_LONG, Struct.MEMORY_STATS.offset("live_bytes")),
          s.get(ValueLayout.JAVA_LONG, Struct.MEMORY_STATS.offset("live_blocks")),
          s.get(ValueLayout.JAVA_LONG, Struct.MEMORY_STATS.offset("total_blocks")),
          s.get(ValueLayout.JAVA_LONG, Struct.MEMORY_STATS.offset("cached_plans")),
          s.get(ValueLayout.JAVA_LONG, Struct.MEMORY_STATS.offset("peak_bytes")));
    }
  }

  /**
   * Calls a native function that does nothing: what a call costs (for benchmarks and {@code
   * doctor}).
   */
  public void noop() {
    library.noop();
  }

  NativeLibrary library() {
    return library;
  }

  long handle() {
    if (closed) {
      throw new EqvaeException.Argument("Device " + name + " is closed");
    }
    return handle;
  }

  long allocate(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      library.call(Fn.ALLOC, handle(), bytes, out.address());
      return out.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  void free(long address) {
    library.call(Fn.FREE, handle(), address);
  }

  /**
   * Closes the device.
   *
   * @throws EqvaeException.Argument when streams or arenas on it are still open
   */
  @Override
  public void close() {
    if (!closed) {
      library.call(Fn.DEVICE_CLOSE, handle);
      closed = true;
      leak.closed();
    }
  }

  @Override
  public String toString() {
    return name + " (" + info.name() + ")";
  }
}
