package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.train.report.ResultFile;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The metrics of generated images as text and as JSON. */
final class GeneratedReport {
  private static final int HASH_SHOWN = 12;

  /** The names of metrics and their number of digits. */
  private static final Map<String, String[]> NAMES = new LinkedHashMap<>();

  static {
    for (Protocol protocol : Protocol.values()) {
      NAMES.put(protocol.key(), new String[] {protocol.title(), "%.4f"});
    }
    NAMES.put("sfid", new String[] {"sFID", "%.4f"});
    NAMES.put("inception_score", new String[] {"Inception score", "%.3f"});
    NAMES.put("classifier_score", new String[] {"classifier score", "%.3f"});
    NAMES.put("precision", new String[] {"precision", "%.4f"});
    NAMES.put("recall", new String[] {"recall", "%.4f"});
    NAMES.put("kid", new String[] {"KID", "%.6f"});
    NAMES.put("kernel_distance", new String[] {"kernel distance", "%.6f"});
  }

  private GeneratedReport() {}

  /** The metrics as JSON. */
  static String json(Map<String, Object> figures) {
    return ResultFile.text(ResultFile.GENERATION, figures);
  }

  /** The metrics as text. */
  static String text(Map<String, Object> f) {
    StringBuilder out = new StringBuilder();
    NAMES.forEach((key, name) -> figure(out, f, key, name));
    if (f.get("left_out") instanceof Map<?, ?> leftOut) {
      leftOut.forEach((key, why) -> row(out, name(key), "left out: " + why));
    }
    row(out, "protocol", f.get("protocol") + ", of " + f.get("protocol_of"));
    String hash = shown(f.get("extractor_sha256"));
    row(out, "features", f.get("features") + " of " + f.get("extractor") + ", SHA-256 " + hash);
    row(out, "images", f.get("images") + " in " + f.get("samples"));
    if (f.containsKey("reference")) {
      row(out, "reference", f.get("reference_images") + " images in " + f.get("reference"));
      row(out, "its statistics", f.get("reference_statistics"));
    }
    if (f.containsKey("statistics")) {
      row(out, "wrote statistics", f.get("statistics"));
    }
    String steps = ", " + f.get("steps") + " steps, guidance " + f.get("guidance");
    boolean known = f.containsKey("made");
    row(
        out,
        "sampler",
        known
            ? plain(f.get("sampler")) + steps
            : "unknown: no record of `sample` beside the images");
    row(out, "generator", shown(f.get("generator_sha256")));
    row(out, "autoencoder", shown(f.get("autoencoder_sha256")));
    return out.toString();
  }

  private static void figure(StringBuilder out, Map<String, Object> f, String key, String[] name) {
    if (!(f.get(key) instanceof Double value)) {
      return;
    }
    String text = String.format(Locale.ROOT, name[1], value);
    if (f.get(key + "_residual") instanceof Double residual) {
      text += String.format(Locale.ROOT, "   (residual %.1e)", residual);
    }
    if (f.get(key + "_deviation") instanceof Double deviation) {
      text += String.format(Locale.ROOT, " ± " + name[1], deviation);
    }
    row(out, name[0], text);
  }

  private static String name(Object key) {
    String[] name = NAMES.get(String.valueOf(key));
    return name == null ? String.valueOf(key) : name[0];
  }

  private static void row(StringBuilder out, String name, Object value) {
    out.append(String.format(Locale.ROOT, "%-18s%s%n", name, value));
  }

  private static String plain(Object value) {
    return value instanceof JsonNode node ? node.asText() : String.valueOf(value);
  }

  private static String shown(Object hash) {
    String text = plain(hash);
    return text.length() > HASH_SHOWN ? text.substring(0, HASH_SHOWN) + "…" : text;
  }
}
