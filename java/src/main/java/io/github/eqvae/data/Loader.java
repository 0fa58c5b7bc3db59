package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PassingIoException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * Prepares batches on other threads, ahead of the step that uses them. The samples of a batch, to
 * the bit, are a pure function of (seed, step): a run that resumes at step k starts a loader at
 * step k.
 *
 * <p>A training loader never ends. Sample p = step · batchSize + i is the (p mod n)-th of epoch p
 * div n, and every epoch has its own order ({@link EpochOrder}); a batch may have samples of two
 * epochs. A broken picture is replaced by the next one that can be decoded. An evaluation loader
 * makes one pass in the data set's order and leaves broken pictures out.
 *
 * <p>Only one thread may take batches; any thread may call {@link #close}.
 */
public final class Loader implements AutoCloseable {
  /** The arrays of a batch that is being prepared. */
  private static final class Slot {
    final float[] pixels;
    final int[] indices;
    final long[] epochs;
    int done;
    int failedAt = Integer.MAX_VALUE;
    Optional<Throwable> failure = Optional.empty();

    Slot(LoaderOptions options) {
      pixels = new float[options.batchSize() * options.sampleLength()];
      indices = new int[options.batchSize()];
      epochs = new long[options.batchSize()];
    }
  }

  /** A sample to prepare. */
  private record Ticket(long batch, int place, long epoch, int index) {}

  private static final int LEFT_OUT = -1;

  /** Created in advance: when it is needed, there is no memory left for it. */
  private final Optional<Throwable> outOfMemory =
      Optional.of(new OutOfMemoryError("Java heap space, while pictures were decoded"));

  private final ImageDataset dataset;
  private final List<Transform> transforms;
  private final LoaderOptions options;
  private final boolean training;
  private final long samples;
  private final long first;
  private final int every;
  private final Slot[] slots;
  private final List<Thread> threads = new ArrayList<>();

  // All below: guarded by this. They count the batches of this loader, from 0.
  private long position; // samples that were claimed
  private long nextBatch;
  private long free;
  private boolean closed;
  private long orderEpoch = -1;
  private int[] order = {};

  /** The error that ended a loader thread; without it a waiting thread would wait for ever. */
  private Optional<Throwable> ended = Optional.empty();

  private Loader(
      ImageDataset dataset,
      List<Transform> transforms,
      LoaderOptions options,
      boolean training,
      long firstStep,
      int every) {
    this.dataset = dataset;
    this.transforms = List.copyOf(transforms);
    this.options = options;
    this.training = training;
    this.samples = training ? Long.MAX_VALUE : dataset.size();
    this.first = firstStep;
    this.every = every;
    Math.multiplyExact(firstStep, (long) options.batchSize()); // there are samples of that number
    this.slots = new Slot[options.ahead() + 1];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot(options);
    }
    for (int i = 0; i < options.threads(); i++) {
      Thread thread = new Thread(this::work, "eqvae-loader-" + i);
      thread.setDaemon(true);
      threads.add(thread);
    }
    threads.forEach(Thread::start);
  }

  /**
   * Starts a loader for training.
   *
   * @param dataset the pictures
   * @param transforms applied in order; the result must have the size of the options
   * @param options what batches look like
   * @param firstStep the first batch, 0 for a new run
   * @return the loader; the caller closes it
   * @throws EqvaeException.Argument if the step is negative
   */
  public static Loader training(
      ImageDataset dataset, List<Transform> transforms, LoaderOptions options, long firstStep) {
    return training(dataset, transforms, options, firstStep, 1);
  }

  /**
   * Starts a loader for one of several processes that train together.
   *
   * @param dataset the pictures
   * @param transforms applied in order; the result must have the size of the options
   * @param options what batches look like
   * @param firstStep the first batch
   * @param every how far the batches of this loader are apart: 3 for each third one
   * @return the loader; the caller closes it
   * @throws EqvaeException.Argument if the step is negative
   */
  public static Loader training(
      ImageDataset dataset,
      List<Transform> transforms,
      LoaderOptions options,
      long firstStep,
      int every) {
    if (firstStep < 0 || every < 1) {
      throw new EqvaeException.Argument(
          "first step " + firstStep + ", each " + every + "th; expected at least 0 and 1");
    }
    return new Loader(dataset, transforms, options, true, firstStep, every);
  }

  /**
   * Starts a loader for one pass in the data set's order. Random transforms draw the numbers of
   * epoch 0.
   *
   * @param dataset the pictures
   * @param transforms applied in order; the result must have the size of the options
   * @param options what batches look like
   * @return the loader; the caller closes it
   */
  public static Loader evaluation(
      ImageDataset dataset, List<Transform> transforms, LoaderOptions options) {
    return new Loader(dataset, transforms, options, false, 0, 1);
  }

  /**
   * Takes the next batch, and waits for it if necessary. The arrays of the previous batch go back
   * to the loader.
   *
   * @return the batch; empty after the last one of a pass
   * @throws IOException if no picture can be decoded, or one cannot be read at present ({@link
   *     PassingIoException}); {@link InterruptedIOException} if this thread is interrupted
   * @throws EqvaeException.Argument if a sample has the wrong size
   */
  public synchronized Optional<Batch> poll() throws IOException {
    while (nextBatch * options.batchSize() < samples) {
      if (closed) {
        throw new IllegalStateException("the loader is closed");
      }
      free = nextBatch;
      notifyAll();
      Slot slot = slot(nextBatch);
      int expected = samplesOf(nextBatch);
      try {
        while (slot.done < expected && !closed && ended.isEmpty()) {
          wait();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for a batch");
      }
      if (closed) {
        throw new IllegalStateException("the loader was closed while a thread waited for a batch");
      }
      if (ended.isPresent()) {
        rethrow(ended.get());
      }
      if (slot.failure.isPresent()) {
        rethrow(slot.failure.get());
      }
      int size = compact(slot, expected);
      long step = first + every * nextBatch++;
      slot.done = 0;
      if (size > 0) {
        return Optional.of(new Batch(step, size, slot.pixels, slot.indices, slot.epochs));
      }
    }
    return Optional.empty();
  }

  /**
   * Like {@link #poll}, for training, where there is always a next batch.
   *
   * @return the batch
   * @throws IOException as {@link #poll}
   * @throws NoSuchElementException after the last batch of a pass
   */
  public Batch next() throws IOException {
    return poll().orElseThrow();
  }

  /**
   * The number of the next batch. This is the loader's whole state for resuming.
   *
   * @return the step
   */
  public synchronized long position() {
    return first + every * nextBatch;
  }

  /** Stops the threads and waits for their end. May be called twice. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private Slot slot(long batch) {
    return slots[(int) (batch % slots.length)];
  }

  private int samplesOf(long batch) {
    return (int) Math.min(options.batchSize(), samples - batch * options.batchSize());
  }

  private void work() {
    try {
      for (Optional<Ticket> ticket = claim(); ticket.isPresent(); ticket = claim()) {
        Ticket one = ticket.get();
        Slot slot = slot(one.batch);
        try {
          int index = make(one, slot);
          finish(slot, one, index, Optional.empty());
        } catch (Exception e) { // rethrown in the thread that takes the batch
          finish(slot, one, LEFT_OUT, Optional.of(e));
        }
      }
    } catch (Throwable e) { // may be out of memory, so nothing is allocated here
      end(e);
    }
  }

  private synchronized void end(Throwable cause) {
    if (ended.isEmpty()) {
      ended = cause instanceof OutOfMemoryError ? outOfMemory : Optional.of(cause);
    }
    notifyAll();
  }

  private synchronized Optional<Ticket> claim() {
    try {
      while (!closed
          && position < samples
          && position / options.batchSize() >= free + slots.length) {
        wait();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("a loader thread was interrupted", e);
    }
    if (closed || position >= samples) {
      return Optional.empty();
    }
    int size = dataset.size();
    long batch = position / options.batchSize();
    int place = (int) (position % options.batchSize());
    long sample = (first + every * batch) * options.batchSize() + place;
    long epoch = sample / size;
    int index = (int) (sample % size);
    if (training) {
      // tickets are claimed in order, so only one epoch's order is needed at a time
      if (epoch != orderEpoch) {
        order = EpochOrder.permutation(options.seed(), epoch, size);
        orderEpoch = epoch;
      }
      index = order[index];
    }
    position++;
    return Optional.of(new Ticket(batch, place, epoch, index));
  }

  /** Prepares a sample; returns the number of the picture that it used. */
  private int make(Ticket ticket, Slot slot) throws IOException {
    int size = dataset.size();
    for (int attempt = 0; ; attempt++) {
      int index = (int) (((long) ticket.index + attempt) % size);
      SampleRandom random = new SampleRandom(options.seed(), ticket.epoch, ticket.index);
      Image image;
      try {
        image =
            transforms.isEmpty()
                ? dataset.load(index)
                : dataset.load(index, rows -> transforms.getFirst().cut(rows, random));
      } catch (PassingIoException e) {
        throw e; // it is not broken; leaving it out would change the training data
      } catch (IOException e) {
        if (!training) {
          return LEFT_OUT;
        }
        if (attempt == size - 1) {
          throw new IOException("none of the " + size + " pictures can be decoded", e);
        }
        continue;
      }
      for (int i = 1; i < transforms.size(); i++) {
        image = transforms.get(i).apply(image, random);
      }
      if (image.width() != options.width() || image.height() != options.height()) {
        throw new EqvaeException.Argument(
            dataset.name(index)
                + " is "
                + image.width()
                + "x"
                + image.height()
                + " after the transforms, expected "
                + options.width()
                + "x"
                + options.height()
                + "; add a crop or a pad");
      }
      image
          .withChannels(options.channels())
          .toSigned(slot.pixels, ticket.place * options.sampleLength());
      return index;
    }
  }

  private synchronized void finish(
      Slot slot, Ticket ticket, int index, Optional<Throwable> failure) {
    slot.indices[ticket.place] = index;
    slot.epochs[ticket.place] = ticket.epoch;
    // of several failures the first in the batch is reported, so every run reports the same one
    if (failure.isPresent() && ticket.place < slot.failedAt) {
      slot.failedAt = ticket.place;
      slot.failure = failure;
    }
    slot.done++;
    notifyAll();
  }

  /** Closes the gaps that broken pictures left in a batch of an evaluation pass. */
  private int compact(Slot slot, int expected) {
    int length = options.sampleLength();
    int kept = 0;
    for (int i = 0; i < expected; i++) {
      if (slot.indices[i] == LEFT_OUT) {
        continue;
      }
      if (kept < i) {
        System.arraycopy(slot.pixels, i * length, slot.pixels, kept * length, length);
        slot.indices[kept] = slot.indices[i];
        slot.epochs[kept] = slot.epochs[i];
      }
      kept++;
    }
    return kept;
  }

  private static void rethrow(Throwable failure) throws IOException {
    switch (failure) {
      case IOException e -> throw new IOException(e.getMessage(), e);
      case EqvaeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException("a loader thread failed: " + failure, failure);
    }
  }
}
