package io.github.eqvae.latents;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.SafetensorsFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** A shard with random access to its images. */
final class MappedShard implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final String LABELS = "labels";
  private static final String NAMES = "names";

  private final Path path;
  private final @Nullable SafetensorsFile file; // kept open; null if the shard is in memory
  private final long[] shape;
  private final MemorySegment values;
  private final @Nullable MemorySegment mirrored;
  private final @Nullable MemorySegment features;
  private final @Nullable MemorySegment mirroredFeatures;
  private final int[] labels; // empty if there are none
  private final List<String> names;

  private MappedShard(
      Path path,
      @Nullable SafetensorsFile file,
      long[] shape,
      MemorySegment values,
      @Nullable MemorySegment mirrored,
      @Nullable MemorySegment features,
      @Nullable MemorySegment mirroredFeatures,
      int[] labels,
      List<String> names) {
    this.path = path;
    this.file = file;
    this.shape = shape;
    this.values = values;
    this.mirrored = mirrored;
    this.features = features;
    this.mirroredFeatures = mirroredFeatures;
    this.labels = labels;
    this.names = names;
  }

  /**
   * Opens a shard.
   *
   * @param path the file
   * @param content the content of the folder; a tar has only one kind of array
   * @param names maps a key of a tar to the image's name
   */
  static MappedShard open(Path path, Content content, UnaryOperator<String> names)
      throws IOException {
    boolean codes = content == Content.CODES;
    return switch (ShardFormat.of(path).orElse(ShardFormat.TAR)) {
      case SAFETENSORS -> mapped(path, content.key(), codes ? "I32" : "F32");
      case NPZ -> inMemory(path, content.key(), codes);
      case TAR -> ofTar(path, names, codes);
    };
  }

  private static MappedShard ofTar(Path path, UnaryOperator<String> names, boolean codes)
      throws IOException {
    TarLatents tar = TarLatents.read(path, codes);
    float[] mirrored = tar.mirrored();
    return new MappedShard(
        path,
        null,
        tar.shape(),
        numbers(tar.values(), codes),
        mirrored == null ? null : numbers(mirrored, codes),
        null,
        null,
        tar.labels(),
        tar.keys().stream().map(names).toList());
  }

  /** Codes are integers far below 2²⁴, which floats represent exactly. */
  private static MemorySegment numbers(float[] values, boolean codes) {
    if (!codes) {
      return MemorySegment.ofArray(values);
    }
    int[] whole = new int[values.length];
    Arrays.setAll(whole, i -> (int) values[i]);
    return MemorySegment.ofArray(whole);
  }

  private static MappedShard mapped(Path path, String key, String dtype) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      if (!file.contains(key) || !file.info(key).dtype().equals(dtype)) {
        throw new IOException(path + " has no " + key + " in " + dtype);
      }
      String flip = key + Shard.FLIP;
      long[] shape = file.info(key).shape();
      boolean flipped =
          file.contains(flip)
              && file.info(flip).dtype().equals(dtype)
              && Arrays.equals(file.info(flip).shape(), shape);
      return new MappedShard(
          path,
          file,
          shape,
          file.segment(key),
          flipped ? file.segment(flip) : null,
          features(file, FeatureGrid.KEY),
          features(file, FeatureGrid.KEY + Shard.FLIP),
          file.contains(LABELS) ? labels(path, file) : new int[0],
          file.metadata().containsKey(NAMES)
              ? ImageNames.ofJson(path, file.metadata().get(NAMES))
              : List.of());
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static @Nullable MemorySegment features(SafetensorsFile file, String key) {
    return file.contains(key) && file.info(key).dtype().equals("F32") ? file.segment(key) : null;
  }

  private static int[] labels(Path path, SafetensorsFile file) throws IOException {
    if (!file.info(LABELS).dtype().equals("I64")) {
      throw new IOException(path + ": labels are " + file.info(LABELS).dtype() + ", not I64");
    }
    MemorySegment bytes = file.segment(LABELS);
    int[] labels = new int[Math.toIntExact(bytes.byteSize() / Long.BYTES)];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = Math.toIntExact(bytes.get(LONG, (long) Long.BYTES * i));
    }
    return labels;
  }

  private static MappedShard inMemory(Path path, String key, boolean codes) throws IOException {
    String flip = key + Shard.FLIP;
    Map<String, NpyArray> arrays =
        NpzFile.read(
            path,
            List.of(key, flip, FeatureGrid.KEY, FeatureGrid.KEY + Shard.FLIP, LABELS, NAMES),
            Integer.MAX_VALUE);
    NpyArray found = arrays.get(key);
    if (found == null) {
      throw new IOException(path + " has no " + key);
    }
    NpyArray mirrored = arrays.get(flip);
    NpyArray labels = arrays.get(LABELS);
    NpyArray names = arrays.get(NAMES);
    return new MappedShard(
        path,
        null,
        found.shape(),
        numbers(found, codes),
        mirrored != null && Arrays.equals(mirrored.shape(), found.shape())
            ? numbers(mirrored, codes)
            : null,
        features(arrays.get(FeatureGrid.KEY)),
        features(arrays.get(FeatureGrid.KEY + Shard.FLIP)),
        labels == null ? new int[0] : labels.toInts(),
        names == null ? List.of() : names.toTexts());
  }

  private static @Nullable MemorySegment features(@Nullable NpyArray array) {
    return array == null ? null : MemorySegment.ofArray(array.toFloats());
  }

  /** Checks that the shard has the features of the index. */
  void requireFeatures(FeatureGrid grid, boolean flipped) throws IOException {
    long bytes = shape[0] * grid.side() * grid.side() * grid.width() * Float.BYTES;
    if (features == null
        || features.byteSize() != bytes
        || (flipped && (mirroredFeatures == null || mirroredFeatures.byteSize() != bytes))) {
      throw new IOException(
          "%s lacks the features that index.json lists: %d images of %d×%d cells, %d numbers each%s"
              .formatted(
                  path,
                  shape[0],
                  grid.side(),
                  grid.side(),
                  grid.width(),
                  flipped ? ", and the same for mirrored images" : ""));
    }
  }

  private static MemorySegment numbers(NpyArray array, boolean codes) {
    return codes ? MemorySegment.ofArray(array.toInts()) : MemorySegment.ofArray(array.toFloats());
  }

  /**
   * Checks that an image's array has the shape of the index, and the counts of labels and names.
   */
  void requireShape(long... each) throws IOException {
    boolean fits =
        shape.length > 1 && Arrays.equals(Arrays.copyOfRange(shape, 1, shape.length), each);
    if (!fits || (labels.length > 0 && labels.length != shape[0])) {
      throw new IOException(
          "%s has latents %s and %d labels; index.json says [N, %s"
              .formatted(
                  path, Arrays.toString(shape), labels.length, Arrays.toString(each).substring(1)));
    }
    if (!names.isEmpty() && names.size() != shape[0]) {
      throw new IOException(
          "%s: %d names for %d images; expected one each, or no names"
              .formatted(path, names.size(), shape[0]));
    }
  }

  int size() {
    return Math.toIntExact(shape[0]);
  }

  boolean isLabelled() {
    return labels.length > 0;
  }

  boolean isMirrored() {
    return mirrored != null;
  }

  int label(int i) {
    return labels.length == 0 ? -1 : labels[i];
  }

  String name(int i) {
    return i < names.size() ? names.get(i) : path.getFileName() + "#" + i;
  }

  void read(int i, boolean flip, float[] out) {
    long each = each();
    MemorySegment from = from(flip);
    copy(() -> MemorySegment.copy(from, FLOAT, i * each * Float.BYTES, out, 0, (int) each));
  }

  void readCodes(int i, boolean flip, int[] out, int at) {
    long each = each();
    MemorySegment from = from(flip);
    copy(() -> MemorySegment.copy(from, INT, i * each * Integer.BYTES, out, at, (int) each));
  }

  private long each() {
    return Arrays.stream(shape).skip(1).reduce(1, (a, b) -> a * b);
  }

  private MemorySegment from(boolean flip) {
    MemorySegment from = flip ? mirrored : values;
    if (from == null) {
      throw new EqvaeException.Internal(path + " has no mirrored latents");
    }
    return from;
  }

  void readFeatures(int i, boolean flip, int each, float[] out, int at) {
    MemorySegment from = flip ? mirroredFeatures : features;
    if (from == null) {
      throw new EqvaeException.Internal(path + " has no such features");
    }
    copy(() -> MemorySegment.copy(from, FLOAT, (long) i * each * Float.BYTES, out, at, each));
  }

  /** A mapping whose file was cut meanwhile fails with an error of the virtual machine. */
  private void copy(Runnable copying) {
    try {
      copying.run();
    } catch (InternalError e) {
      throw new UncheckedIOException(
          new PassingIoException(
              path
                  + " can no longer be read: it was cut short while it was in use, or its file"
                  + " system failed. Put the file back and give the same command again; a training"
                  + " goes on with --resume",
              e));
    }
  }

  @Override
  public void close() {
    if (file != null) {
      file.close();
    }
  }
}
