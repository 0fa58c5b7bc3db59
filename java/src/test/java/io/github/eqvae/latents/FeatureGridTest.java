package io.github.eqvae.latents;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FeatureGridTest {
  private static Optional<String> rule(String more) throws IOException {
    String index =
        """
        {"features": {"network": "n", "weights_sha256": "h", "grid": 2, "width": 3, %s}}
        """
            .formatted(more);
    return FeatureGrid.of(new ObjectMapper().readTree(index)).orElseThrow().positions();
  }

  /** Seen: latents that earlier versions encoded were to be encoded again. */
  @Test
  void earlierIndexesSayTheRuleInTheirPreprocessing() throws IOException {
    String old = "\"preprocessing\": \"bicubic to 224, positions as timm fits them\"";
    assertEquals(Optional.of("timm"), rule(old));
    assertEquals(Optional.of("hub"), rule(old + ", \"positions\": \"hub\""));
    assertEquals(Optional.empty(), rule("\"preprocessing\": \"none\""));
  }
}
