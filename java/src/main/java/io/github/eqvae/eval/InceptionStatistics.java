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
