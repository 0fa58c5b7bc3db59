package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Inception's pooled features as in mseitzer/pytorch-fid: 8-bit images are divided by 255 and
 * resized by the network itself. Only the input differs from {@link AdmFeatures}.
 */
public final class PytorchFidFeatures implements ImageFeatures {
  private final InceptionV3 network;
  private final Stream stream;
  private final TensorArena arena;

  private PytorchFidFeatures(InceptionV3 network, Stream stream) {
    this.network = network;
    this.stream = stream;
    arena = new TensorArena(stream.device(), "Inception features");
  }

  /**
   * Loads the network.
   *
   * @param file a file for {@link InceptionV3#load}
   * @param stream orders the work
   * @return the network; the caller closes it
   * @throws IOException when the file cannot be read
   */
  public static PytorchFidFeatures load(Path file, Stream stream) throws IOException {
    return of(InceptionV3.load(file, stream), stream);
  }

  /** Wraps a network, which is closed with this. */
  static PytorchFidFeatures of(InceptionV3 network, Stream stream) {
    return new PytorchFidFeatures(network, stream);
  }

  @Override
  public Protocol protocol() {
    return Protocol.PYTORCH_FID;
  }

  @Override
  public String name() {
    return "Inception-v3 of 2015-12-05";
  }

  @Override
  public int size() {
    return InceptionV3.FEATURES;
  }

  /** Consecutive images of the same size share a batch. */
  @Override
  public Values of(List<Image> images) {
    float[] all = new float[images.size() * size()];
    List<Image> waiting = new ArrayList<>();
    int done = 0;
    for (int i = 0; i < images.size(); i++) {
      waiting.add(images.get(i).withChannels(3));
      boolean last = i + 1 == images.size();
      if (last
          || images.get(i + 1).width() != images.get(i).width()
          || images.get(i + 1).height() != images.get(i).height()) {
        float[] some = pooled(network, stream, arena, waiting);
        System.arraycopy(some, 0, all, done * size(), some.length);
        done += waiting.size();
        waiting.clear();
      }
    }
    return new Values(all, new float[0], new float[0]);
  }

  /** The features of RGB images of one size; resets the arena. */
  static float[] pooled(InceptionV3 network, Stream stream, TensorArena arena, List<Image> images) {
    Image first = images.getFirst();
    int each = first.data().length;
    float[] values = new float[images.size() * each];
    for (int i = 0; i < values.length; i++) {
      values[i] = (images.get(i / each).data()[i % each] & 0xff) / 255f;
    }
    Tensor x = arena.tensor(Shape.of(images.size(), first.height(), first.width(), 3));
    x.set(stream, values);
    float[] pooled =
        network.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), x).toFloats(stream);
    arena.reset();
    return pooled;
  }

  @Override
  public void close() {
    arena.close();
    network.close();
  }
}
