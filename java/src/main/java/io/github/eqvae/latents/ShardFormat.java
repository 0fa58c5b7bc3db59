package io.github.eqvae.latents;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.TarFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** File formats of shards. */
public enum ShardFormat {
  /** Arrays of all images; names are in the metadata. */
  SAFETENSORS("safetensors"),
  /** The same arrays for {@code np.load}. */
  NPZ("npz"),
  /** WebDataset: {@code key.npy}, {@code key.flip.npy}, {@code key.cls} per image. */
  TAR("tar");

  private static final String NAMES = "names";
  private static final String LABELS = "labels";

  /** Integers of safetensors, as NumPy names them. */
  private static final Map<String, String> INTEGERS =
      Map.of(
          "I8", "|i1", "U8", "|u1", "I16", "<i2", "U16", "<u2", "I32", "<i4", "U32", "<u4", "I64",
          "<i8");

  private final String extension;

  ShardFormat(String extension) {
    this.extension = extension;
  }

  /**
   * The files' extension.
   *
   * @return without the dot
   */
  public String extension() {
    return extension;
  }

  /**
   * Writes a shard.
   *
   * @param file the file
   * @param shard its content
   * @throws IOException when writing fails
   */
  public void write(Path file, Shard shard) throws IOException {
    switch (this) {
      case SAFETENSORS -> writeSafetensors(file, shard);
      case NPZ -> writeNpz(file, shard);
      case TAR -> writeTar(file, shard);
    }
  }

