package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileHash;
import io.github.eqvae.model.checkpoint.TransformersFolder;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A network whose features are compared, by its file.
 *
 * @param key the name of its Fréchet distance in results, such as {@code frechet_distance_2}
 * @param title the name for people, such as {@code Fréchet distance 2}
 * @param protocol whose rules
 * @param file its weights
 */
public record Extractor(String key, String title, Protocol protocol, Path file) {
  /**
   * The only network of its protocol.
   *
   * @param protocol whose rules
   * @param file its weights
   * @return the network, whose distance has the protocol's names
   */
  public static Extractor of(Protocol protocol, Path file) {
    return new Extractor(protocol.key(), protocol.title(), protocol, file);
  }

  /**
   * Several classifiers of eqvae.
   *
   * @param files their weights
   * @return the classifiers; the names of distances are numbered from the second on
   */
  public static List<Extractor> classifiers(List<Path> files) {
    List<Extractor> all = new ArrayList<>();
    for (int i = 0; i < files.size(); i++) {
      Extractor first = of(Protocol.CLASSIFIER, files.get(i));
      String number = Integer.toString(i + 1);
      all.add(
          i == 0
              ? first
              : new Extractor(
                  first.key() + "_" + number,
                  first.title() + " " + number,
                  first.protocol(),
                  first.file()));
    }
    return all;
  }

  /**
   * The same network for a distance of other pictures than samples.
   *
   * @param what the pictures, such as {@code real latents}
   * @return the network; its distance is {@code frechet_distance_of_real_latents}
   */
  public Extractor distanceOf(String what) {
    return new Extractor(
        key + "_of_" + what.toLowerCase(Locale.ROOT).replace(' ', '_'),
        title + " of " + what,
        protocol,
        file);
  }

  /**
   * Loads the network.
   *
   * @param stream orders the work
   * @return its features; the caller closes them
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when it is another network than the protocol's
   */
  public ImageFeatures load(Stream stream) throws IOException {
    return switch (protocol) {
      case ADM -> AdmFeatures.load(file, stream);
      case PYTORCH_FID -> PytorchFidFeatures.load(file, stream);
      case DINOV2 -> Dinov2Features.load(file, stream);
      case CLASSIFIER -> ClassifierFeatures.load(file, stream);
    };
  }

  /**
   * Identifies the weights.
   *
   * @return SHA-256 of the file, or of the weights in a folder of transformers
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument for another folder
   */
  public String sha256() throws IOException {
    Path weights = TransformersFolder.weights(file).orElse(file);
    if (Files.isDirectory(weights)) {
      throw new EqvaeException.Argument(
          weights + " is a folder; name the file in it, such as model.safetensors");
    }
    return FileHash.sha256(weights);
  }

  /**
   * How a distance was measured, for programs.
   *
   * @param sha256 of the weights
   * @return values by name
   */
  public Map<String, Object> facts(String sha256) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("distance", key);
    facts.put("protocol", protocol.toString());
    facts.put("extractor_file", file.toString());
    facts.put("extractor_sha256", sha256);
    return facts;
  }
}
