package io.github.eqvae.train;

import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Brings batches to the device while a step runs: two slots of pinned host memory and of device
 * memory, and a stream of their own to copy on. Every step reads the same tensor, {@link #input}.
 */
final class InputQueue implements AutoCloseable {
  /** One batch on its way. */
  private static final class Slot {
    final float[] images;
    final HostBuffer host;
    final Tensor staged;
    long index = -1;
    @Nullable IOException unreadable;
    @Nullable RuntimeException failure;

    Slot(Device device, Arena arena, Shape shape) {
      images = new float[Math.toIntExact(shape.elements())];
      host = new HostBuffer(device, shape, device.dtype());
      staged = arena.tensor(shape);
    }
  }

  private final Stream copies;
  private final Arena arena;
  private final Tensor input;
  private final Slot[] slots = new Slot[2];

  /**
   * Allocates everything.
   *
   * @param device where batches go
   * @param shape a batch's shape
   */
  InputQueue(Device device, Shape shape) {
    copies = new Stream(device);
    arena = new Arena(device, "input");
    arena.reserve((slots.length + 1) * (shape.elements() * device.dtype().bytes() + 256));
    input = arena.tensor(shape);
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot(device, arena, shape);
    }
  }

  /** The batch that the step reads. */
  Tensor input() {
    return input;
  }

  /** The images of a batch that was taken and is not yet two batches back. */
  float[] images(long index) {
    return slot(index).images;
  }

  private Slot slot(long index) {
    return slots[(int) (index % slots.length)];
  }

  /** Forgets what was loaded ahead: batches come from elsewhere now. */
  void clear() {
    for (Slot slot : slots) {
      slot.index = -1;
    }
  }

  /**
   * Loads a batch and starts its copy, so that {@link #take} finds it there. What fails is reported
   * when the batch is taken: the step before it has nothing to do with it. The batch two before
   * must have been used.
   */
  void load(Trainer.Batches batches, long index) {
    Slot slot = slot(index);
    slot.index = index;
    slot.unreadable = null;
    slot.failure = null;
    try {
      batches.load(index, slot.images);
    } catch (IOException e) {
      slot.unreadable = e;
      return;
    } catch (RuntimeException e) {
      slot.failure = e;
      return;
    }
    slot.host.set(slot.images);
    slot.host.copyTo(copies, slot.staged);
  }

  /**
   * Makes a batch the input of what the stream is given next; loads it if nobody has.
   *
   * @throws IOException when it cannot be read
   */
  void take(Trainer.Batches batches, long index, Stream stream) throws IOException {
    Slot slot = slot(index);
    if (slot.index != index) {
      load(batches, index);
    }
    slot.index = -1;
    if (slot.unreadable != null) {
      throw slot.unreadable;
    }
    if (slot.failure != null) {
      throw slot.failure;
    }
    stream.waitFor(copies);
    slot.staged.copyTo(stream, input);
  }

  @Override
  public void close() {
    copies.close();
    arena.close();
    for (Slot slot : slots) {
      slot.host.close();
    }
  }
}
