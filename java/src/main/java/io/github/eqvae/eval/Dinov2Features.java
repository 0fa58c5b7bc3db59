package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VisionTransformer;
import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PillowResize;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/**
 * The class token of DINOv2 as in layer6ai-labs/dgm-eval, for the FD: Pillow's bicubic resize to
 * 224×224 pixels without keeping the aspect ratio, {@code x/255}, ImageNet's mean and standard
 * deviation, position embeddings interpolated as in torch.hub. dgm-eval's default is the large
 * network; its published results use those 1024 features.
 */
public final class Dinov2Features implements ImageFeatures {
  private static final int SIDE = 224;
  private static final int CHANNELS = 3;
  private static final float LEVELS = 255;

  private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
  private static final float[] DEVIATION = {0.229f, 0.224f, 0.225f};

  private final VisionTransformer network;
  private final Stream stream;
  private final TensorArena arena;

  private Dinov2Features(VisionTransformer network, Stream stream) {
    this.network = network;
    this.stream = stream;
    arena = new TensorArena(stream.device(), "DINOv2 features");
  }

  /**
   * Loads the network.
   *
   * @param file a checkpoint of torch.hub, timm or transformers, or a file of {@code eqvae weights}
   * @param stream orders the work
   * @return its features; the caller closes them
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when it is not a vision transformer, or its patches do not
   *     divide 224 pixels
   */
  public static Dinov2Features load(Path file, Stream stream) throws IOException {
    return load(file, OptionalInt.empty(), stream);
  }

  /** The same for heads with other than 64 channels. */
  static Dinov2Features load(Path file, OptionalInt heads, Stream stream) throws IOException {
    try (VitCheckpoint checkpoint = VitCheckpoint.open(file, heads)) {
      if (SIDE % checkpoint.config().patch() != 0) {
        throw new EqvaeException.Argument(
            "%s has patches of %d pixels, which do not divide %d"
                .formatted(file, checkpoint.config().patch(), SIDE));
      }
      return new Dinov2Features(checkpoint.load(stream, PositionResize.HUB), stream);
    }
  }

  @Override
  public Protocol protocol() {
    return Protocol.DINOV2;
  }

  @Override
  public String name() {
    return network.config().title();
  }

  @Override
  public int size() {
    return network.config().width();
  }

  @Override
  public Values of(List<Image> pictures) {
    Tensor x = arena.tensor(Shape.of(pictures.size(), SIDE, SIDE, CHANNELS));
    x.set(stream, input(pictures));
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor token = network.forward(tape, x).prefix().narrow(1, 0, 1);
    Tensor dense = arena.tensor(token.shape(), token.dtype());
    token.copyTo(stream, dense);
    Values values = new Values(dense.toFloats(stream), new float[0], new float[0]);
    arena.reset();
    return values;
  }

  /**
   * The network's input for pictures, {@code [n, 224, 224, 3]}, in single precision as in the
   * reference.
   */
  static float[] input(List<Image> pictures) {
    int each = SIDE * SIDE * CHANNELS;
    float[] values = new float[pictures.size() * each];
    for (int i = 0; i < pictures.size(); i++) {
      Image picture = pictures.get(i).withChannels(CHANNELS);
      byte[] data = PillowResize.resize(picture, SIDE, SIDE, PillowResize.Filter.BICUBIC).data();
      for (int k = 0; k < each; k++) {
        int c = k % CHANNELS;
        values[i * each + k] = ((data[k] & 0xff) / LEVELS - MEAN[c]) / DEVIATION[c];
      }
    }
    return values;
  }

  @Override
  public void close() {
    arena.close();
    network.close();
  }
}
