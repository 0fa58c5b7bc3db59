package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Distances between images and their reconstructions, each by another network's features. */
public final class ReconstructionDistances implements AutoCloseable {
  /** No distance. */
  public static final ReconstructionDistances NONE = new ReconstructionDistances(List.of());

  /** The largest number of classifiers. */
  public static final int MOST_CLASSIFIERS = 8;

  private static final String WHAT = "reconstructions";

  private final List<ReconstructionDistance> all;

  private ReconstructionDistances(List<ReconstructionDistance> all) {
    this.all = all;
  }

  /**
   * The networks whose features are compared.
   *
   * @param inception weights of pytorch-fid's Inception-v3, for the rFID
   * @param classifiers weights of classifiers of eqvae
   * @param dinov2 weights of DINOv2
   * @param note receives a message if there is no rFID
   * @return the networks, that of the rFID first
   * @throws EqvaeException.Argument for more than {@link #MOST_CLASSIFIERS} classifiers
   */
  public static List<Extractor> extractors(
      Optional<Path> inception,
      List<Path> classifiers,
      Optional<Path> dinov2,
      Consumer<String> note) {
    if (inception.isEmpty()) {
      note.accept(
          "rFID is left out: it needs the weights of pytorch-fid's Inception-v3, but no file is"
              + " given");
    }
    if (classifiers.size() > MOST_CLASSIFIERS) {
      throw new EqvaeException.Argument(
          classifiers.size() + " classifiers; at most " + MOST_CLASSIFIERS + " are compared");
    }
    List<Extractor> others = new ArrayList<>(Extractor.classifiers(classifiers));
    dinov2.ifPresent(file -> others.add(Extractor.of(Protocol.DINOV2, file)));
    List<Extractor> all = new ArrayList<>();
    inception.ifPresent(file -> all.add(ReconstructionDistance.rfid(file)));
    others.forEach(e -> all.add(e.distanceOf(WHAT)));
    return all;
  }

  /**
   * Loads the networks.
   *
   * @param extractors the networks
   * @param stream orders the work
   * @param batch images per batch
   * @return the distances without images; the caller closes them
   * @throws IOException when a file cannot be read
   */
  public static ReconstructionDistances open(List<Extractor> extractors, Stream stream, int batch)
      throws IOException {
    List<ReconstructionDistance> opened = new ArrayList<>();
    try {
      for (Extractor extractor : extractors) {
        opened.add(ReconstructionDistance.open(extractor, stream, batch));
      }
      return new ReconstructionDistances(opened);
    } catch (IOException | RuntimeException | Error e) {
      opened.forEach(ReconstructionDistance::close);
      throw e;
    }
  }

  /**
   * Distances of networks that are already there.
   *
   * @param all closed with this
   * @return the distances
   */
  public static ReconstructionDistances of(ReconstructionDistance... all) {
    return new ReconstructionDistances(List.of(all));
  }

  /**
   * All distances of reconstructions that there can be.
   *
   * @return names for people by those in results, that of the rFID first
   */
  public static Map<String, String> names() {
    Path any = Path.of("");
    List<Path> classifiers = Collections.nCopies(MOST_CLASSIFIERS, any);
    Map<String, String> names = new LinkedHashMap<>();
    extractors(Optional.of(any), classifiers, Optional.of(any), why -> {})
        .forEach(e -> names.put(e.key(), e.title()));
    return names;
  }

  /** The features of images and of reconstructions, in turn, for each network. */
  float[][] features(float[] images, float[] reconstructed, int n, int side, int channels) {
    float[][] features = new float[2 * all.size()][];
    for (int i = 0; i < all.size(); i++) {
      features[2 * i] = all.get(i).features(images, n, side, side, channels);
      features[2 * i + 1] = all.get(i).features(reconstructed, n, side, side, channels);
    }
    return features;
  }

  /** Adds images and their reconstructions by their {@link #features}. */
  void addFeatures(float[][] features) {
    for (int i = 0; i < all.size(); i++) {
      all.get(i).addFeatures(features[2 * i], features[2 * i + 1]);
    }
  }

  /** The distances; none with fewer than two images. */
  List<MeasuredDistance> results() {
    return all.stream().filter(d -> d.count() > 1).map(ReconstructionDistance::result).toList();
  }

  /** The networks' weights by the names of the distances. */
  Map<String, String> weights() {
    Map<String, String> weights = new LinkedHashMap<>();
    all.forEach(d -> weights.put("weights of " + d.key(), d.sha256()));
    return weights;
  }

  @Override
  public void close() {
    all.forEach(ReconstructionDistance::close);
  }
}
