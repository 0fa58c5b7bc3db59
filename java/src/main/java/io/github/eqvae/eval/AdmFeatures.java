package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Inception features as in openai/guided-diffusion {@code evaluator.py} (the protocol of the FID,
 * sFID, IS, precision and recall that DiT and SiT report): pictures are resized as in TensorFlow 1,
 * then {@code (x − 128)/128}; the features are the pooled ones, the first seven channels of {@code
 * mixed_6/conv}, and the classifier's logits without its bias.
 *
 * <p>The network and its file of weights are those of the rFID; the file must also have the
 * classifier {@code fc.weight}. The weights are the published ones of TensorFlow; results differ by
 * rounding in single precision, because sums have another order.
 */
public final class AdmFeatures implements ImageFeatures {
  /** Length of an image's spatial features: 17 × 17 × 7. */
  public static final int SPATIAL = 2023;

  private static final int SPATIAL_CHANNELS = 7;
  private static final String CLASSIFIER = "fc.weight";

  private final InceptionV3 network;
  private final Stream stream;
  private final TensorArena arena;
  private final TensorArena weights;
  private final Tensor classifier;

  private AdmFeatures(InceptionV3 network, float[] classifier, Stream stream) {
    this.network = network;
    this.stream = stream;
    arena = new TensorArena(stream.device(), "Inception features");
    weights = new TensorArena(stream.device(), "Inception classifier");
    this.classifier = weights.tensor(Shape.of(InceptionV3.CLASSES, InceptionV3.FEATURES));
    this.classifier.set(stream, classifier);
  }

  /**
   * Loads the network.
   *
   * @param file a safetensors file with pytorch-fid's state dict, the classifier included
   * @param stream orders the work
   * @return the network; the caller closes it
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when it is another network, or lacks the classifier
   */
  public static AdmFeatures load(Path file, Stream stream) throws IOException {
    InceptionV3 network = InceptionV3.load(file, stream);
    try {
      return new AdmFeatures(network, classifier(file), stream);
    } catch (IOException | RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  private static float[] classifier(Path file) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      if (!tensors.contains(CLASSIFIER)) {
        throw new EqvaeException.Argument(
            file
                + " lacks the classifier "
                + CLASSIFIER
                + ", which the Inception score needs; "
                + Invocation.shown("weights", "inception")
                + " keeps it");
      }
      float[] classifier = tensors.floats(CLASSIFIER);
      if (classifier.length != InceptionV3.CLASSES * InceptionV3.FEATURES) {
        throw new EqvaeException.Argument(file + ": " + CLASSIFIER + " is not [1008, 2048]");
      }
      return classifier;
    }
  }

  /** Wraps a network, which is closed with this. */
  static AdmFeatures of(InceptionV3 network, float[] classifier, Stream stream) {
    return new AdmFeatures(network, classifier, stream);
  }

  @Override
  public Protocol protocol() {
    return Protocol.ADM;
  }

  @Override
  public String name() {
    return "Inception-v3 of 2015-12-05";
  }

  @Override
  public int size() {
    return InceptionV3.FEATURES;
  }

  @Override
  public int spatialSize() {
    return SPATIAL;
  }

  @Override
  public int classes() {
    return InceptionV3.CLASSES;
  }

  @Override
  public Values of(List<Image> pictures) {
    Tensor x = input(arena, pictures);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    InceptionV3.Stages stages = network.stages(tape, x);
    Tensor seven = tape.apply(new Narrow(3, 0, SPATIAL_CHANNELS), stages.spatial());
    Tensor spatial = arena.tensor(seven.shape());
    seven.copyTo(stream, spatial);
    Tensor logits = tape.apply(new Linear(), stages.pooled(), classifier);
    Values values =
        new Values(
            stages.pooled().toFloats(stream), spatial.toFloats(stream), logits.toFloats(stream));
    arena.reset();
    return values;
  }

  /** The network's input for pictures, {@code [n, 299, 299, 3]}. */
  Tensor input(TensorArena in, List<Image> pictures) {
    int side = InceptionV3.SIDE;
    int each = side * side * 3;
    float[] values = new float[pictures.size() * each];
    for (int i = 0; i < pictures.size(); i++) {
      Image p = pictures.get(i).withChannels(3);
      TensorFlowResize.bilinear(p.data(), p.height(), p.width(), 3, side, values, i * each);
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = (values[i] - 128) / 128;
    }
    Tensor x = in.tensor(Shape.of(pictures.size(), side, side, 3));
    x.set(stream, values);
    return x;
  }

  @Override
  public void close() {
    arena.close();
    weights.close();
    network.close();
  }
}
