package io.github.eqvae.eval;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A Fréchet distance with all that must be known to compare it.
 *
 * @param extractor the network whose features were compared; it names the distance
 * @param sha256 of its weights
 * @param network what it is, in a few words
 * @param images how many were compared
 * @param value at least 0; smaller is better
 */
public record MeasuredDistance(
    Extractor extractor, String sha256, String network, long images, double value) {
  private static final int HASH_SHOWN = 12;

  /**
   * The name of the distance in results.
   *
   * @return snake_case
   */
  public String key() {
    return extractor.key();
  }

  /**
   * Whose features, for people.
   *
   * @return protocol and the beginning of the weights' hash
   */
  public String by() {
    String shown = sha256.substring(0, Math.min(HASH_SHOWN, sha256.length()));
    return extractor.protocol() + ", weights " + shown + "…";
  }

  /**
   * How it was measured, for programs.
   *
   * @return values by name
   */
  public Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>(extractor.facts(sha256));
    facts.put("extractor", network);
    facts.put("images", images);
    return facts;
  }
}
