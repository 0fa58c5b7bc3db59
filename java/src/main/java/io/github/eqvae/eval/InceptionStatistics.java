package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;

/**
 * Statistics of the Inception features of one set of images. Consecutive images of the same size
 * share a batch.
 */
final class InceptionStatistics {
  private final InceptionV3 network;
  private final Stream stream;
  private final TensorArena arena;
  private final int batch;
  private final List<Image> waiting = new ArrayList<>();
  private final FeatureStatistics features = new FeatureStatistics(InceptionV3.FEATURES);

  /** {@code arena} is reset after each batch. */
  InceptionStatistics(InceptionV3 network, Stream stream, TensorArena arena, int batch) {
    this.network = network;
    this.stream = stream;
    this.arena = arena;
    this.batch = batch;
  }

  void add(Image picture) {
    Image image = picture.withChannels(3);
    if (!waiting.isEmpty()
        && (waiting.getFirst().width() != image.width()
            || waiting.getFirst().height() != image.height())) {
      run();
    }
    waiting.add(image);
    if (waiting.size() == batch) {
      run();
    }
  }

  /** Adds pictures whose features are known. */
  void addFeatures(float[] rows) {
    run();
    features.add(rows);
  }

  /** The features of pictures of one size; consecutive ones share a batch. */
  float[] of(List<Image> pictures) {
    float[] all = new float[pictures.size() * InceptionV3.FEATURES];
    for (int from = 0; from < pictures.size(); from += batch) {
      List<Image> some =
          pictures.subList(from, Math.min(from + batch, pictures.size())).stream()
              .map(p -> p.withChannels(3))
              .toList();
      float[] rows = PytorchFidFeatures.pooled(network, stream, arena, some);
      System.arraycopy(rows, 0, all, from * InceptionV3.FEATURES, rows.length);
    }
    return all;
  }

  /** The statistics of everything added so far. */
  FeatureStatistics statistics() {
    run();
    return features;
  }

  long count() {
    return features.count() + waiting.size();
  }

  private void run() {
    if (waiting.isEmpty()) {
      return;
    }
    features.add(PytorchFidFeatures.pooled(network, stream, arena, waiting));
    waiting.clear();
  }
}
