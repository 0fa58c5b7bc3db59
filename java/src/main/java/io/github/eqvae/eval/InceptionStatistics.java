package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;

/**
 * Statistics of the Inception features of one set of images. Images of one size that follow each
 * other go through the network together.
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

  /** Everything added so far. */
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
    int each = waiting.getFirst().data().length;
    float[] values = new float[waiting.size() * each];
    for (int i = 0; i < values.length; i++) {
      values[i] = (waiting.get(i / each).data()[i % each] & 0xff) / 255f;
    }
    Image first = waiting.getFirst();
    Tensor x = arena.tensor(Shape.of(waiting.size(), first.height(), first.width(), 3));
    x.set(stream, values);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    features.add(network.forward(tape, x).toFloats(stream));
    arena.reset();
    waiting.clear();
  }
}