  private static void writeSafetensors(Path file, Shard shard) throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    shard
        .arrays()
        .forEach(
            (name, v) ->
                entries.add(
                    v.discrete()
                        ? entry(name, "I32", NpyArray.ints(v.ints(), v.shape()))
                        : SafetensorsWriter.Entry.floats(name, v.floats(), v.shape())));
    shard.labels().ifPresent(l -> entries.add(entry(LABELS, "I64", NpyArray.longs(l, l.length))));
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(NAMES, ImageNames.toJson(shard.names()));
    if (shard.arrays().containsKey(Content.MOMENTS.key())) {
      metadata.put(MomentsKind.KEY, MomentsKind.STD.text());
    }
    SafetensorsWriter.write(file, entries, metadata);
  }

  private static SafetensorsWriter.Entry entry(String name, String dtype, NpyArray array) {
    return new SafetensorsWriter.Entry(
        name, dtype, array.shape(), MemorySegment.ofBuffer(ByteBuffer.wrap(array.data())));
  }

  private static NpyArray array(Shard.Values v) {
    return v.discrete()
        ? NpyArray.ints(v.ints(), v.shape())
        : NpyArray.floats(v.floats(), v.shape());
  }

  private static void writeNpz(Path file, Shard shard) throws IOException {
    Map<String, NpyArray> arrays = new LinkedHashMap<>();
    shard.arrays().forEach((name, v) -> arrays.put(name, array(v)));
    shard.labels().ifPresent(l -> arrays.put(LABELS, NpyArray.longs(l, l.length)));
    arrays.put(NAMES, NpyArray.texts(shard.names()));
    if (shard.arrays().containsKey(Content.MOMENTS.key())) {
      arrays.put(MomentsKind.KEY, NpyArray.texts(List.of(MomentsKind.STD.text())));
    }
    NpzFile.write(file, arrays);
  }

  private static void writeTar(Path file, Shard shard) throws IOException {
    TarFile.write(
        file,
        sink -> {
          for (int i = 0; i < shard.names().size(); i++) {
            String key = shard.keys().get(i);
            for (Map.Entry<String, Shard.Values> e : shard.arrays().entrySet()) {
              String flip = e.getKey().endsWith(Shard.FLIP) ? ".flip" : "";
              ByteArrayOutputStream bytes = new ByteArrayOutputStream();
              array(one(e.getValue(), i)).write(bytes);
              sink.add(key + flip + ".npy", bytes.toByteArray());
            }
            if (shard.labels().isPresent()) {
              String label = Long.toString(shard.labels().get()[i]);
              sink.add(key + ".cls", label.getBytes(StandardCharsets.US_ASCII));
            }
          }
        });
  }

  private static Shard.Values one(Shard.Values v, int index) {
    int each = v.each();
    long[] shape = Arrays.copyOfRange(v.shape(), 1, v.shape().length);
    return v.discrete()
        ? new Shard.Values(
            new float[0], Arrays.copyOfRange(v.ints(), index * each, (index + 1) * each), shape)
        : new Shard.Values(
            Arrays.copyOfRange(v.floats(), index * each, (index + 1) * each), new int[0], shape);
  }

  /**
   * The format of a file, by its extension.
   *
   * @param file the file
   * @return empty for other extensions
   */
  public static Optional<ShardFormat> of(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return Arrays.stream(values()).filter(f -> name.endsWith("." + f.extension)).findFirst();
  }

  /**
   * Reads a shard.
   *
   * @param file a file of this format
   * @param keys names of the arrays to read, if the file has them
   * @param limit largest size of an array in bytes
   * @return the shard
   * @throws IOException when it is damaged
   */
  public Shard read(Path file, List<String> keys, long limit) throws IOException {
    return switch (this) {
      case SAFETENSORS -> readSafetensors(file, keys);
      case NPZ -> readNpz(file, keys, limit);
      case TAR -> readTar(file, limit);
    };
  }

  /**
   * Reads only the names.
   *
   * @param file a file of this format
   * @return the names, as of {@link #read}; empty if the file has none
   * @throws IOException when it is damaged
   */
  public List<String> names(Path file) throws IOException {
    return switch (this) {
      case SAFETENSORS -> readSafetensors(file, List.of()).names();
      case NPZ -> readNpz(file, List.of(), Integer.MAX_VALUE).names();
      case TAR -> {
        List<String> names = new ArrayList<>();
        TarFile.visit(
            file,
            (name, size, in) -> {
              if (isArray(name)) {
                names.add(name.substring(0, name.length() - ".npy".length()));
              }
              return true;
            });
        yield names;
      }
    };
  }

  private static boolean isArray(String name) {
    return name.endsWith(".npy") && !name.endsWith(".flip.npy");
  }

  private static Shard readSafetensors(Path file, List<String> keys) throws IOException {
    try (SafetensorsFile source = SafetensorsFile.open(file)) {
      Map<String, Shard.Values> arrays = new LinkedHashMap<>();
      for (String key : keys) {
        if (source.contains(key)) {
          long[] shape = source.info(key).shape();
          arrays.put(
              key,
              INTEGERS.containsKey(source.info(key).dtype())
                  ? new Shard.Values(new float[0], ints(source, key), shape)
                  : new Shard.Values(source.floats(key), new int[0], shape));
        }
      }
      List<String> names = List.of();
      if (source.metadata().containsKey(NAMES)) {
        names = ImageNames.ofJson(file, source.metadata().get(NAMES));
      }
      Optional<MomentsKind> kind =
          Optional.ofNullable(source.metadata().get(MomentsKind.KEY)).flatMap(MomentsKind::of);
      return Shard.read(names, arrays, kind);
    }
  }

  private static int[] ints(SafetensorsFile source, String key) {
    String descr = INTEGERS.get(source.info(key).dtype());
    byte[] bytes = source.segment(key).toArray(ValueLayout.JAVA_BYTE);
    return new NpyArray(descr, source.info(key).shape(), bytes).toInts();
  }

  /**
   * Converts an array.
   *
   * @param a the array
   * @return its numbers as floats, or as integers if they are
   */
  public static Shard.Values values(NpyArray a) {
    return a.descr().startsWith("<f")
        ? new Shard.Values(a.toFloats(), new int[0], a.shape())
        : new Shard.Values(new float[0], a.toInts(), a.shape());
  }

  private static Shard readNpz(Path file, List<String> keys, long limit) throws IOException {
    List<String> wanted = new ArrayList<>(keys);
    wanted.add(NAMES);
    wanted.add(MomentsKind.KEY);
    Map<String, Shard.Values> arrays = new LinkedHashMap<>();
    Optional<MomentsKind> kind = Optional.empty();
    List<String> names = List.of();
    for (Map.Entry<String, NpyArray> e : NpzFile.read(file, wanted, limit).entrySet()) {
      if (e.getKey().equals(NAMES)) {
        names = texts(file, e);
      } else if (e.getKey().equals(MomentsKind.KEY)) {
        kind = texts(file, e).stream().findFirst().flatMap(MomentsKind::of);
      } else {
        arrays.put(e.getKey(), values(e.getValue()));
      }
    }
    return Shard.read(names, arrays, kind);
  }

  private static List<String> texts(Path file, Map.Entry<String, NpyArray> array)
      throws IOException {
    try {
      return array.getValue().toTexts();
    } catch (EqvaeException.Argument e) {
      throw new IOException(file + ": " + array.getKey() + ": " + e.getMessage(), e);
    }
  }

  /** Joins the arrays {@code key.npy}; those of mirrored images are left out. */
  private static Shard readTar(Path file, long limit) throws IOException {
    List<String> names = new ArrayList<>();
    List<NpyArray> all = new ArrayList<>();
    long[] left = {limit};
    TarFile.visit(
        file,
        (name, size, in) -> {
          if (isArray(name)) {
            NpyArray array = NpyArray.read(in, file + ": " + FileNames.shown(name), left[0]);
            left[0] -= array.data().length;
            if (!all.isEmpty()
                && (!Arrays.equals(array.shape(), all.getFirst().shape())
                    || !array.descr().equals(all.getFirst().descr()))) {
              throw new IOException(
                  file
                      + ": "
                      + FileNames.shown(name)
                      + " has another shape or type than the arrays before it");
            }
            names.add(name.substring(0, name.length() - ".npy".length()));
            all.add(array);
          }
          return true;
        });
    if (all.isEmpty()) {
      return Shard.read(names, Map.of());
    }
    NpyArray first = all.getFirst();
    long[] shape = new long[first.shape().length + 1];
    shape[0] = all.size();
    System.arraycopy(first.shape(), 0, shape, 1, shape.length - 1);
    byte[] bytes = new byte[Math.multiplyExact(all.size(), first.data().length)];
    for (int i = 0; i < all.size(); i++) {
      System.arraycopy(all.get(i).data(), 0, bytes, i * first.data().length, first.data().length);
    }
    // the caller tells latents from moments by the model's channels
    String key = first.descr().startsWith("<f") ? "latents" : "codes";
    return Shard.read(names, Map.of(key, values(new NpyArray(first.descr(), shape, bytes))));
  }
}
