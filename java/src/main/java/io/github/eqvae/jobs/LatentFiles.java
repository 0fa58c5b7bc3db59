package io.github.eqvae.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.Retrying;
import io.github.eqvae.latents.ImageNames;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.latents.MomentsKind;
import io.github.eqvae.latents.Shard;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.latents.ShardImages;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Moments;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Reads latents from a folder of {@link EncodeJob}, or from other programs' {@code .safetensors},
 * {@code .npz}, {@code .npy} or {@code .tar} files with {@code latents} {@code [N, C, h, w]},
 * {@code moments} {@code [N, 2C, h, w]} or {@code codes} {@code [N, h, w]}. Latents may have the
 * name {@code samples} or {@code arr_0}; the array of a single image may lack the dimension N.
 */
public final class LatentFiles {
  /** 2 GB, the largest Java array. */
  private static final long LIMIT = Integer.MAX_VALUE - 8;

  /** The names of arrays that are read, also those of generators' scripts. */
  private static final List<String> KEYS =
      List.of("latents", "moments", "codes", "samples", "arr_0");

  private final Path root;
  private final List<Path> files;
  private final Optional<Boolean> scaled;
  private final Optional<MomentsKind> momentsKind;

  /** For tar archives of a folder with an index: maps a key to the image's name. */
  private final Map<Path, UnaryOperator<String>> keys;

  /** The number of images in each shard, if there is an index. */
  private final ShardImages images;

  private LatentFiles(Path root, List<Path> files) {
    this(root, files, Optional.empty(), Optional.empty(), Map.of(), ShardImages.NONE);
  }

  private LatentFiles(
      Path root,
      List<Path> files,
      Optional<Boolean> scaled,
      Optional<MomentsKind> momentsKind,
      Map<Path, UnaryOperator<String>> keys,
      ShardImages images) {
    this.root = root;
    this.files = files;
    this.scaled = scaled;
    this.momentsKind = momentsKind;
    this.keys = keys;
    this.images = images;
  }

  /** Receives latents or codes. */
  public interface Visitor {
    /**
     * Receives latents.
     *
     * @param latents the latents of a file
     * @param names names of the images; empty if the file has none
     * @throws IOException to end the pass
     */
    void latents(Latents latents, List<String> names) throws IOException;

    /**
     * Receives codes.
     *
     * @param codes the codes of a file
     * @param names names of the images; empty if the file has none
     * @throws IOException to end the pass
     */
    void codes(Codes codes, List<String> names) throws IOException;
  }

  /**
   * Finds the files.
   *
   * @param path a file, or a folder of files
   * @return the files
   * @throws IOException if there is none
   */
  public static LatentFiles open(Path path) throws IOException {
    if (Files.isRegularFile(path)) {
      if (!isLatents(path)) {
        throw new IOException(
            path + ": expected a .safetensors, .npz, .npy or .tar file, or a folder");
      }
      Path file = path.toAbsolutePath();
      Optional<Boolean> scaled = indexOf(file).map(json -> json.path("scaled").asBoolean());
      return new LatentFiles(
          file.getParent(), List.of(file), scaled, Optional.empty(), Map.of(), ShardImages.NONE);
    }
    if (!Files.isDirectory(path)) {
      throw new IOException("There is no file or folder " + path);
    }
    Path index = path.resolve(LatentIndex.FILE);
    if (Files.isRegularFile(index)) {
      JsonNode json = LatentIndex.read(index);
      Optional<Boolean> scaled = Optional.of(json.path("scaled").asBoolean());
      if (!json.path("complete").asBoolean()) {
        throw new IOException(
            path + " is not finished: run the same `encode` command again to continue");
      }
      ShardImages images = ShardImages.of(path, json);
      return new LatentFiles(
          path,
          images.files(),
          scaled,
          MomentsKind.of(json.path(MomentsKind.KEY).asText()),
          LatentIndex.keys(path, json),
          images);
    }
    // other programs' caches have a file per image, in the folders of the images
    try (Stream<Path> all = Files.walk(path, FileVisitOption.FOLLOW_LINKS)) {
      List<Path> files = all.filter(LatentFiles::isLatents).sorted().toList();
      if (files.isEmpty()) {
        throw new IOException(path + ": no .safetensors, .npz, .npy or .tar file in it");
      }
      return new LatentFiles(path, files);
    }
  }

