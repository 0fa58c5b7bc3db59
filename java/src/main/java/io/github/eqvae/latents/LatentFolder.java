package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A finished folder of latents with random access to its images, from which generators are trained.
 * Shards in safetensors are memory-mapped, those in npz and tar are read into memory. Several
 * threads may read.
 */
public final class LatentFolder implements AutoCloseable {
  private final Path folder;
  private final JsonNode index;
  private final Content content;
  private final Optional<FeatureGrid> features;
  private final List<MappedShard> shards = new ArrayList<>();
  private final int[] first; // number of each shard's first image, and at the end the count of all

  private LatentFolder(Path folder, JsonNode index) throws IOException {
    this.folder = folder;
    this.index = index;
    content = content(folder, index);
    features = FeatureGrid.of(index);
    ShardImages images = ShardImages.of(folder, index);
    List<Path> files = images.files();
    Map<Path, UnaryOperator<String>> keys = LatentIndex.keys(folder, index);
    first = new int[files.size() + 1];
    try {
      for (int i = 0; i < files.size(); i++) {
        UnaryOperator<String> names = keys.getOrDefault(files.get(i), key -> key);
        MappedShard shard = MappedShard.open(files.get(i), content, names);
        shards.add(shard);
        shard.requireShape(shape());
        if (features.isPresent()) {
          shard.requireFeatures(features.get(), shard.isMirrored());
        }
        if (shard.isLabelled() != isLabelled()) {
          throw new IOException(
              files.get(i) + " and index.json disagree on whether there are labels");
        }
        images.require(files.get(i), shard.size());
        first[i + 1] = Math.addExact(first[i], shard.size());
      }
    } catch (IOException | RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Opens a folder.
   *
   * @param folder made by {@code eqvae encode}
   * @return the latents
   * @throws IOException when the index or a shard cannot be read
   * @throws EqvaeException.Argument when it has no index, is unfinished, or holds codes
   */
  public static LatentFolder open(Path folder) throws IOException {
    return open(folder, false);
  }

  /**
   * Opens a folder of codes.
   *
   * @param folder made by {@code eqvae encode --posterior codes}
   * @return the codes
   * @throws IOException when the index or a shard cannot be read
   * @throws EqvaeException.Argument when it has no index, is unfinished, or holds no codes
   */
  public static LatentFolder openCodes(Path folder) throws IOException {
    return open(folder, true);
  }

  /**
   * Whether a folder has the index of latents.
   *
   * @param folder any
   * @return true if {@code eqvae encode} has begun to write in it
   */
  public static boolean isThere(Path folder) {
    return Files.isRegularFile(folder.resolve(LatentIndex.FILE));
  }

  /**
   * Opens a folder, whether it holds latents or codes.
   *
   * @param folder made by {@code eqvae encode}
   * @return the latents or codes
   * @throws IOException when the index or a shard cannot be read
   * @throws EqvaeException.Argument when it has no index or is unfinished
   */
  public static LatentFolder openAny(Path folder) throws IOException {
    return new LatentFolder(folder, finished(folder, "moments"));
  }

  /** The index of a folder that {@code encode} has finished. */
  private static JsonNode finished(Path folder, String posterior) throws IOException {
    if (!isThere(folder)) {
      throw new EqvaeException.Argument(
          folder
              + " is not a folder of latents: it has no index.json. Make one: "
              + Invocation.command(
                  "encode", "MODEL", "PICTURES", folder, "--posterior", posterior));
    }
    JsonNode index = LatentIndex.read(folder.resolve(LatentIndex.FILE));
    if (!index.path("complete").asBoolean()) {
      throw new EqvaeException.Argument(
          folder + " is not finished: run the same `encode` command again to continue");
    }
    return index;
  }

  private static LatentFolder open(Path folder, boolean codes) throws IOException {
    JsonNode index = finished(folder, codes ? "codes" : "moments");
    if ((content(folder, index) == Content.CODES) != codes) {
      throw new EqvaeException.Argument(
          codes
              ? folder
                  + " holds latents, not codes; MaskGIT needs the codes of an autoencoder with a"
                  + " codebook: encode with --posterior codes"
              : folder
                  + " holds codes; diffusion needs continuous latents. Encode with an autoencoder"
                  + " that has no codebook, or train MaskGIT on them (task: maskgit)");
    }
    return new LatentFolder(folder, index);
  }

  /**
   * The path of the weights that made a folder's latents, without opening its shards.
   *
   * @param folder made by {@code eqvae encode}
   * @return the path in the index; empty if there is no index, or it has no such entry
   * @throws IOException when the index cannot be read
   */
  public static Optional<Path> model(Path folder) throws IOException {
    return isThere(folder)
        ? model(LatentIndex.read(folder.resolve(LatentIndex.FILE)))
        : Optional.empty();
  }

  private static Optional<Path> model(JsonNode index) {
    return Optional.ofNullable(index.path("paths").path("model").textValue()).map(Path::of);
  }

  private static Content content(Path folder, JsonNode index) throws IOException {
    for (Content c : Content.values()) {
      if (c.name().equalsIgnoreCase(index.path("content").asText())) {
        return c;
      }
    }
    throw new IOException(folder.resolve(LatentIndex.FILE) + " has no valid entry 'content'");
  }

  /**
   * The number of images.
   *
   * @return the count; each has one or, {@linkplain #isMirrored mirrored}, two latents
   */
  public int size() {
    return first[first.length - 1];
  }

  /**
   * What is stored for each image.
   *
   * @return the content; {@link Content#CODES} only for {@link #openCodes}
   */
  public Content content() {
    return content;
  }

  /**
   * Channels of a latent.
   *
   * @return the count; of moments, the channels of the mean; 1 for codes
   */
  public int channels() {
    if (content == Content.CODES) {
      return 1;
    }
    int stored = index.path("shape").path(0).asInt();
    return content == Content.MOMENTS ? stored / 2 : stored;
  }

  /** The shape of an image's array: {@code [C, h, w]}, for codes {@code [h, w]}. */
  private long[] shape() {
    return content == Content.CODES
        ? new long[] {side(), side()}
        : new long[] {(content == Content.MOMENTS ? 2L : 1L) * channels(), side(), side()};
  }

  /**
   * The number of entries of the codes' codebook.
   *
   * @return the number in the index; 0 if it has none
   */
  public int codebookSize() {
    return index.path("model").path("codebook_size").asInt();
  }

  /**
   * The side of a latent, which is square.
   *
   * @return in latent pixels
   */
  public int side() {
    return index.path("shape").path(content == Content.CODES ? 0 : 1).asInt();
  }

  /**
   * Whether images have labels.
   *
   * @return true if all have one
   */
  public boolean isLabelled() {
    return index.path("labels").asBoolean();
  }

  /**
   * The names of the classes.
   *
   * @return names by label; empty if the index has none
   */
  public List<String> classes() {
    List<String> names = new ArrayList<>();
    index.path("classes").forEach(name -> names.add(name.asText()));
    return names;
  }

  /**
   * Whether there are also latents of the mirrored images.
   *
   * @return true if all images have them
   */
  public boolean isMirrored() {
    return !shards.isEmpty() && shards.stream().allMatch(MappedShard::isMirrored);
  }

  /**
   * Whether the latents are already scaled for a generator.
   *
   * @return true if {@code encode} scaled them
   */
  public boolean isScaled() {
    return index.path("scaled").asBoolean();
  }

  /**
   * How the autoencoder's latents are scaled for a generator.
   *
   * @return the scaling; empty if the index has none
   */
  public Optional<LatentScaling> scaling() {
    JsonNode s = index.path("scaling");
    if (!s.isObject()) {
      return Optional.empty();
    }
    return Optional.of(
        new LatentScaling(
            s.path("scaling_factor").asDouble(),
            s.path("shift_factor").asDouble(),
            numbers(s.path("latents_mean")),
            numbers(s.path("latents_std")),
            s.path("patch").asInt(1),
            s.path("batch_norm_eps").asDouble()));
  }

  /**
   * A statistic of all unscaled latents.
   *
   * @param name {@code std}, {@code mean}, {@code channel_mean}, {@code channel_std}
   * @return one number, or one per channel; empty if the index has none
   */
  public List<Double> statistics(String name) {
    JsonNode found = index.path("statistics").path(name);
    return found.isNumber() ? List.of(found.asDouble()) : numbers(found);
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> out = new ArrayList<>();
    array.forEach(n -> out.add(n.asDouble()));
    return out;
  }

  /**
   * The hash of the weights that made the latents.
   *
   * @return the SHA-256; empty if the index has none
   */
  public Optional<String> weights() {
    return Optional.ofNullable(index.path("model").path("weights_sha256").textValue());
  }

  /**
   * The path of those weights.
   *
   * @return the path in the index; empty if it has none
   */
  public Optional<Path> model() {
    return model(index);
  }

  /**
   * The name of an image.
   *
   * @param image its number, from 0
   * @return the name in the shard; if the shard has no names, the shard's file name and the image's
   *     number
   */
  public String name(int image) {
    int s = shard(image);
    return shards.get(s).name(image - first[s]);
  }

  /**
   * The label of an image.
   *
   * @param image its number, from 0
   * @return 0 for the first class; −1 if there are no labels
   */
  public int label(int image) {
    int s = shard(image);
    return shards.get(s).label(image - first[s]);
  }

  /**
   * Reads the array of an image.
   *
   * @param image its number, from 0
   * @param mirrored whether to read that of the mirrored image
   * @param out receives {@code [C, h, w]}, for moments {@code [2C, h, w]}
   */
  public void read(int image, boolean mirrored, float[] out) {
    int s = shard(image);
    shards.get(s).read(image - first[s], mirrored, out);
  }

  /**
   * The description of the features beside the latents.
   *
   * @return the description; empty if there are no features
   */
  public Optional<FeatureGrid> features() {
    return features;
  }

  /**
   * Reads the features of an image.
   *
   * @param image its number, from 0
   * @param mirrored whether to read that of the mirrored image
   * @param out receives {@code [side, side, width]}
   * @param at first index in {@code out}
   * @throws EqvaeException.Argument when there are none
   */
  public void readFeatures(int image, boolean mirrored, float[] out, int at) {
    FeatureGrid grid =
        features.orElseThrow(() -> new EqvaeException.Argument(folder + " has no features"));
    int s = shard(image);
    int each = grid.side() * grid.side() * grid.width();
    shards.get(s).readFeatures(image - first[s], mirrored, each, out, at);
  }

  /**
   * Reads the codes of an image.
   *
   * @param image its number, from 0
   * @param mirrored whether to read that of the mirrored image
   * @param out receives {@code [h, w]}
   * @param at first index in {@code out}
   */
  public void readCodes(int image, boolean mirrored, int[] out, int at) {
    int s = shard(image);
    shards.get(s).readCodes(image - first[s], mirrored, out, at);
  }

  private int shard(int image) {
    int found = java.util.Arrays.binarySearch(first, image);
    int s = found >= 0 ? found : -found - 2;
    if (image < 0 || s >= shards.size()) {
      throw new EqvaeException.Argument(folder + " has no image " + image + " of " + size());
    }
    return s;
  }

  @Override
  public void close() {
    shards.forEach(MappedShard::close);
  }
}
