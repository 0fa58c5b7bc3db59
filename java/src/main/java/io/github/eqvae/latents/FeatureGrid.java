package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The entry of {@code index.json} about features beside the latents: a frozen network's feature
 * vector for each cell of a square grid over the picture. Files have them as {@code features}
 * {@code [N, side, side, width]}, and {@code features_flip} for the mirrored pictures.
 *
 * @param network the network, such as {@code dinov2-base}
 * @param sha256 the SHA-256 of its weights
 * @param preprocessing how its input was made from a picture
 * @param side rows and columns of the grid
 * @param width length of a feature vector
 */
public record FeatureGrid(
    String network, String sha256, String preprocessing, int side, int width) {
  /** The name of feature arrays in files, and of their entry in the index. */
  public static final String KEY = "features";

  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if one is not positive
   */
  public FeatureGrid {
    if (side < 1 || width < 1) {
      throw new EqvaeException.Argument(
          "features of %d×%d cells, %d numbers each: all must be positive"
              .formatted(side, side, width));
    }
  }

  /**
   * The entry of the index.
   *
   * @return values by name
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
