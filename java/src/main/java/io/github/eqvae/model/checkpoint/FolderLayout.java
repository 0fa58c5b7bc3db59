package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The file names and shards of a folder of diffusers: the {@code variant} and {@code
 * max_shard_size} of {@code save_pretrained}. Source: huggingface/diffusers {@code
 * models/modeling_utils.py}, huggingface_hub {@code serialization/_base.py}.
 *
 * @param variant such as {@code fp16}, for {@code from_pretrained(variant="fp16")}
 * @param maxShardBytes no file has more bytes of tensors than this, unless a single tensor has more
 */
public record FolderLayout(Optional<String> variant, long maxShardBytes) {
  /** diffusers' default, 10 GB: every autoencoder fits into one file. */
  public static final FolderLayout DEFAULT = new FolderLayout(Optional.empty(), 10_000_000_000L);

  private static final Pattern SIZE =
      Pattern.compile(
          "\\s*(\\d{1,12}(?:\\.\\d{1,6})?)\\s*([KMGT]i?B)?\\s*", Pattern.CASE_INSENSITIVE);

  /** Checks the variant, which becomes part of file names. */
  public FolderLayout {
    if (variant.isPresent() && !variant.get().matches("\\w[\\w-]{0,30}")) {
      throw new EqvaeException.Argument(
          "variant \"" + variant.get() + "\": expected a word of letters and digits, such as fp16");
    }
    if (maxShardBytes < 1) {
      throw new EqvaeException.Argument("a shard of " + maxShardBytes + " bytes holds nothing");
    }
  }

  /**
   * A size as text.
   *
   * @param text such as {@code 200MB} (10⁶ bytes, as for diffusers), {@code 1GiB} (2³⁰), or bytes
   * @return in bytes
   * @throws EqvaeException.Argument if it is none
   */
  public static long bytes(String text) {
    Matcher m = SIZE.matcher(text);
    if (!m.matches()) {
      throw new EqvaeException.Argument(
          "size \"" + text + "\": expected a number of bytes, or one with KB, MB, GB or TB");
    }
    String unit = m.group(2) == null ? "" : m.group(2).toUpperCase(java.util.Locale.ROOT);
    int power = unit.isEmpty() ? 0 : "KMGT".indexOf(unit.charAt(0)) + 1;
    return (long)
        (Double.parseDouble(m.group(1)) * Math.pow(unit.endsWith("IB") ? 1024 : 1000, power));
  }

  /** Divides tensors among files, in their order; a tensor that is too large gets its own file. */
  <T> Map<String, List<T>> files(List<T> tensors, ToLongFunction<T> size) {
    List<List<T>> shards = new ArrayList<>();
    List<T> current = new ArrayList<>();
    long bytes = 0;
    for (T tensor : tensors) {
      long own = size.applyAsLong(tensor);
      if (own > maxShardBytes) {
        shards.add(List.of(tensor));
        continue;
      }
      if (bytes + own > maxShardBytes) {
        shards.add(current);
        current = new ArrayList<>();
        bytes = 0;
      }
      current.add(tensor);
      bytes += own;
    }
    if (!current.isEmpty()) {
      shards.add(current);
    }
    Map<String, List<T>> files = new LinkedHashMap<>();
    for (int i = 0; i < shards.size(); i++) {
      String suffix = shards.size() == 1 ? "" : "-%05d-of-%05d".formatted(i + 1, shards.size());
      files.put(DiffusersFolder.WEIGHTS + dotted() + suffix + ".safetensors", shards.get(i));
    }
    return files;
  }

  /** The name of the index of shards. */
  String index() {
    return DiffusersFolder.WEIGHTS + ".safetensors.index" + dotted() + ".json";
  }

  private String dotted() {
    return variant.map(v -> "." + v).orElse("");
  }

  /**
   * Removes files of an earlier conversion of this variant: they would be read instead of the new
   * ones.
   */
  void removeOthers(Path folder, List<Path> written) throws IOException {
    String weights =
        Pattern.quote(DiffusersFolder.WEIGHTS + dotted()) + "(-\\d{5}-of-\\d{5})?\\.safetensors";
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (!written.contains(file) && (name.matches(weights) || name.equals(index()))) {
          Files.delete(file);
        }
      }
    }
  }
}
