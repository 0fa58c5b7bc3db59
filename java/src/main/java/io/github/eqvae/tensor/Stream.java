package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A queue of work: calls on one stream run one after the other. A stream owns the scratch memory of
 * its calls. Only one thread may use it at a time.
 */
public final class Stream implements AutoCloseable {
  private static final int MAX_TENSORS = 11;
  private static final int PARAMS_BYTES = 128;

  private final Device device;
  private final long handle;
  private final LeakCheck leak;
  private final Arena memory = Arena.ofShared();
  private final MemorySegment frame =
      memory.allocate(PARAMS_BYTES + (long) MAX_TENSORS * Struct.TENSOR.size(), 16);
  private final Launch launch = new Launch(this);
  private final long[] arguments = new long[2 + MAX_TENSORS];
  private boolean closed;

  /**
   * Creates a stream.
   *
   * @param device where its work runs
   */
  public Stream(Device device) {
    this.device = device;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      device.library().call(Fn.STREAM_CREATE, device.handle(), out.address());
      handle = out.get(ValueLayout.JAVA_LONG, 0);
    }
    leak = LeakCheck.opened(this, "Stream on " + device);
  }

  /**
   * The device on which the work runs.
   *
   * @return the device
   */
  public Device device() {
    return device;
  }

  /**
   * Begins a call without parameters.
   *
   * @param fn the native function
   * @return the call, to be completed at once with {@code run}
   */
  public Launch launch(Fn fn) {
    return launch.begin(fn, null);
  }

  /**
   * Begins a call with a parameter struct.
   *
   * @param fn the native function
   * @param params its parameter struct, whose fields follow in order
   * @return the call, to be completed at once with {@code run}
   */
  public Launch launch(Fn fn, Struct params) {
    return launch.begin(fn, params);
  }

  /** Waits for all work and reports what failed. */
  public void sync() {
    device.library().call(Fn.STREAM_SYNC, handle());
  }

  /**
   * Makes all later work of this stream wait for the work that another stream has been given so
   * far. The host does not wait.
   *
   * @param other a stream of the same device
   */
  public void waitFor(Stream other) {
    device.library().call(Fn.STREAM_WAIT, handle(), other.handle());
  }

  /**
   * Records the work that this thread gives to the stream, instead of running it; {@link
   * DeviceInfo} says whether a device can do that. During the recording, allocating, copying from
   * or to the host, and waiting are refused.
   *
   * @param work gives the stream its operations
   * @return the graph; the caller closes it
   * @throws EqvaeException.Unsupported when the device has no graphs
   * @throws EqvaeException.Argument when the work contains a call that cannot be captured; the
   *     message names it. The stream can be used as before.
   */
  public Graph capture(Runnable work) {
    device.library().call(Fn.CAPTURE_BEGIN, handle());
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      device.library().call(Fn.CAPTURE_END, handle, 0L);
      throw e;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      device.library().call(Fn.CAPTURE_END, handle, out.address());
      return new Graph(device, out.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  /**
   * Sets how this stream multiplies fp32 matrices from now on; {@link MathMode#FP32} when it was
   * created.
   *
   * @param mode how
   * @throws EqvaeException.Unsupported when the device cannot
   */
  public void math(MathMode mode) {
    device.library().call(Fn.STREAM_MATH, handle(), (long) mode.ordinal());
  }

  /**
   * Makes the scratch arena at least this large.
   *
   * @param bytes size
   */
  public void reserveScratch(long bytes) {
    device.library().call(Fn.STREAM_RESERVE, handle(), bytes);
  }

  /**
   * Size of the scratch arena: the need of the largest call so far.
   *
   * @return bytes
   */
  public long scratchBytes() {
    device.library().call(Fn.STREAM_SCRATCH, handle(), frame.address());
    return frame.get(ValueLayout.JAVA_LONG, 0);
  }

  void copyIn(long address, MemorySegment host, long bytes) {
    device.library().call(Fn.COPY_IN, handle(), address, host.address(), bytes);
  }

  void copyOut(MemorySegment host, long address, long bytes) {
    device.library().call(Fn.COPY_OUT, handle(), host.address(), address, bytes);
  }

  MemorySegment frame() {
    return frame;
  }

  void call(Fn fn, boolean params, @org.jspecify.annotations.Nullable Tensor... tensors) {
    int n = 0;
    arguments[n++] = handle();
    if (params) {
      arguments[n++] = frame.address();
    }
    for (int i = 0; i < tensors.length; i++) {
      Tensor t = tensors[i];
      if (t == null) {
        arguments[n++] = 0;
        continue;
      }
      long offset = PARAMS_BYTES + (long) i * Struct.TENSOR.size();
      t.describe(frame, offset);
      arguments[n++] = frame.address() + offset;
    }
    device.library().call(fn, arguments, n);
  }

  long handle() {
    if (closed) {
      throw new EqvaeException.Argument("This stream on " + device + " is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      device.library().call(Fn.STREAM_DESTROY, handle);
      memory.close();
      closed = true;
      leak.closed();
    }
  }
}
