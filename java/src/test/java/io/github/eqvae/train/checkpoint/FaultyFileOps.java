package io.github.eqvae.train.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * The disk, with one operation that fails: before it does anything, half way, or just afterwards.
 */
class FaultyFileOps implements FileOps {
  /** What happens to the operations after the failing one. */
  enum Mode {
    /** None has any effect: the process is gone. */
    KILLED,
    /** They work: the disk was full for a moment, or one sector is bad. */
    ONE_ERROR
  }

  /** How much of the failing operation happens. */
  enum Moment {
    BEFORE,
    HALF_WAY,
    AFTER
  }

  private final int failing;
  private final Mode mode;
  private final Moment moment;
  private int count;

  FaultyFileOps(int failing, Mode mode, Moment moment) {
    this.failing = failing;
    this.mode = mode;
    this.moment = moment;
  }

  /** Operations asked for so far. */
  int count() {
    return count;
  }

  private interface Action {
    void run() throws IOException;
  }

  private void perform(Action half, Action whole) throws IOException {
    int number = count++;
    boolean fails = number == failing;
    if (mode == Mode.KILLED && number > failing) {
      throw new IOException("killed earlier");
    }
    if (!fails) {
      whole.run();
      return;
    }
    switch (moment) {
      case BEFORE -> {}
      case HALF_WAY -> half.run();
      case AFTER -> whole.run();
    }
    throw new IOException("No space left on device");
  }

  private void perform(Action whole) throws IOException {
    perform(() -> {}, whole);
  }

  @Override
  public NewFile create(Path file) throws IOException {
    NewFile[] opened = new NewFile[1];
    try {
      perform(() -> opened[0] = DISK.create(file));
    } catch (IOException e) {
      if (opened[0] != null) {
        opened[0].close();
      }
      throw e;
    }
    NewFile out = opened[0];
    return new NewFile() {
      @Override
      public int write(ByteBuffer source) throws IOException {
        int length = source.remaining();
        perform(
            () -> out.write(source.slice(source.position(), length / 2)), () -> out.write(source));
        return length;
      }

      @Override
      public void sync() throws IOException {
        perform(out::sync);
      }

      @Override
      public boolean isOpen() {
        return out.isOpen();
      }

      @Override
      public void close() throws IOException {
        out.close();
      }
    };
  }

  @Override
  public void createDirectory(Path directory) throws IOException {
    perform(() -> DISK.createDirectory(directory));
  }

  @Override
  public void syncDirectory(Path directory) throws IOException {
    perform(() -> DISK.syncDirectory(directory));
  }

  @Override
  public void rename(Path from, Path to) throws IOException {
    perform(() -> DISK.rename(from, to));
  }

  @Override
  public void delete(Path path) throws IOException {
    perform(() -> DISK.delete(path));
  }
}
