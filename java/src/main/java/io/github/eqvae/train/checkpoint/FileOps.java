package io.github.eqvae.train.checkpoint;

import io.github.eqvae.io.AtomicFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Every change that a checkpoint makes to the disk, so that tests can let each one fail. */
interface FileOps {
  /** A new file; the write takes the whole buffer or throws. */
  interface NewFile extends WritableByteChannel {
    /** Returns when content and length are on the disk. */
    void sync() throws IOException;
  }

  NewFile create(Path file) throws IOException;

  void createDirectory(Path directory) throws IOException;

  /** Returns when the entries of the directory are on the disk. */
  void syncDirectory(Path directory) throws IOException;

  /** Renames within one directory, atomically; the target must not exist. */
  void rename(Path from, Path to) throws IOException;

  /** Locks a file until its channel is closed; false if another process has it. */
  default boolean lock(FileChannel file) throws IOException {
    return file.tryLock() != null;
  }

  /** Deletes a file or an empty directory. */
  void delete(Path path) throws IOException;

  /** The disk. */
  FileOps DISK =
      new FileOps() {
        @Override
        public NewFile create(Path file) throws IOException {
          FileChannel channel =
              FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
          return new NewFile() {
            @Override
            public int write(ByteBuffer source) throws IOException {
              int count = source.remaining();
              while (source.hasRemaining()) {
                channel.write(source);
              }
              return count;
            }

            @Override
            public void sync() throws IOException {
              channel.force(true);
            }

            @Override
            public boolean isOpen() {
              return channel.isOpen();
            }

            @Override
            public void close() throws IOException {
              channel.close();
            }
          };
        }

        @Override
        public void createDirectory(Path directory) throws IOException {
          Files.createDirectory(directory);
        }

        @Override
        public void syncDirectory(Path directory) throws IOException {
          // A rename is only as durable as the directory that records it.
          AtomicFiles.syncDirectory(directory);
        }

        @Override
        public void rename(Path from, Path to) throws IOException {
          Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        }

        @Override
        public void delete(Path path) throws IOException {
          Files.delete(path);
        }
      };
}
