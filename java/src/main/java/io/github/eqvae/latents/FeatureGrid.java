package io.github.eqvae.latents;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.PatchFeatures;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The entry of {@code index.json} about features beside the latents: a frozen network's feature
 * vector for each cell of a square grid over the picture. Files have them as {@code features}
 * {@code [N, side, side, width]}, and {@code features_flip} for the mirrored pictures.
 *
 * @param network the network, such as {@code dinov2-base}
 * @param sha256 the SHA-256 of its weights
 * @param preprocessing how its input was made from a picture
 * @param positions whose way of fitting the table of positions the network followed; empty for
 *     networks without one, and in folders that earlier versions wrote
 * @param side rows and columns of the grid
 * @param width length of a feature vector
 */
public record FeatureGrid(
    String network,
    String sha256,
    String preprocessing,
    Optional<String> positions,
    int side,
    int width) {
  /** The name of feature arrays in files, and of their entry in the index. */
  public static final String KEY = "features";

  private static final String POSITIONS = "positions";

  /** Where earlier versions say the rule. */
  private static final Pattern IN_PREPROCESSING = Pattern.compile("positions as (\\w+) fits them");

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
   * The features of a network.
   *
   * @param features the network, ready for pictures of one size
   * @return what the index says of them
   */
  public static FeatureGrid of(PatchFeatures features) {
    return new FeatureGrid(
        features.network(),
        features.sha256(),
        features.preprocessing(),
        features.positions(),
        features.side(),
        features.width());
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
    positions.ifPresent(rule -> map.put(POSITIONS, rule));
    map.put("grid", side);
    map.put("width", width);
    return map;
  }

  /**
   * Whether two entries of indexes mean the same features. Earlier versions did not write the rule
   * of positions by itself; it is in the preprocessing, too.
   */
  static boolean same(JsonNode now, JsonNode there) {
    if (now instanceof ObjectNode ours && there.isObject() && !there.has(POSITIONS)) {
      return ours.deepCopy().without(POSITIONS).equals(there);
    }
    return now.equals(there);
  }

  private static Optional<String> positions(JsonNode features) {
    if (features.has(POSITIONS)) {
      return Optional.of(features.get(POSITIONS).asText());
    }
    Matcher words = IN_PREPROCESSING.matcher(features.path("preprocessing").asText());
    return words.find() ? Optional.of(words.group(1)) : Optional.empty();
  }

  static Optional<FeatureGrid> of(JsonNode index) {
    JsonNode f = index.path(KEY);
    return f.isObject()
        ? Optional.of(
            new FeatureGrid(
                f.path("network").asText(),
                f.path("weights_sha256").asText(),
                f.path("preprocessing").asText(),
                positions(f),
                f.path("grid").asInt(),
                f.path("width").asInt()))
        : Optional.empty();
  }
}
