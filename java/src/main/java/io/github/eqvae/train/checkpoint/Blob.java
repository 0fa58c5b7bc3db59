package io.github.eqvae.train.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** One binary file of a checkpoint: something of known length that can write itself. */
public interface Blob {
  /**
   * How much {@link #writeTo} will write.
   *
   * @return the length, in bytes
   */
  long length();

  /**
   * Writes the content.
   *
   * @param out where to; takes every byte of a buffer in one call or throws
   * @throws IOException if {@code out} fails
   */
  void writeTo(WritableByteChannel out) throws IOException;

  /**
   * A blob of the bytes of a memory segment, as they are when the checkpoint is saved.
   *
   * @param segment native or heap memory, not copied
   * @return the blob, in the machine's byte order for the values it holds
   */
  static Blob of(MemorySegment segment) {
    return new Blob() {
      @Override
      public long length() {
        return segment.byteSize();
      }

      @Override
      public void writeTo(WritableByteChannel out) throws IOException {
        for (long at = 0; at < segment.byteSize(); at += CheckpointFiles.CHUNK) {
          long count = Math.min(CheckpointFiles.CHUNK, segment.byteSize() - at);
          out.write(segment.asSlice(at, count).asByteBuffer());
        }
      }
    };
  }

  /**
   * A blob of the remaining bytes of a buffer.
   *
   * @param bytes not copied; its position and limit are left alone
   * @return the blob
   */
  static Blob of(ByteBuffer bytes) {
    return of(MemorySegment.ofBuffer(bytes));
  }
}
