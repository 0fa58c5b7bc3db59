package io.github.eqvae.train;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Copies batches to the device while a step runs. It has two slots of pinned host memory and of
 * device memory, and its own stream for copies. Every step reads the same tensors, {@link #inputs}.
 */
final class InputQueue implements AutoCloseable {
  /** A batch that is being loaded or copied. */
  private static final class Slot {
    final HostBatch batch;
    final List<HostBuffer> host = new ArrayList<>();
    final List<Tensor> staged = new ArrayList<>();
    long index = -1;
    boolean waits; // to be taken
    @Nullable IOException unreadable;
    @Nullable RuntimeException failure;

    Slot(Device device, TensorArena arena, BatchShape shape) {
      batch = new HostBatch(shape);
      for (BatchShape.Field f : shape.fields()) {
        host.add(new HostBuffer(device, f.shape(), f.dtype(device.dtype())));
        staged.add(arena.tensor(f.shape(), f.dtype(device.dtype())));
      }
    }
  }

  private final BatchShape shape;
  private final Stream copies;
  private final TensorArena arena;
  private final Map<String, Tensor> inputs = new LinkedHashMap<>();
  private final Slot[] slots = new Slot[2];
  private int newest; // the slot that was loaded last

  /**
   * Allocates everything.
   *
   * @param device where batches go
   * @param shape what a batch is made of
   */
  InputQueue(Device device, BatchShape shape) {
    this.shape = shape;
    copies = new Stream(device);
    arena = new TensorArena(device, "input");
    long each = 0;
    for (BatchShape.Field f : shape.fields()) {
      each += f.shape().elements() * f.dtype(device.dtype()).bytes() + 256;
    }
    arena.reserve((slots.length + 1) * each);
    for (BatchShape.Field f : shape.fields()) {
      inputs.put(f.name(), arena.tensor(f.shape(), f.dtype(device.dtype())));
    }
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot(device, arena, shape);
    }
  }

  /** The batch that the step reads, by field. */
  Map<String, Tensor> inputs() {
    return Collections.unmodifiableMap(inputs);
  }

  /** One of the last two batches that were loaded. */
  HostBatch batch(long index) {
    return (slots[newest].index == index ? slots[newest] : slots[1 - newest]).batch;
  }

  /** Discards batches that were loaded ahead, because the source changes. */
  void clear() {
    for (Slot slot : slots) {
      slot.waits = false;
    }
  }

  /**
   * Loads a batch and starts its copy for {@link #take}. A failure is thrown when the batch is
   * taken, because the step before does not depend on it. The batch that was loaded two before must
   * have been used.
   */
  void load(BatchSource batches, long index) {
    newest = 1 - newest;
    Slot slot = slots[newest];
    slot.index = index;
    slot.waits = true;
    slot.unreadable = null;
    slot.failure = null;
    try {
      batches.load(index, slot.batch);
    } catch (IOException e) {
      slot.unreadable = e;
      return;
    } catch (RuntimeException e) {
      slot.failure = e;
      return;
    }
    for (int i = 0; i < slot.host.size(); i++) {
      BatchShape.Field f = shape.fields().get(i);
      if (f.integers()) {
        slot.host.get(i).set(slot.batch.ints(f.name()));
      } else {
        slot.host.get(i).set(slot.batch.floats(f.name()));
      }
      slot.host.get(i).copyTo(copies, slot.staged.get(i));
    }
  }

  /**
   * Makes a batch the input of the stream's next work; loads it if it was not loaded ahead.
   *
   * @throws IOException when it cannot be read
   */
  void take(BatchSource batches, long index, Stream stream) throws IOException {
    if (!slots[newest].waits || slots[newest].index != index) {
      load(batches, index);
    }
    Slot slot = slots[newest];
    slot.waits = false;
    if (slot.unreadable != null) {
      throw slot.unreadable;
    }
    if (slot.failure != null) {
      throw slot.failure;
    }
    stream.waitFor(copies);
    int i = 0;
    for (Tensor input : inputs.values()) {
      slot.staged.get(i++).copyTo(stream, input);
    }
  }

  @Override
  public void close() {
    copies.close();
    arena.close();
    for (Slot slot : slots) {
      slot.host.forEach(HostBuffer::close);
    }
  }
}