  /**
   * The hash of the autoencoder's weights that made latents.
   *
   * @param path a file, or a folder of them
   * @return as {@link io.github.eqvae.serve.Vae#weightsHash}; empty if there is no index with it
   * @throws IOException if {@code index.json} cannot be read
   */
  public static Optional<String> weights(Path path) throws IOException {
    if (!Files.isRegularFile(path)) {
      return LatentIndex.weights(path);
    }
    Path file = path.toAbsolutePath();
    return indexOf(file).isPresent() ? LatentIndex.weights(file.getParent()) : Optional.empty();
  }

  /** The index beside a file, if the file is one of its shards. */
  private static Optional<JsonNode> indexOf(Path file) throws IOException {
    Path folder = file.getParent();
    Path index = folder.resolve(LatentIndex.FILE);
    if (!Files.isRegularFile(index)) {
      return Optional.empty();
    }
    JsonNode json = LatentIndex.read(index);
    return LatentIndex.files(folder, json).contains(file) ? Optional.of(json) : Optional.empty();
  }

  private static boolean isLatents(Path file) {
    return ShardFormat.of(file).isPresent() || file.toString().endsWith(".npy");
  }

  /**
   * The files.
   *
   * @return in their order
   */
  public List<Path> files() {
    return files;
  }

  /**
   * The names of all images, without reading latents.
   *
   * @return the names, as for {@link #visit}
   * @throws IOException if a file cannot be read, or has an invalid name
   */
  public List<String> names() throws IOException {
    List<String> all = new ArrayList<>();
    for (Path file : files) {
      Optional<ShardFormat> format = ShardFormat.of(file);
      List<String> names = format.isPresent() ? format.get().names(file) : List.of();
      if (names.isEmpty()) {
        names = List.of(nameOf(file));
      }
      if (keys.containsKey(file)) {
        names = names.stream().map(keys.get(file)).toList();
      }
      ImageNames.check(file, names, names.size());
      all.addAll(names);
    }
    return all;
  }

  /** The name of the image in a file without names: its path without the extension. */
  private String nameOf(Path file) {
    return FileNames.of(root.relativize(file)).replaceAll("\\.[^./]+$", "");
  }

  /**
   * Whether the latents are scaled, according to the index.
   *
   * @return empty if there is no index
   */
  public Optional<Boolean> scaled() {
    return scaled;
  }

  /**
   * Passes all latents or codes to a visitor, one file at a time.
   *
   * @param channels channels of the model's latents; arrays with twice as many are moments, whose
   *     means are used
   * @param areScaled whether the latents are scaled
   * @param visitor receives them
   * @throws IOException if a file cannot be read, or has no such array
   */
  public void visit(int channels, boolean areScaled, Visitor visitor) throws IOException {
    visit(
        (file, shard, v, names) -> {
          if (v.discrete()) {
            visitor.codes(codes(v), names);
          } else {
            visitor.latents(latents(v, channels, areScaled), names);
          }
        });
  }

  /** Receives moments. */
  @FunctionalInterface
  public interface MomentsVisitor {
    /**
     * Receives moments.
     *
     * @param moments mean and standard deviation, whichever kind the file has
     * @param names names of the images; empty if the file has none
     * @throws IOException to end the pass
     */
    void moments(Moments moments, List<String> names) throws IOException;
  }

  /**
   * Passes all moments to a visitor, one file at a time.
   *
   * @param channels channels of the model's latents
   * @param kind the kind of moments; empty to read it from the files or to infer it
   * @param visitor receives them
   * @throws IOException if a file cannot be read, has no moments or another kind, or the kind
   *     cannot be inferred
   */
  public void visitMoments(int channels, Optional<MomentsKind> kind, MomentsVisitor visitor)
      throws IOException {
    visit(
        (file, shard, v, names) ->
            visitor.moments(moments(v, channels, kindOf(shard, v, kind)), names));
  }

