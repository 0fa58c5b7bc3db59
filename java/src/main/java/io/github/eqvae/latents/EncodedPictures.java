package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.PictureSquare;
import io.github.eqvae.io.DecodeOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The entries of {@code index.json} about the pictures that latents were made of.
 *
 * @param path where they were; empty if the index does not say
 * @param sha256 the hash of their inventory
 * @param square how each became a square
 */
public record EncodedPictures(Optional<Path> path, String sha256, PictureSquare square) {
  /** The entry of the inventory's hash. */
  public static final String HASH = "input_sha256";

  private static final String PATHS = "paths";
  private static final String PATH = "input";
  private static final String SIZE = "image_size";
  private static final String CROP = "crop";
  private static final String ALPHA = "alpha";
  private static final String ORIENTATION = "orientation";

  /**
   * The entry {@code paths}.
   *
   * @param model the autoencoder
   * @param input the pictures
   * @return absolute paths: generators look for both, perhaps in another working directory
   */
  public static Map<String, String> paths(Path model, Path input) {
    Map<String, String> paths = new LinkedHashMap<>(); // in one order in every process
    paths.put("model", model.toAbsolutePath().normalize().toString());
    paths.put(PATH, input.toAbsolutePath().normalize().toString());
    return paths;
  }

  /**
   * The entries about squares.
   *
   * @param square how pictures become squares
   * @return values by name
   */
  public static Map<String, Object> of(PictureSquare square) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put(SIZE, square.size());
    map.put(CROP, name(square.crop()));
    map.put(ALPHA, name(square.decode().alpha()));
    map.put(ORIENTATION, name(square.decode().orientation()));
    return map;
  }

  private static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads the entries of an index.
   *
   * @param folder made by {@code eqvae encode}
   * @return what its index says
   * @throws IOException if it cannot be read, or does not say how pictures became squares
   */
  public static EncodedPictures read(Path folder) throws IOException {
    Path file = folder.resolve(LatentIndex.FILE);
    JsonNode index = LatentIndex.read(file);
    Crop crop = constant(file, index, CROP, Crop.values());
    int size = index.path(SIZE).asInt();
    if (size < 1) {
      throw wrong(file, SIZE);
    }
    return new EncodedPictures(
        Optional.ofNullable(index.path(PATHS).path(PATH).textValue()).map(Path::of),
        index.path(HASH).asText(),
        new PictureSquare(
            size,
            crop,
            new DecodeOptions(
                DecodeOptions.DEFAULT.maxPixels(),
                constant(file, index, ALPHA, DecodeOptions.Alpha.values()),
                crop.depth(),
                constant(file, index, ORIENTATION, DecodeOptions.Orientation.values()))));
  }

  private static <E extends Enum<E>> E constant(
      Path file, JsonNode index, String key, E[] constants) throws IOException {
    String text = index.path(key).asText();
    return Arrays.stream(constants)
        .filter(c -> name(c).equals(text))
        .findFirst()
        .orElseThrow(() -> wrong(file, key));
  }

  private static IOException wrong(Path file, String key) {
    return new IOException(
        file + " has no valid entry '" + key + "', so it is not known how pictures became squares");
  }
}
