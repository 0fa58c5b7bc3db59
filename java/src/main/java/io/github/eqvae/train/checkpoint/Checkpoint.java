package io.github.eqvae.train.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A checkpoint on disk whose every file was found complete and unchanged when it was opened.
 *
 * <p>Made by {@link CheckpointStore#latest()} and {@link CheckpointStore#open(Path)}. Holds no open
 * files. Safe for use by several threads.
 */
public final class Checkpoint {
  private final Path directory;
  private final long step;
  private final Map<String, CheckpointManifest.Entry> blobs;
  private final Map<String, Object> state;

  private Checkpoint(
      Path directory,
      long step,
      Map<String, CheckpointManifest.Entry> blobs,
      Map<String, Object> state) {
    this.directory = directory;
    this.step = step;
    this.blobs = blobs;
    this.state = state;
  }

  /** Verifies all files of a directory. */
  static Checkpoint verify(Path directory) throws IOException {
    CheckpointManifest manifest = CheckpointManifest.read(directory);
    Map<String, CheckpointManifest.Entry> blobs = new LinkedHashMap<>();
    for (CheckpointManifest.Entry entry : manifest.files()) {
      CheckpointFiles.verify(directory, entry);
      if (!entry.name().equals(CheckpointManifest.STATE)) {
        blobs.put(entry.name(), entry);
      }
    }
    return new Checkpoint(directory, manifest.step(), blobs, CheckpointState.read(directory));
  }

  /**
   * The step the checkpoint was saved at.
   *
   * @return the step given to {@link CheckpointStore#save}
   */
  public long step() {
    return step;
  }

  /**
   * Where the checkpoint lies.
   *
   * @return its directory
   */
  public Path directory() {
    return directory;
  }

  /**
   * The JSON state as it was saved; whole numbers are {@link Long}, others {@link Double}.
   *
   * @return an unmodifiable map
   */
  public Map<String, Object> state() {
    return state;
  }

  /**
   * One value of the state.
   *
   * @param key a key of the outermost map
   * @param type {@code Long}, {@code Double}, {@code Boolean}, {@code String}, {@code List} or
   *     {@code Map}
   * @param <T> the type
   * @return the value
   * @throws InvalidCheckpointException if there is no such key or its value has another type
   */
  public <T> T state(String key, Class<T> type) throws InvalidCheckpointException {
    Object value = state.get(key);
    if (!type.isInstance(value)) {
      throw new InvalidCheckpointException(
          directory,
          "state '"
              + key
              + "' is "
              + (value == null ? "missing" : "a " + value.getClass().getSimpleName())
              + ", expected a "
              + type.getSimpleName());
    }
    return type.cast(value);
  }

  /**
   * The names of the blobs.
   *
   * @return in the order they were saved
   */
  public Set<String> names() {
    return Collections.unmodifiableSet(blobs.keySet());
  }

  /**
   * The length of a blob.
   *
   * @param name a name of {@link #names()}
   * @return its length, in bytes
   * @throws InvalidCheckpointException if the checkpoint has no such blob
   */
  public long length(String name) throws InvalidCheckpointException {
    return entry(name).length();
  }

  /**
   * Reads a blob; its hash is checked once more on the way.
   *
   * @param name a name of {@link #names()}
   * @param target memory of exactly the blob's length; undefined content if this throws
   * @throws InvalidCheckpointException if there is no such blob, if it has another length than
   *     {@code target}, or if the file has changed since the checkpoint was opened
   * @throws IOException if the file cannot be read
   */
  public void read(String name, MemorySegment target) throws IOException {
    CheckpointManifest.Entry entry = entry(name);
    if (entry.length() != target.byteSize()) {
      throw new InvalidCheckpointException(
          directory,
          name
              + " has "
              + entry.length()
              + " bytes, expected "
              + target.byteSize()
              + "; the checkpoint belongs to another model or recipe");
    }
    CheckpointFiles.read(directory, entry, target);
  }

  /**
   * Reads a blob into the remaining bytes of a buffer, whose position and limit are left alone.
   *
   * @param name a name of {@link #names()}
   * @param target writable, with exactly the blob's length remaining
   * @throws IOException as for {@link #read(String, MemorySegment)}
   */
  public void read(String name, ByteBuffer target) throws IOException {
    read(name, MemorySegment.ofBuffer(target));
  }

  /**
   * Maps a blob into memory, without reading it. Its hash was checked when the checkpoint was
   * opened.
   *
   * @param name a name of {@link #names()}
   * @param arena unmaps it when it is closed
   * @return its bytes, read-only
   * @throws InvalidCheckpointException if there is no such blob, or it has another length by now
   * @throws IOException if the file cannot be mapped
   */
  public MemorySegment map(String name, Arena arena) throws IOException {
    return CheckpointFiles.map(directory, entry(name), arena);
  }

  private CheckpointManifest.Entry entry(String name) throws InvalidCheckpointException {
    CheckpointManifest.Entry entry = blobs.get(name);
    if (entry == null) {
      throw new InvalidCheckpointException(
          directory, "it has no '" + name + "'; it has " + String.join(", ", blobs.keySet()));
    }
    return entry;
  }
}
