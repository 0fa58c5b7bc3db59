package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.eval.AdmFeatures;
import io.github.eqvae.eval.ClassifierFeatures;
import io.github.eqvae.eval.ImageFeatures;
import io.github.eqvae.jobs.SampleJob;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.log.Counter;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * {@code eqvae evaluate samples.npz --reference …}: how far generated images are from real ones.
 *
 * @param samples generated images
 * @param reference real ones, or statistics of their features
 * @param inception weights of Inception
 * @param classifier a classifier of ours
 */
record GeneratedEvaluation(
    Path samples, Path reference, Optional<Path> inception, Optional<Path> classifier) {
  private static final String FORMAT = "eqvae-generation";
  private static final int HASH_SHOWN = 12;

  /** The features' weights, of which there must be one file: said before anything is opened. */
  Path weights() {
    if (inception.isPresent() == classifier.isPresent()) {
      throw new EqvaeException.Argument(
          "A Fréchet distance is of a network's features: name either --inception FILE (see `eqvae"
              + " weights`) or --classifier FILE, the model.safetensors of a run that began with"
              + " task: classifier (`eqvae recipes`)");
    }
    return inception.orElseGet(classifier::orElseThrow);
  }

  /** Measures; returns the figures by name. */
  Map<String, Object> measure(Device device, PrintWriter err) throws IOException {
    Path weights = weights();
    Optional<JsonNode> made = SampleJob.read(new GeneratedImages(samples).made());
    try (Stream stream = new Stream(device);
        ImageFeatures features =
            classifier.isPresent()
                ? ClassifierFeatures.load(weights, stream)
                : ImageFeatures.inception(AdmFeatures.load(weights, stream))) {
      GeneratedImages.Measured generated =
          new GeneratedImages(samples)
              .measure(features, new Counter(err, "measured", 0, 0), new Console(err)::skipped);
      GeneratedImages.Measured real =
          new GeneratedImages(reference)
              .measure(features, new Counter(err, "measured", 0, 0), new Console(err)::skipped);
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("frechet_distance", generated.statistics().distance(real.statistics()));
      map.put("extractor", features.name());
      map.put("extractor_file", weights.toString());
      map.put("extractor_sha256", sha256(weights));
      map.put("features", features.size());
      map.put("samples", samples.toString());
      map.put("images", generated.count());
      map.put("reference", reference.toString());
      map.put("reference_images", real.count() == 0 ? null : real.count());
      made.ifPresent(node -> map.put("made", node));
      return map;
    }
  }

  private static String sha256(Path file) throws IOException {
    try {
      MessageDigest hash = MessageDigest.getInstance("SHA-256");
      try (InputStream in = new DigestInputStream(Files.newInputStream(file), hash)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(hash.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new EqvaeException.Internal("every Java runtime must have SHA-256", e);
    }
  }

  /** The figures for programs. */
  static String json(Map<String, Object> figures) {
    return ResultFile.text(FORMAT, figures);
  }

  /** The figures for people. */
  static String text(Map<String, Object> f) {
    StringBuilder out = new StringBuilder();
    row(out, "Fréchet distance", "%.4f".formatted((Double) f.get("frechet_distance")));
    row(
        out,
        "features",
        f.get("features")
            + " of "
            + f.get("extractor")
            + ", SHA-256 "
            + shown(f.get("extractor_sha256")));
    row(out, "images", f.get("images") + " in " + f.get("samples"));
    Object count = f.get("reference_images");
    row(
        out,
        "reference",
        (count == null ? "statistics" : count + " images") + " of " + f.get("reference"));
    if (f.get("made") instanceof JsonNode made) {
      row(
          out,
          "sampler",
          made.path("sampler").asText()
              + (made.has("steps") ? ", " + made.path("steps") + " steps" : "")
              + ", guidance "
              + made.path("guidance"));
      row(out, "generator", shown(made.path("generator_sha256").asText()));
      row(out, "autoencoder", shown(made.path("autoencoder_sha256").asText()));
    } else {
      row(out, "sampler", "not known: no record of `eqvae sample` beside the images");
    }
    return out.toString();
  }

  private static void row(StringBuilder out, String name, String value) {
    out.append(String.format(Locale.ROOT, "%-18s%s%n", name, value));
  }

  private static String shown(Object hash) {
    String text = String.valueOf(hash);
    return text.substring(0, Math.min(HASH_SHOWN, text.length())) + "…";
  }
}
