package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Owns device memory and allocates tensors in it. A tensor gets the smallest hole that is large
 * enough, so the same sequence of requests always gets the same addresses. Persistent arenas hold
 * parameters and optimiser state. A step arena is {@link #reset} after every step; after the first
 * steps it is one block and need not grow any more.
 */
public final class TensorArena implements AutoCloseable {
  private static final long ALIGNMENT = 256;
  private static final long GRANULE = 2L << 20;

  /** One native block and its free parts: offset to size. */
  private static final class Chunk {
    final long address;
    final long size;
    final TreeMap<Long, Long> free = new TreeMap<>();

    Chunk(long address, long size) {
      this.address = address;
      this.size = size;
      free.put(0L, size);
    }

    /**
     * Where so many bytes go: the smallest hole, the lowest of several. What no tensor had so far
     * is used last, and so it does not matter how large the chunk is.
     *
     * @return the hole's offset, -1 if none is large enough
     */
    long place(long bytes) {
      long best = -1;
      long least = Long.MAX_VALUE;
      for (Map.Entry<Long, Long> hole : free.entrySet()) {
        boolean last = hole.getKey() + hole.getValue() == size;
        long rank = last ? Long.MAX_VALUE - 1 : hole.getValue();
        if (hole.getValue() >= bytes && rank < least) {
          best = hole.getKey();
          least = rank;
        }
      }
      return best;
    }
  }

  private final Device device;
  private final String name;
  private final boolean reuse;
  private final List<Chunk> chunks = new ArrayList<>();
  private final LeakCheck leak;
  private long generation;
  private long used;
  private long extent;
  private long layout;
  private boolean closed;

  /**
   * Creates an empty arena.
   *
   * @param device whose memory it hands out
   * @param name what it is for, in memory reports
   */
  public TensorArena(Device device, String name) {
    this(device, name, true);
  }

  /**
   * Creates an empty arena.
   *
   * @param device whose memory it hands out
   * @param name its name in memory reports
   * @param reuse false gives every tensor its own allocation until the next reset. This is slower
   *     and needs more memory, but must give the same bits, and memory checkers can then find
   *     accesses beyond a tensor
   */
  public TensorArena(Device device, String name, boolean reuse) {
    this.device = device;
    this.name = name;
    this.reuse = reuse;
    this.leak = LeakCheck.opened(this, "TensorArena '" + name + "' on " + device);
  }

  /**
   * The device.
   *
   * @return whose memory this is
   */
  public Device device() {
    return device;
  }

  /**
   * Allocates a tensor in the device's dtype; its content is undefined.
   *
   * @param shape its shape
   * @return the tensor
   * @throws EqvaeException.OutOfMemory when the device has no more
   */
  public Tensor tensor(Shape shape) {
    return tensor(shape, device.dtype());
  }

  /**
   * Allocates a tensor; its content is undefined.
   *
   * @param shape its shape
   * @param dtype its dtype
   * @return the tensor
   * @throws EqvaeException.OutOfMemory when the device has no more
   */
  public Tensor tensor(Shape shape, DType dtype) {
    long bytes = round(Math.multiplyExact(shape.elements(), (long) dtype.bytes()), ALIGNMENT);
    return new Tensor(this, take(bytes, shape, dtype), shape, dtype);
  }

  private static long round(long value, long unit) {
    return (value + unit - 1) / unit * unit;
  }

  private long take(long bytes, Shape shape, DType dtype) {
    if (closed) {
      throw new EqvaeException.Argument("TensorArena '" + name + "' is closed");
    }
    used += bytes;
    if (!reuse) {
      Chunk own = new Chunk(device.allocate(bytes), bytes);
      own.free.clear();
      chunks.add(own);
      extent = Math.max(extent, capacity());
      return own.address;
    }
    for (Chunk chunk : chunks) {
      long offset = chunk.place(bytes);
      if (offset >= 0) {
        long rest = chunk.free.remove(offset) - bytes;
        if (rest > 0) {
          chunk.free.put(offset + bytes, rest);
        }
        extent = Math.max(extent, chunk == chunks.getFirst() ? offset + bytes : capacity());
        return chunk.address + offset;
      }
    }
    try {
      grow(Math.max(bytes, Math.min(capacity() / 2, 1L << 30)));
    } catch (EqvaeException.OutOfMemory e) {
      used -= bytes;
      throw new EqvaeException.OutOfMemory(
          "TensorArena '"
              + name
              + "' needs "
              + bytes
              + " bytes for a tensor "
              + dtype
              + shape
              + "; it holds "
              + capacity()
              + " bytes, of which "
              + used
              + " are in use. Smaller batch_size, lower"
              + " resolution or recompute: block help. ("
              + e.getMessage()
              + ")");
    }
    used -= bytes;
    return take(bytes, shape, dtype);
  }

  /**
   * The size that an arena allocates for this many bytes.
   *
   * @param bytes what it is to hold
   * @return bytes, rounded up
   */
  public static long rounded(long bytes) {
    return round(bytes, GRANULE);
  }

  private void grow(long bytes) {
    long size = rounded(bytes);
    chunks.add(new Chunk(device.allocate(size), size));
    layout++;
  }

  /**
   * Makes room beforehand, in one block.
   *
   * @param bytes how much the arena must hold without growing
   */
  public void reserve(long bytes) {
    if (bytes > capacity()) {
      if (used == 0) {
        freeChunks();
        grow(bytes);
      } else {
        grow(bytes - capacity());
      }
    }
  }

  /**
   * Frees a tensor's memory for reuse. The tensor and its views can no longer be used.
   *
   * @param tensor a tensor of this arena that is not a view
   */
  public void release(Tensor tensor) {
    if (tensor.arena() != this || tensor.root() != tensor) {
      throw new EqvaeException.Internal("release: " + tensor + " is a view or of another arena");
    }
    if (tensor.isReleased()) {
      throw new EqvaeException.Internal("release: " + tensor + " was already released");
    }
    tensor.markReleased();
    long bytes = round(tensor.bytes(), ALIGNMENT);
    if (!reuse) {
      return;
    }
    used -= bytes;
    for (Chunk chunk : chunks) {
      long offset = tensor.address() - chunk.address;
      if (offset >= 0 && offset < chunk.size) {
        giveBack(chunk, offset, bytes);
        return;
      }
    }
    throw new EqvaeException.Internal("release: " + tensor + " lies in no chunk of its arena");
  }

  private static void giveBack(Chunk chunk, long offset, long bytes) {
    long start = offset;
    long size = bytes;
    Map.Entry<Long, Long> before = chunk.free.lowerEntry(offset);
    if (before != null && before.getKey() + before.getValue() == offset) {
      start = before.getKey();
      size += before.getValue();
    }
    Long after = chunk.free.remove(offset + bytes);
    if (after != null) {
      size += after;
    }
    chunk.free.put(start, size);
  }

  /**
   * Frees all tensors; none of them can be used any more. Several blocks become one of their total
   * size.
   */
  public void reset() {
    generation++;
    used = 0;
    if (!reuse) {
      freeChunks();
    } else if (chunks.size() > 1) {
      long total = capacity();
      freeChunks();
      grow(total);
    }
    for (Chunk chunk : chunks) {
      chunk.free.clear();
      chunk.free.put(0L, chunk.size);
    }
  }

  private void freeChunks() {
    for (Chunk chunk : chunks) {
      device.free(chunk.address);
    }
    chunks.clear();
  }

  /**
   * Bytes that the arena holds.
   *
   * @return bytes allocated from the device
   */
  public long capacity() {
    long sum = 0;
    for (Chunk chunk : chunks) {
      sum += chunk.size;
    }
    return sum;
  }

  /**
   * Bytes of the tensors in use.
   *
   * @return bytes in use
   */
  public long used() {
    return used;
  }

  /**
   * The size that one block would have needed so far, gaps included: {@link #reserve} this for the
   * same requests.
   *
   * @return bytes
   */
  public long extent() {
    return extent;
  }

  /**
   * A number that changes whenever the arena's memory moves. Graphs that were captured before must
   * then not be launched any more.
   *
   * @return a count of changes
   */
  public long layout() {
    return layout;
  }

  long generation() {
    return generation;
  }

  @Override
  public void close() {
    if (!closed) {
      generation++;
      freeChunks();
      closed = true;
      leak.closed();
    }
  }
}
