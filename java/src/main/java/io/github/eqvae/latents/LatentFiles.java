package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.Latents;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Latents in files, whoever made them: a folder that {@link EncodeJob} filled, or any {@code
 * .safetensors}, {@code .npz}, {@code .npy} or {@code .tar} with {@code latents} {@code [N, C, h,
 * w]}, {@code moments} {@code [N, 2C, h, w]} or {@code codes} {@code [N, h, w]}; latents may be
 * called {@code samples} or {@code arr_0}.
 *
 * @param files the files in their order
 * @param scaled whether the folder says that its latents are scaled; empty if nothing says
 * @param keys of tar archives whose folder says it: what image a key stands for
 */
public record LatentFiles(
    List<Path> files, Optional<Boolean> scaled, Map<Path, UnaryOperator<String>> keys) {
  /** 2 GB: the most an array of Java holds. */
  private static final long LIMIT = Integer.MAX_VALUE - 8;

  /** What a generator's scripts save latents as. */
  private static final List<String> KEYS =
      List.of("latents", "moments", "codes", "samples", "arr_0");

  /** Receives latents or codes. */
  public interface Visitor {
    /**
     * Takes latents.
     *
     * @param latents some of them
     * @param names of the images; empty if the file has none
     * @throws IOException to end the pass
     */
    void latents(Latents latents, List<String> names) throws IOException;

    /**
     * Takes codes.
     *
     * @param codes some of them
     * @param names of the images; empty if the file has none
     * @throws IOException to end the pass
     */
    void codes(Codes codes, List<String> names) throws IOException;
  }

  /**
   * Finds the files.
   *
   * @param path a file, or a folder of them
   * @return the files
   * @throws IOException if there is none
   */
  public static LatentFiles open(Path path) throws IOException {
    if (Files.isRegularFile(path)) {
      if (!isLatents(path)) {
        throw new IOException(
            path + ": expected the ending .safetensors, .npz, .npy or .tar, or a folder");
      }
      return new LatentFiles(List.of(path), Optional.empty(), Map.of());
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
            path + " is not finished: run the same `eqvae encode` again, it goes on where it was");
      }
      return new LatentFiles(LatentIndex.files(path, json), scaled, LatentIndex.keys(path, json));
    }
    try (Stream<Path> all = Files.list(path)) {
      List<Path> files = all.filter(LatentFiles::isLatents).sorted().toList();
      if (files.isEmpty()) {
        throw new IOException(path + ": no .safetensors, .npz, .npy or .tar file in it");
      }
      return new LatentFiles(files, Optional.empty(), Map.of());
    }
  }

  /**
   * The weights of the autoencoder that made a folder of latents.
   *
   * @param path a file, or a folder of them
   * @return {@link io.github.eqvae.serve.Vae#weightsHash}; empty if nothing says
   * @throws IOException if {@code index.json} cannot be read
   */
  public static Optional<String> weights(Path path) throws IOException {
    return LatentIndex.weights(path);
  }

  private static boolean isLatents(Path file) {
    return ShardFormat.of(file).isPresent() || file.toString().endsWith(".npy");
  }

  /**
   * Passes everything, a file at a time.
   *
   * @param channels of the model's latents: twice as many are moments, of which the means are taken
   * @param areScaled whether the latents are scaled
   * @param visitor receives them
   * @throws IOException if a file cannot be read, or holds nothing of the kind
   */
  public void visit(int channels, boolean areScaled, Visitor visitor) throws IOException {
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
      Shard.Values v = only.getValue();
      long[] shape = v.shape();
      List<String> names = shard.names();
      if (keys.containsKey(file)) {
        names = names.stream().map(keys.get(file)).toList();
      }
      ImageNames.check(file, names, shape.length == 0 ? 1 : shape[0]);
      try {
        if (v.discrete()) {
          visitor.codes(codes(v), names);
        } else {
          visitor.latents(latents(v, channels, areScaled), names);
        }
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
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
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
}
