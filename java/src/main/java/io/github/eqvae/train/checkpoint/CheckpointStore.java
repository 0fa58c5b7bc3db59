package io.github.eqvae.train.checkpoint;

import io.github.eqvae.io.FileLocks;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.Retrying;
import io.github.eqvae.io.WriteFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The checkpoints of one run: directories {@code step-00000123} of binary files, {@code state.json}
 * and {@code manifest.json}.
 *
 * <p>A checkpoint exists completely or not at all, whenever the process is killed: it is written
 * into a hidden directory, every file and the directory are synced, and one rename makes it
 * visible. Deletion first renames the directory. Hidden leftovers of a killed process are removed
 * by the next {@link #save}. A lock file keeps two processes from saving into one directory.
 */
public final class CheckpointStore {
  private static final Pattern VISIBLE = Pattern.compile("step-(\\d{8,18})");
  private static final Pattern REPLACED = Pattern.compile("\\.replaced-step-(\\d{8,18})");
  private static final String WRITING = ".writing-";
  private static final String DELETING = ".deleting-";

  private final Path directory;
  private final int keep;
  private final FileOps ops;

  /**
   * A store; this does not change the disk.
   *
   * @param directory where the checkpoints are or will be
   * @param keep how many of the newest checkpoints a save leaves, at least 1
   * @throws IllegalArgumentException if {@code keep} is below 1
   */
  public CheckpointStore(Path directory, int keep) {
    this(directory, keep, FileOps.DISK);
  }

  CheckpointStore(Path directory, int keep, FileOps ops) {
    if (keep < 1) {
      throw new IllegalArgumentException("keep is " + keep + "; keep at least 1 checkpoint");
    }
    this.directory = directory;
    this.keep = keep;
    this.ops = ops;
  }

  /**
   * What {@link #latest()} found.
   *
   * @param checkpoint the newest valid checkpoint, if there is one
   * @param refused newer checkpoints that must not be used, newest first
   */
  public record Latest(Optional<Checkpoint> checkpoint, List<Refusal> refused) {}

  /**
   * A checkpoint that must not be used.
   *
   * @param directory which one
   * @param reason the file that is wrong, what was found and what was expected
   */
  public record Refusal(Path directory, String reason) {}

  /**
   * Saves a checkpoint and deletes the oldest beyond {@code keep}. A checkpoint of the same step is
   * replaced; those of later steps (of a run that was resumed from before them) are left alone.
   *
   * @param step the step, in [0, 10^18)
   * @param blobs the binary files by name: letters, digits, dot, dash and underscore, up to 100
   * @param state the rest of the state: finite numbers, texts, booleans, lists and maps
   * @return the new checkpoint's directory
   * @throws IllegalArgumentException if a name or a state value is not allowed
   * @throws IOException if the checkpoint could not be saved (earlier ones are untouched then), if
   *     another process is saving here, or if an old checkpoint could not be deleted
   */
  public Path save(long step, Map<String, Blob> blobs, Map<String, ?> state) throws IOException {
    if (step < 0 || step >= 1_000_000_000_000_000_000L) {
      throw new IllegalArgumentException("step is " + step + "; expected one in [0, 10^18)");
    }
    blobs.keySet().forEach(CheckpointStore::checkName);
    Blob json = Blob.of(ByteBuffer.wrap(CheckpointState.toBytes(state)));
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(directory);
      ops.syncDirectory(directory.toAbsolutePath().getParent());
    }
    try (FileChannel lockFile =
        FileChannel.open(
            directory.resolve(".lock"), StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      lock(lockFile); // until the channel is closed
      removeLeftovers();
      Path target = directory.resolve(name(step));
      try {
        write(step, blobs, json, target);
      } catch (IOException e) {
        throw failure(target, blobs, e);
      }
      removeLeftovers();
      deleteOld(step);
      return target;
    }
  }

  /**
   * Finds the newest checkpoint that is complete and unchanged; every file is read and hashed.
   *
   * @return it, and the newer ones that were refused, with reasons; empty if the directory has none
   *     or does not exist
   * @throws PassingIoException if a file cannot be read now: an earlier checkpoint would lose work
   * @throws IOException if the directory cannot be listed
   */
  public Latest latest() throws IOException {
    return latest(path -> Retrying.read(path, () -> openStep(path)));
  }

  /** Opens and verifies a checkpoint; tests use one that fails. */
  @FunctionalInterface
  interface Opener {
    Checkpoint open(Path path) throws IOException;
  }

  Latest latest(Opener opener) throws IOException {
    List<Refusal> refused = new ArrayList<>();
    for (Path candidate : candidates().descendingMap().values()) {
      try {
        return new Latest(Optional.of(opener.open(candidate)), List.copyOf(refused));
      } catch (PassingIoException e) {
        throw e; // going on from an earlier one would lose what is done
      } catch (InvalidCheckpointException e) {
        refused.add(new Refusal(candidate, e.getMessage()));
      } catch (FileSystemException e) {
        refused.add(new Refusal(candidate, candidate + ": " + WriteFailure.reason(e)));
      }
    }
    return new Latest(Optional.empty(), List.copyOf(refused));
  }

  /**
   * Whether a folder is that of a checkpoint.
   *
   * @param folder any path
   * @return true if it has a list of a checkpoint's files
   */
  public static boolean isCheckpoint(Path folder) {
    return Files.isRegularFile(folder.resolve(CheckpointManifest.NAME));
  }

  /**
   * Opens exactly one checkpoint, wherever it lies and whatever its directory is called.
   *
   * @param checkpoint the checkpoint's directory
   * @return it, complete and unchanged
   * @throws InvalidCheckpointException with the reason if it must not be used
   * @throws IOException if it cannot be read
   */
  public static Checkpoint open(Path checkpoint) throws IOException {
    if (!Files.isDirectory(checkpoint)) {
      throw new InvalidCheckpointException(checkpoint, "there is no such directory");
    }
    return Checkpoint.verify(checkpoint);
  }

  private static Checkpoint openStep(Path path) throws IOException {
    Checkpoint checkpoint = Checkpoint.verify(path);
    // Otherwise a copy under another name would be resumed at a wrong step.
    if (!path.getFileName().toString().endsWith(name(checkpoint.step()))) {
      throw new InvalidCheckpointException(path, "its manifest says step " + checkpoint.step());
    }
    return checkpoint;
  }

  private void write(long step, Map<String, Blob> blobs, Blob state, Path target)
      throws IOException {
    Path hidden = directory.resolve(WRITING + name(step));
    Path replaced = directory.resolve(".replaced-" + name(step));
    try {
      ops.createDirectory(hidden);
      List<CheckpointManifest.Entry> files = new ArrayList<>();
      for (Map.Entry<String, Blob> blob : blobs.entrySet()) {
        files.add(CheckpointFiles.write(ops, hidden.resolve(blob.getKey()), blob.getValue()));
      }
      files.add(CheckpointFiles.write(ops, hidden.resolve(CheckpointManifest.STATE), state));
      Blob manifest = Blob.of(ByteBuffer.wrap(new CheckpointManifest(step, files).toBytes()));
      CheckpointFiles.write(ops, hidden.resolve(CheckpointManifest.NAME), manifest);
      ops.syncDirectory(hidden);
      if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
        ops.rename(target, replaced);
      }
      ops.rename(hidden, target);
    } catch (IOException | RuntimeException e) {
      try {
        removeLeftovers();
      } catch (IOException cleaning) {
        e.addSuppressed(cleaning);
      }
      throw e;
    }
    ops.syncDirectory(directory);
  }

  /** Removes the remains of a killed save, and restores a checkpoint that was being replaced. */
  private void removeLeftovers() throws IOException {
    for (Path path : list()) {
      String name = path.getFileName().toString();
      Matcher replaced = REPLACED.matcher(name);
      if (replaced.matches()) {
        Path original = directory.resolve("step-" + replaced.group(1));
        if (Files.exists(original, LinkOption.NOFOLLOW_LINKS)) {
          deleteTree(path);
        } else {
          ops.rename(path, original);
        }
      } else if (name.startsWith(WRITING) || name.startsWith(DELETING)) {
        deleteTree(path);
      }
    }
  }

  private void deleteOld(long step) throws IOException {
    List<Path> upToNow = List.copyOf(candidates().headMap(step, true).descendingMap().values());
    for (Path old : upToNow.subList(Math.min(keep, upToNow.size()), upToNow.size())) {
      // Renamed first: an interrupted deletion must not look like a damaged checkpoint.
      Path hidden = directory.resolve(DELETING + old.getFileName());
      ops.rename(old, hidden);
      ops.syncDirectory(directory);
      deleteTree(hidden);
    }
  }

  /**
   * The checkpoint directories by step. One that was being replaced counts if its replacement is
   * missing.
   */
  private TreeMap<Long, Path> candidates() throws IOException {
    TreeMap<Long, Path> visible = new TreeMap<>();
    TreeMap<Long, Path> replaced = new TreeMap<>();
    for (Path path : list()) {
      String name = path.getFileName().toString();
      Matcher step = VISIBLE.matcher(name);
      Matcher old = REPLACED.matcher(name);
      if (step.matches()) {
        visible.put(Long.parseLong(step.group(1)), path);
      } else if (old.matches()) {
        replaced.put(Long.parseLong(old.group(1)), path);
      }
    }
    replaced.forEach(visible::putIfAbsent);
    return visible;
  }

  private List<Path> list() throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    List<Path> paths = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      stream.forEach(paths::add);
    }
    return paths;
  }

  private void deleteTree(Path root) throws IOException {
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            ops.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path visited, IOException e)
              throws IOException {
            if (e != null) {
              throw e;
            }
            ops.delete(visited);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private void lock(FileChannel file) throws IOException {
    boolean ours;
    try {
      ours = ops.lock(file);
    } catch (OverlappingFileLockException e) {
      throw new IOException(busy(), e);
    } catch (IOException e) {
      Notices.once("locks", FileLocks.NONE);
      return;
    }
    if (!ours) {
      throw new IOException(busy());
    }
  }

  private String busy() {
    return "another process or thread is saving checkpoints in "
        + directory
        + "; give each run its own directory";
  }

  private IOException failure(Path target, Map<String, Blob> blobs, IOException cause) {
    if (!Files.isDirectory(directory)) {
      return new IOException(
          "checkpoint "
              + target
              + " was not saved: there is no folder "
              + directory
              + " any more; it was moved or removed while the run went on. Where it is now,"
              + " --resume goes on from its last checkpoint",
          cause);
    }
    long needed = blobs.values().stream().mapToLong(Blob::length).sum();
    String free;
    try {
      free = Files.getFileStore(directory).getUsableSpace() + " bytes are free there now";
    } catch (IOException e) {
      cause.addSuppressed(e);
      free = "how much is free there is unknown";
    }
    return new IOException(
        "checkpoint "
            + target
            + " was not saved: "
            + cause.getMessage()
            + ". It needs "
            + needed
            + " bytes; "
            + free
            + ". Earlier checkpoints are untouched",
        cause);
  }

  private static void checkName(String name) {
    boolean reserved =
        name.equals(CheckpointManifest.NAME) || name.equals(CheckpointManifest.STATE);
    if (reserved || !CheckpointManifest.FILE_NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "'" + name + "' cannot be a blob's name; use letters, digits, dots, dashes, underscores");
    }
  }

  private static String name(long step) {
    return String.format(Locale.ROOT, "step-%08d", step);
  }
}
