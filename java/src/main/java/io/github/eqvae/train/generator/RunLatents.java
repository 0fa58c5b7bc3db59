package io.github.eqvae.train.generator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.model.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * {@code latents.json} in the folder of a run: whose latents it began with. A network is bound to
 * the autoencoder and the scaling that it was trained with, so a run can only be continued with the
 * same ones.
 */
final class RunLatents {
  private static final String FILE = "latents.json";
  private static final String PREPROCESSING = "features_preprocessing";
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private RunLatents() {}

  private static Map<String, Object> of(LatentsSource data) {
    LatentScaling s = data.wholeScaling();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("weights_sha256", data.weights().orElse(null));
    map.put("autoencoder", data.model().map(Path::toString).orElse(null));
    map.put("scaling_factor", s.scalingFactor());
    map.put("shift_factor", s.shiftFactor());
    map.put("latents_mean", s.mean());
    map.put("latents_std", s.std());
    data.targets()
        .ifPresent(
            t -> {
              map.put("features_network", t.network());
              map.put("features_sha256", t.sha256());
              map.put(PREPROCESSING, t.preprocessing());
            });
    map.put("images", data.images());
    return map;
  }

  static void write(Path folder, LatentsSource data) throws IOException {
    AtomicFiles.write(folder.resolve(FILE), JSON.writeValueAsString(of(data)) + "\n");
  }

  /** Refuses latents of other weights, scaled otherwise, or of another number of images. */
  static void require(Path folder, LatentsSource data) throws IOException {
    Path file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      return;
    }
    JsonNode before = JSON.readTree(Files.readAllBytes(file));
    JsonNode now = JSON.readTree(JSON.writeValueAsString(of(data)));
    for (Map.Entry<String, JsonNode> e : now.properties()) {
      boolean compared =
          !e.getKey().equals("autoencoder") // it may have moved
              && (!e.getKey().equals(PREPROCESSING) || before.has(PREPROCESSING)); // added later
      if (compared && !e.getValue().equals(before.path(e.getKey()))) {
        throw new EqvaeException.Argument(
            "%s began with other latents: %s was %s, now it is %s (%s). A network is bound to them;"
                    .formatted(folder, e.getKey(), before.path(e.getKey()), e.getValue(), file)
                + " put them back, or begin another run");
      }
    }
  }
}
