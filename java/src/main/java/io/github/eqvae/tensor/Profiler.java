package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Times every operation and kernel of a device, from {@link #start} to {@link #close}. Results stay
 * the same bits. Until the end, streams cannot be captured: kernels of a graph have no times of
 * their own.
 *
 * <pre>{@code
 * try (Profiler profiler = Profiler.start(device)) {
 *   work();
 *   System.out.println(profiler.read().text(Ceilings.of(device)));
 * }
 * }</pre>
 */
public final class Profiler implements AutoCloseable {
  private final Device device;

  private Profiler(Device device) {
    this.device = device;
  }

  /**
   * Whether the environment asks for a profile: {@code EQV_PROFILE=1}, or {@code
   * -Deqvae.profile=1}.
   *
   * @return true unless it is absent, empty or 0
   */
  public static boolean wanted() {
    String wish = System.getProperty("eqvae.profile", System.getenv("EQV_PROFILE"));
    return wish != null && !wish.isBlank() && !wish.equals("0");
  }

  /**
   * Begins. What the device measured before is forgotten.
   *
   * @param device the device; it must stay open
   * @return the profiler
   */
  public static Profiler start(Device device) {
    device.library().call(Fn.PROFILE_BEGIN, device.handle());
    return new Profiler(device);
  }

  /**
   * Begins if the environment asks for it.
   *
   * @param device what {@link #measured} is then asked about; it ends when the device is closed
   */
  public static void startIfWanted(Device device) {
    if (wanted()) {
      start(device);
    }
  }

  /**
   * What was measured so far. Waits for the work.
   *
   * @return the profile
   */
  public Profile read() {
    return measured(device);
  }

  /**
   * What a device measured since the last start. Waits for the work.
   *
   * @param device the device
   * @return the profile, without rows if there was no start
   */
  public static Profile measured(Device device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment summary = summary(device, arena);
      MemorySegment s = arena.allocate(Struct.PROFILE_ROW.size(), 8);
      s.set(ValueLayout.JAVA_INT, 0, Struct.PROFILE_ROW.size());
      List<Profile.Row> rows = new ArrayList<>();
      int count = summary.get(ValueLayout.JAVA_INT, Struct.PROFILE_SUMMARY.offset("rows"));
      for (long i = 0; i < count; i++) {
        device.library().call(Fn.PROFILE_GET, device.handle(), i, s.address());
        rows.add(row(s));
      }
      double seconds =
          summary.get(ValueLayout.JAVA_DOUBLE, Struct.PROFILE_SUMMARY.offset("seconds"));
      return new Profile(device.toString(), seconds, rows);
    }
  }

  private static Profile.Row row(MemorySegment s) {
    return new Profile.Row(
        s.getString(Struct.PROFILE_ROW.offset("operation")),
        s.getString(Struct.PROFILE_ROW.offset("kernel")),
        Profile.Arithmetic.values()[s.get(ValueLayout.JAVA_INT, Struct.PROFILE_ROW.offset("math"))],
        s.get(ValueLayout.JAVA_LONG, Struct.PROFILE_ROW.offset("calls")),
        s.get(ValueLayout.JAVA_DOUBLE, Struct.PROFILE_ROW.offset("seconds")),
        s.get(ValueLayout.JAVA_DOUBLE, Struct.PROFILE_ROW.offset("bytes")),
        s.get(ValueLayout.JAVA_DOUBLE, Struct.PROFILE_ROW.offset("flops")));
  }

  private static MemorySegment summary(Device device, Arena arena) {
    MemorySegment s = arena.allocate(Struct.PROFILE_SUMMARY.size(), 8);
    s.set(ValueLayout.JAVA_INT, 0, Struct.PROFILE_SUMMARY.size());
    device.library().call(Fn.PROFILE_READ, device.handle(), s.address());
    return s;
  }

  /** What the device's library knows; zeros on a processor. */
  static Ceilings ceilings(Device device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = summary(device, arena);
      long flops = Struct.PROFILE_SUMMARY.offset("flops_per_second");
      List<Double> peaks = new ArrayList<>();
      for (Profile.Arithmetic a : Profile.Arithmetic.values()) {
        peaks.add(s.get(ValueLayout.JAVA_DOUBLE, flops + (long) a.ordinal() * Double.BYTES));
      }
      return new Ceilings(
          s.get(ValueLayout.JAVA_DOUBLE, Struct.PROFILE_SUMMARY.offset("bytes_per_second")),
          List.copyOf(peaks),
          false);
    }
  }

  /**
   * Ends the measurement; {@link #read} still gives what was measured.
   *
   * @throws EqvaeException.Argument when the device is closed
   */
  @Override
  public void close() {
    device.library().call(Fn.PROFILE_END, device.handle());
  }
}