  private MomentsKind kindOf(Shard shard, Shard.Values v, Optional<MomentsKind> asked) {
    Optional<MomentsKind> said = shard.momentsKind().or(() -> momentsKind);
    if (said.isPresent() && asked.isPresent() && !said.equals(asked)) {
      throw new EqvaeException.Argument(
          "the file has '"
              + said.get().text()
              + "', not the requested '"
              + asked.get().text()
              + "'");
    }
    Optional<MomentsKind> shown = MomentsKind.recognise(v.floats(), v.each() / 2);
    Optional<MomentsKind> known = said.or(() -> asked);
    if (known.isPresent() && shown.isPresent() && !known.equals(shown)) {
      throw new EqvaeException.Argument(
          "it is declared as '"
              + known.get().text()
              + "', but a standard deviation cannot be negative");
    }
    return known
        .or(() -> shown)
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "it is unknown whether the second half is a standard deviation or the logarithm"
                        + " of a variance; pass the kind"));
  }

  /** Receives the content of a file. */
  private interface Part {
    void take(Path file, Shard shard, Shard.Values values, List<String> names) throws IOException;
  }

  private void visit(Part part) throws IOException {
    for (Path file : files) {
      Shard shard = read(file);
      if (shard.arrays().size() != 1) {
        throw new IOException(
            file
                + " holds "
                + (shard.arrays().isEmpty()
                    ? "none of " + KEYS
                    : "several of them: " + shard.arrays().keySet()));
      }
      Map.Entry<String, Shard.Values> only = shard.arrays().entrySet().iterator().next();
      long[] shape = only.getValue().shape();
      Shard.Values v = only.getValue();
      List<String> names = shard.names();
      if (!v.discrete() && shape.length == 3) { // one image
        v = new Shard.Values(v.floats(), v.ints(), new long[] {1, shape[0], shape[1], shape[2]});
        if (names.isEmpty()) {
          names = List.of(nameOf(file));
        }
      }
      if (keys.containsKey(file)) {
        names = names.stream().map(keys.get(file)).toList();
      }
      images.require(file, v.shape());
      ImageNames.check(file, names, v.shape().length == 0 ? 1 : v.shape()[0]);
      try {
        part.take(file, shard, v, names);
      } catch (EqvaeException.Argument e) {
        throw new IOException(
            file + ": " + only.getKey() + " " + Arrays.toString(shape) + ": " + e.getMessage(), e);
      }
    }
  }

  private static Shard read(Path file) throws IOException {
    Optional<ShardFormat> format = ShardFormat.of(file);
    if (format.isPresent()) {
      return format.get().read(file, KEYS, LIMIT);
    }
    try (InputStream in = new BufferedInputStream(Retrying.open(file))) {
      return Shard.read(
          List.of(),
          Map.of("latents", ShardFormat.values(NpyArray.read(in, file.toString(), LIMIT))));
    }
  }

  private static Codes codes(Shard.Values v) {
    long[] s = v.shape();
    if (s.length != 3) {
      throw new EqvaeException.Argument("expected codes [N, h, w]");
    }
    return new Codes((int) s[0], (int) s[1], (int) s[2], v.ints());
  }

  private static Latents latents(Shard.Values v, int channels, boolean scaled) {
    long[] s = v.shape();
    if (s.length != 4 || (s[1] != channels && s[1] != 2L * channels)) {
      throw new EqvaeException.Argument(
          "expected latents [N, %d, h, w] or moments [N, %d, h, w]"
              .formatted(channels, 2 * channels));
    }
    int n = (int) s[0];
    int plane = (int) (s[2] * s[3]);
    float[] values = v.floats();
    if (s[1] != channels) {
      values = new float[n * channels * plane];
      for (int i = 0; i < n; i++) {
        System.arraycopy(
            v.floats(), 2 * i * channels * plane, values, i * channels * plane, channels * plane);
      }
    }
    return Latents.ofNchw(n, channels, (int) s[2], (int) s[3], values, scaled);
  }

  private static Moments moments(Shard.Values v, int channels, MomentsKind kind) {
    long[] s = v.shape();
    if (s.length != 4 || s[1] != 2L * channels) {
      throw new EqvaeException.Argument("expected moments [N, %d, h, w]".formatted(2 * channels));
    }
    int n = (int) s[0];
    int plane = (int) (s[2] * s[3]);
    float[] mean = new float[n * channels * plane];
    float[] std = new float[mean.length];
    for (int i = 0; i < mean.length; i++) {
      int c = i % channels;
      int p = i / channels % plane;
      int from = (i / channels / plane * 2 * channels + c) * plane + p;
      mean[i] = v.floats()[from];
      float second = v.floats()[from + channels * plane];
      // the same limits as for the encoder's output
      std[i] =
          kind == MomentsKind.STD
              ? second
              : (float) Math.exp(0.5 * Math.clamp(second, -30.0, 20.0));
    }
    return new Moments(n, (int) s[2], (int) s[3], channels, mean, std);
  }
}
