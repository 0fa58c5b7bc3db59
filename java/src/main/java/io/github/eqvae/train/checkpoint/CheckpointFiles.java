package io.github.eqvae.train.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Reading, writing and hashing single files of a checkpoint. */
final class CheckpointFiles {
  /** Bytes copied at a time: enough to be fast, and little memory. */
  static final int CHUNK = 1 << 20;

  private CheckpointFiles() {}

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime must have SHA-256", e);
    }
  }

  static String hex(byte[] hash) {
    return HexFormat.of().formatHex(hash);
  }

  /** Writes, hashes and syncs one file. */
  static CheckpointManifest.Entry write(FileOps ops, Path file, Blob blob) throws IOException {
    try (FileOps.NewFile out = ops.create(file)) {
      HashingChannel hashing = new HashingChannel(out);
      blob.writeTo(hashing);
      if (hashing.count != blob.length()) {
        throw new IOException(
            file.getFileName()
                + ": the blob wrote "
                + hashing.count
                + " bytes but promised "
                + blob.length());
      }
      out.sync();
      return new CheckpointManifest.Entry(
          file.getFileName().toString(), hashing.count, hex(hashing.digest.digest()));
    }
  }

  /** Refuses a file that is missing, not a plain file, of another length or of another content. */
  static void verify(Path directory, CheckpointManifest.Entry entry) throws IOException {
    try (FileChannel in = open(directory, entry)) {
      MessageDigest digest = sha256();
      ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
      while (in.read(buffer.clear()) >= 0) {
        digest.update(buffer.flip());
      }
      compare(directory, entry, digest);
    }
  }

  /** Reads a whole file into memory of exactly its length, and refuses content that has changed. */
  static void read(Path directory, CheckpointManifest.Entry entry, MemorySegment target)
      throws IOException {
    try (FileChannel in = open(directory, entry)) {
      MessageDigest digest = sha256();
      for (long at = 0; at < entry.length(); ) {
        long count = Math.min(CHUNK, entry.length() - at);
        ByteBuffer buffer = target.asSlice(at, count).asByteBuffer();
        if (in.read(buffer) < 0) {
          throw new InvalidCheckpointException(directory, entry.name() + " ends at byte " + at);
        }
        at += buffer.position();
        digest.update(buffer.flip());
      }
      compare(directory, entry, digest);
    }
  }

  /** Maps a whole file. */
  static MemorySegment map(Path directory, CheckpointManifest.Entry entry, Arena arena)
      throws IOException {
    try (FileChannel in = open(directory, entry)) {
      return in.map(FileChannel.MapMode.READ_ONLY, 0, entry.length(), arena);
    }
  }

  /** Reads a small file whole, refusing one larger than {@code limit} before allocating for it. */
  static byte[] readSmall(Path directory, String name, int limit) throws IOException {
    Path file = directory.resolve(name);
    long size = plainFile(directory, name).size();
    if (size > limit) {
      throw new InvalidCheckpointException(
          directory, name + " has " + size + " bytes, more than the limit of " + limit);
    }
    try (var in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
      return in.readNBytes(limit);
    }
  }

  private static FileChannel open(Path directory, CheckpointManifest.Entry entry)
      throws IOException {
    long size = plainFile(directory, entry.name()).size();
    if (size != entry.length()) {
      throw new InvalidCheckpointException(
          directory,
          entry.name()
              + " is "
              + (size < entry.length() ? "truncated" : "too long")
              + ": "
              + size
              + " bytes, the manifest says "
              + entry.length());
    }
    return FileChannel.open(
        directory.resolve(entry.name()), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  }

  private static BasicFileAttributes plainFile(Path directory, String name) throws IOException {
    Path file = directory.resolve(name);
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new InvalidCheckpointException(directory, name + " is missing");
    }
    BasicFileAttributes attributes =
        Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      throw new InvalidCheckpointException(directory, name + " is not a plain file");
    }
    return attributes;
  }

  private static void compare(Path directory, CheckpointManifest.Entry entry, MessageDigest digest)
      throws InvalidCheckpointException {
    String actual = hex(digest.digest());
    if (!actual.equals(entry.sha256())) {
      throw new InvalidCheckpointException(
          directory,
          entry.name()
              + " has changed since it was written: sha256 "
              + actual
              + ", the manifest says "
              + entry.sha256());
    }
  }

  /** Forwards bytes and hashes those that were written. */
  private static final class HashingChannel implements WritableByteChannel {
    private final WritableByteChannel out;
    private final MessageDigest digest = sha256();
    private long count;

    HashingChannel(WritableByteChannel out) {
      this.out = out;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      ByteBuffer taken = source.duplicate();
      int written = out.write(source);
      digest.update(taken.limit(taken.position() + written));
      count += written;
      return written;
    }

    @Override
    public boolean isOpen() {
      return out.isOpen();
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
