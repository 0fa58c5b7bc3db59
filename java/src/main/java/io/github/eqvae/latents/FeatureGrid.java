package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code index.json} says of the features beside the latents: a row of numbers for each place
 * of a square grid over the picture, which a frozen network gave. Files have them as {@code
 * features} {@code [N, side, side, width]}, and {@code features_flip} of the mirrored pictures.
 *
 * @param network what gave them, such as {@code dinov2-base}
 * @param sha256 of its weights
 * @param preprocessing what it saw of a picture
 * @param side rows and columns of the grid
 * @param width numbers of a place
 */
public record FeatureGrid(
    String network, String sha256, String preprocessing, int side, int width) {
  /** What arrays of features are called in files, and their entry in the index. */
  public static final String KEY = "features";

  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if one is not positive
   */
  public FeatureGrid {
    if (side < 1 || width < 1) {
      throw new EqvaeException.Argument(
          "features of %d×%d places, %d numbers each: all must be positive"
              .formatted(side, side, width));
    }
  }

  /**
   * As the index has it.
   *
   * @return names to values
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("network", network);
    map.put("weights_sha256", sha256);
    map.put("preprocessing", preprocessing);
    map.put("grid", side);
    map.put("width", width);
    return map;
  }

  static Optional<FeatureGrid> of(JsonNode index) {
    JsonNode f = index.path(KEY);
    return f.isObject()
        ? Optional.of(
            new FeatureGrid(
                f.path("network").asText(),
                f.path("weights_sha256").asText(),
                f.path("preprocessing").asText(),
                f.path("grid").asInt(),
                f.path("width").asInt()))
        : Optional.empty();
  }
}
