package io.github.eqvae.latents;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** A shard whose images are read one by one. */
final class MappedShard implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final String LABELS = "labels";
  private static final String NAMES = "names";

  private final Path path;
  private final @Nullable SafetensorsFile file; // kept open; null for what is in memory
  private final long[] shape;
  private final MemorySegment values;
  private final @Nullable MemorySegment mirrored;
  private final @Nullable MemorySegment features;
  private final @Nullable MemorySegment mirroredFeatures;
  private final int[] labels; // empty without
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
   * @param key what its array is called; a tar has one kind of array
   * @param names what image a key of a tar stands for
   */
  static MappedShard open(Path path, String key, UnaryOperator<String> names) throws IOException {
    return switch (ShardFormat.of(path).orElse(ShardFormat.TAR)) {
      case SAFETENSORS -> mapped(path, key);
      case NPZ -> inMemory(path, key);
      case TAR -> ofTar(path, names);
    };
  }

  private static MappedShard ofTar(Path path, UnaryOperator<String> names) throws IOException {
    TarLatents tar = TarLatents.read(path);
    float[] mirrored = tar.mirrored();
    return new MappedShard(
        path,
        null,
        tar.shape(),
        MemorySegment.ofArray(tar.values()),
        mirrored == null ? null : MemorySegment.ofArray(mirrored),
        null,
        null,
        tar.labels(),
        tar.keys().stream().map(names).toList());
  }

  private static MappedShard mapped(Path path, String key) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      if (!file.contains(key) || !file.info(key).dtype().equals("F32")) {
        throw new IOException(path + " has no " + key + " in F32");
      }
      String flip = key + Shard.FLIP;
      long[] shape = file.info(key).shape();
      boolean flipped =
          file.contains(flip)
              && file.info(flip).dtype().equals("F32")
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

  private static MappedShard inMemory(Path path, String key) throws IOException {
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
        MemorySegment.ofArray(found.toFloats()),
        mirrored != null && Arrays.equals(mirrored.shape(), found.shape())
            ? MemorySegment.ofArray(mirrored.toFloats())
            : null,
        features(arrays.get(FeatureGrid.KEY)),
        features(arrays.get(FeatureGrid.KEY + Shard.FLIP)),
        labels == null ? new int[0] : labels.toInts(),
        names == null ? List.of() : names.toTexts());
  }

  private static @Nullable MemorySegment features(@Nullable NpyArray array) {
    return array == null ? null : MemorySegment.ofArray(array.toFloats());
  }

  /** The features that the index promises. */
  void requireFeatures(FeatureGrid grid, boolean flipped) throws IOException {
    long bytes = shape[0] * grid.side() * grid.side() * grid.width() * Float.BYTES;
    if (features == null
        || features.byteSize() != bytes
        || (flipped && (mirroredFeatures == null || mirroredFeatures.byteSize() != bytes))) {
      throw new IOException(
          "%s lacks the features that index.json promises: %d images of %d×%d places, %d numbers each%s"
              .formatted(
                  path,
                  shape[0],
                  grid.side(),
                  grid.side(),
                  grid.width(),
                  flipped ? ", and as many of mirrored images" : ""));
    }
  }

  /** The shape that the index promises. */
  void requireShape(int channels, int side) throws IOException {
    boolean fits =
        shape.length == 4 && shape[1] == channels && shape[2] == side && shape[3] == side;
    if (!fits || (labels.length > 0 && labels.length != shape[0])) {
      throw new IOException(
          "%s has latents %s and %d labels; index.json says [N, %d, %d, %d]"
              .formatted(path, Arrays.toString(shape), labels.length, channels, side, side));
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
    MemorySegment from = flip ? mirrored : values;
    if (from == null) {
      throw new EqvaeException.Internal(path + " has no mirrored latents");
    }
    long each = shape[1] * shape[2] * shape[3];
    MemorySegment.copy(from, FLOAT, i * each * Float.BYTES, out, 0, (int) each);
  }

  void readFeatures(int i, boolean flip, int each, float[] out, int at) {
    MemorySegment from = flip ? mirroredFeatures : features;
    if (from == null) {
      throw new EqvaeException.Internal(path + " has no such features");
    }
    MemorySegment.copy(from, FLOAT, (long) i * each * Float.BYTES, out, at, each);
  }

  @Override
  public void close() {
    if (file != null) {
      file.close();
    }
  }
}
