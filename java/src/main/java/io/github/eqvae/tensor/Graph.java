package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;

/**
 * Operations that were captured on a stream and can be run again with one call. A graph keeps the
 * arguments of its operations: addresses, shapes and numbers. Values that change from launch to
 * launch must be read from tensors. The tensors must stay at the same address; a graph does not own
 * them. CUDA: {@code cudaGraphExec_t}.
 */
public final class Graph implements AutoCloseable {
  private final Device device;
  private final long handle;
  private final LeakCheck leak;
  private boolean closed;

  Graph(Device device, long handle) {
    this.device = device;
    this.handle = handle;
    this.leak = LeakCheck.opened(this, "Graph on " + device);
  }

  /**
   * Runs everything that was captured, in the same order.
   *
   * @param stream orders the work; its scratch memory must be at the same address as during capture
   * @throws EqvaeException.Argument when the scratch memory moved, or the graph is closed
   */
  public void launch(Stream stream) {
    if (closed) {
      throw new EqvaeException.Argument("This graph on " + device + " is closed");
    }
    device.library().call(Fn.GRAPH_LAUNCH, handle, stream.handle());
  }

  @Override
  public void close() {
    if (!closed) {
      device.library().call(Fn.GRAPH_DESTROY, handle);
      closed = true;
      leak.closed();
    }
  }
}
