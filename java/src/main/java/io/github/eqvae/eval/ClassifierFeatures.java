package io.github.eqvae.eval;

import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import io.github.eqvae.generator.checkpoint.ClassifierFiles;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Features of a classifier that eqvae trained. Images are converted to the classifier's channels
 * and size: smaller ones get a black border, larger ones are cropped and resized.
 */
public final class ClassifierFeatures implements ImageFeatures {
  /**
   * Rows in every call. The number is constant because the way products are computed may depend on
   * it.
   */
  private static final int ROWS = 64;

  private static final SampleRandom NONE = new SampleRandom(0, 0, 0);

  private final ImageClassifier network;
  private final Stream stream;
  private final TensorArena arena;

  private ClassifierFeatures(ImageClassifier network, Stream stream) {
    this.network = network;
    this.stream = stream;
    arena = new TensorArena(stream.device(), "classifier features");
  }

  /**
   * Loads a classifier.
   *
   * @param file {@code model.safetensors} of a run with {@code task: classifier}
   * @param stream orders the work
   * @return its features; the caller closes them
   * @throws IOException when the file cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument when it is not a classifier of eqvae
   */
  public static ClassifierFeatures load(Path file, Stream stream) throws IOException {
    return new ClassifierFeatures(ClassifierFiles.load(file, stream), stream);
  }

  @Override
  public Protocol protocol() {
    return Protocol.CLASSIFIER;
  }

  @Override
  public int classes() {
    return network.config().classes();
  }

  @Override
  public String name() {
    ClassifierConfig c = network.config();
    return "eqvae's %s of %d classes, %d px".formatted(c.title(), c.classes(), c.side());
  }

  @Override
  public int size() {
    return network.config().features();
  }

  @Override
  public Values of(List<Image> images) {
    float[] pooled = new float[images.size() * size()];
    float[] logits = new float[images.size() * classes()];
    for (int from = 0; from < images.size(); from += ROWS) {
      List<Image> part = images.subList(from, Math.min(images.size(), from + ROWS));
      Values values = rows(part);
      System.arraycopy(values.pooled(), 0, pooled, from * size(), part.size() * size());
      System.arraycopy(values.logits(), 0, logits, from * classes(), part.size() * classes());
    }
    return new Values(pooled, new float[0], logits);
  }

  private Values rows(List<Image> images) {
    ClassifierConfig c = network.config();
    int each = c.side() * c.side() * c.channels();
    float[] values = new float[ROWS * each];
    for (int i = 0; i < images.size(); i++) {
      Image image = images.get(i).withChannels(c.channels());
      boolean small = image.width() < c.side() && image.height() < c.side();
      Image fit =
          small
              ? image.pad(c.side(), c.side(), 0)
              : new Transform.CenterCrop(c.side()).apply(image, NONE);
      fit.toSigned(values, i * each);
    }
    Tensor x = arena.tensor(Shape.of(ROWS, c.side(), c.side(), c.channels()));
    x.set(stream, values);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor features = network.features(tape, x);
    float[] logits = network.answers(tape, features).toFloats(stream);
    Values all = new Values(features.toFloats(stream), new float[0], logits);
    arena.reset();
    return all;
  }

  @Override
  public void close() {
    arena.close();
    network.close();
  }
}
