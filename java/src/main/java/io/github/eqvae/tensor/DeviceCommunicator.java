package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.CommLibrary;
import io.github.eqvae.ffi.CommLibrary.Function;
import io.github.eqvae.ranks.Agreement;
import io.github.eqvae.ranks.Communicator;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The GPUs of the ranks of a run, which exchange tensors through NCCL without the host's memory. It
 * has a stream of its own; work of another stream is ordered by {@link Stream#waitFor}. All ranks
 * make the same calls in the same order, each by one thread. A call returns when NCCL has taken its
 * work.
 *
 * <p>No wait is without end: if another rank is gone, or the time is up, what NCCL still does is
 * ended and an {@link EqvaeException} says why.
 */
public final class DeviceCommunicator implements AutoCloseable {
  private static final String WAIT = "EQVAE_NCCL_WAIT";
  private static final long SECONDS = 120;
  private static final long SLICE_MILLIS = 20;
  private static final long CLOSE_MILLIS = 2000;
  private static final long CAUSE_MILLIS = 1000;
  private static final int ROWS = 4;

  private final Device device;
  private final Communicator ranks;
  private final CommLibrary functions;
  private final String version;
  private final Stream stream;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment lists;
  private final long seconds = seconds();
  private final LeakCheck leak;
  private long handle;
  private boolean failed;

  private DeviceCommunicator(Device device, Communicator ranks, Nccl nccl, MemorySegment id) {
    this.device = device;
    this.ranks = ranks;
    functions = nccl.functions();
    version = nccl.version();
    lists = arena.allocate(ValueLayout.JAVA_LONG, (long) ROWS * ranks.size());
    stream = new Stream(device);
    leak = LeakCheck.opened(this, "DeviceCommunicator on " + device);
    try {
      handle =
          functions.ask(Function.OPEN, device.handle(), id.address(), ranks.rank(), ranks.size());
      await(null, "start");
    } catch (RuntimeException e) {
      failed = true;
      close();
      throw e;
    }
  }

  private static long seconds() {
    String text = System.getProperty("eqvae.nccl.wait", System.getenv(WAIT));
    try {
      return text == null ? SECONDS : Math.max(1, Long.parseLong(text.strip()));
    } catch (NumberFormatException e) {
      throw new EqvaeException.Argument(
          WAIT + " is '" + text + "', expected seconds that NCCL may wait for other ranks");
    }
  }

  /**
   * Lets the GPUs of all ranks meet. All call it.
   *
   * @param device this rank's
   * @param ranks who takes part; it stays the caller's. It carries NCCL's identifier, and says if a
   *     rank is gone
   * @return empty if numbers travel through host memory instead: on devices that are no GPUs, or
   *     because {@code EQVAE_NCCL} says so
   * @throws EqvaeException.Environment when NCCL is missing, or a rank does not come
   * @throws EqvaeException.Argument when the ranks have different versions of it
   */
  public static Optional<DeviceCommunicator> open(Device device, Communicator ranks) {
    Optional<CommLibrary> library = CommLibrary.of(device.library());
    if (library.isEmpty()) {
      return Optional.empty();
    }
    Optional<Nccl> nccl;
    try {
      nccl = Nccl.open(library.get());
    } catch (EqvaeException.Environment e) {
      throw new EqvaeException.Environment(
          "several ranks on GPUs need NCCL. "
              + e.getMessage()
              + ". EQVAE_NCCL names the file of another libnccl.so.2; with EQVAE_NCCL=none"
              + " gradients travel through host memory, which is slower.",
          e);
    }
    Agreement.require(ranks, Map.of("NCCL", nccl.map(Nccl::version).orElse("none")));
    return nccl.map(found -> meet(device, ranks, found));
  }

  private static DeviceCommunicator meet(Device device, Communicator ranks, Nccl nccl) {
    try (Arena shared = Arena.ofShared()) {
      MemorySegment id = shared.allocate(CommLibrary.ID_BYTES);
      if (ranks.isFirst()) {
        nccl.functions().call(Function.ID, id.address());
      }
      ranks.broadcast(id);
      return new DeviceCommunicator(device, ranks, nccl, id);
    }
  }

  /**
   * What there is of NCCL on this machine.
   *
   * @return a line for people
   */
  public static String describe() {
    return Nccl.describe();
  }

  /**
   * The stream on which the exchanges run.
   *
   * @return the stream, owned by this
   */
  public Stream stream() {
    return stream;
  }

  /**
   * The ranks.
   *
   * @return what this was opened with
   */
  public Communicator ranks() {
    return ranks;
  }

  /**
   * NCCL's version.
   *
   * @return such as {@code 2.27.3}
   */
  public String version() {
    return version;
  }

  /**
   * Sends to other ranks and receives from them.
   *
   * @param out what each rank gets, by rank: contiguous; null for nothing
   * @param in receives what each rank sends, by rank: contiguous; null for nothing
   */
  public void exchange(@Nullable Tensor[] out, @Nullable Tensor[] in) {
    list(out, 0);
    list(in, 2);
    give("exchange", Function.EXCHANGE, lists.address());
  }

  private void list(@Nullable Tensor[] all, int row) {
    for (int r = 0; r < ranks.size(); r++) {
      Tensor one = all[r];
      long at = (long) row * ranks.size() + r;
      lists.setAtIndex(ValueLayout.JAVA_LONG, at, one == null ? 0 : address(one));
      lists.setAtIndex(ValueLayout.JAVA_LONG, at + ranks.size(), one == null ? 0 : one.bytes());
    }
  }

  /**
   * Gathers what each rank gives.
   *
   * @param mine this rank's numbers, as many as the others'; may be its place in {@code all}
   * @param all receives the numbers of all, by rank
   */
  public void allGather(Tensor mine, Tensor all) {
    if (all.bytes() != ranks.size() * mine.bytes()) {
      throw new EqvaeException.Argument(
          ranks.size() + " ranks gather " + mine + " each, and there is room for " + all);
    }
    give("all-gather", Function.ALL_GATHER, address(mine), address(all), mine.bytes());
  }

  /**
   * Adds up over all ranks, in an order that NCCL chooses: it depends on the number of ranks, on
   * the size, and on the place in the tensor.
   *
   * @param mine this rank's summands, in single precision
   * @param sum receives the sum; may be {@code mine}
   */
  public void allReduce(Tensor mine, Tensor sum) {
    if (mine.dtype() != DType.F32 || sum.dtype() != DType.F32 || mine.bytes() != sum.bytes()) {
      throw new EqvaeException.Argument("NCCL cannot add up " + mine + " into " + sum + " here");
    }
    long elements = mine.shape().elements();
    give("all-reduce", Function.ALL_REDUCE, address(mine), address(sum), elements);
  }

  /**
   * Gives all ranks the first one's numbers.
   *
   * @param values contiguous, of the same size in all ranks
   */
  public void broadcast(Tensor values) {
    give("broadcast", Function.BROADCAST, address(values), values.bytes());
  }

  /** Waits until the streams of all ranks are here. */
  public void barrier() {
    try (TensorArena one = new TensorArena(device, "barrier", false)) {
      allGather(one.tensor(Shape.of(1)), one.tensor(Shape.of(ranks.size())));
      await();
    }
  }

  /** Waits until all work of the stream is done. */
  public void await() {
    await(stream, "exchange of numbers");
  }

  private long address(Tensor tensor) {
    if (!tensor.isContiguous()) {
      throw new EqvaeException.Argument(
          tensor + " is not contiguous: NCCL sends bytes as they lie");
    }
    tensor.requireAlive();
    return tensor.address();
  }

  private void give(String name, Function function, long... arguments) {
    long[] all = new long[arguments.length + 2];
    all[0] = handle();
    all[1] = stream.handle();
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    attempt(() -> functions.call(function, all));
    await(null, name);
  }

  private long handle() {
    if (handle == 0) {
      throw new EqvaeException.Argument("the ranks' GPUs no longer exchange numbers: it is closed");
    }
    return handle;
  }

  /** Waits until NCCL has taken its work and, for a stream, until that is done. */
  private void await(@Nullable Stream of, String what) {
    long start = System.nanoTime();
    long work = of == null ? 0 : of.handle();
    while (true) {
      boolean[] done = new boolean[1];
      attempt(() -> done[0] = functions.ask(Function.WAIT, handle(), work, SLICE_MILLIS) != 0);
      if (done[0]) {
        return;
      }
      Optional<String> lost = ranks.lost(0);
      if (lost.isPresent()) {
        failed = true;
        throw new EqvaeException.Environment(lost.get());
      }
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(seconds)) {
        failed = true;
        String reason =
            "rank "
                + ranks.rank()
                + " of "
                + ranks.size()
                + " has waited "
                + seconds
                + " s in NCCL's "
                + what
                + ": another rank hangs or is late. "
                + WAIT
                + "=SECONDS waits longer.";
        ranks.abort(reason);
        throw new EqvaeException.Environment(reason);
      }
    }
  }

  private void attempt(Runnable call) {
    try {
      call.run();
    } catch (EqvaeException.DeviceFailure e) {
      failed = true;
      Optional<String> lost = ranks.lost(CAUSE_MILLIS); // NCCL notices a rank that is gone, too
      if (lost.isPresent()) {
        throw new EqvaeException.Environment(lost.get(), e);
      }
      ranks.abort(String.valueOf(e.getMessage())); // others hear of it before they lose this rank
      throw e;
    }
  }

  /** Ends what NCCL still does in this rank. {@link #close} then does not wait for the others. */
  public void abort() {
    failed = true;
    close();
  }

  @Override
  public void close() {
    leak.closed();
    if (handle != 0) {
      long closing = handle;
      handle = 0;
      functions.call(Function.CLOSE, closing, failed ? 0 : CLOSE_MILLIS);
    }
    if (arena.scope().isAlive()) {
      stream.close();
      arena.close();
    }
  }
}
