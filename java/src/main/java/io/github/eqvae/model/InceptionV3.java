package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.AvgPool2d;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.MaxPool2d;
import io.github.eqvae.op.Resample;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The Inception-v3 of pytorch-fid: torchvision's network, changed to match the one that TensorFlow
 * published on 2015-12-05 (weights {@code pt_inception-2015-12-05-6726825d.pth}). Average pooling
 * does not count padding, the last block uses max pooling, and batch normalisation uses its running
 * statistics with eps 1e-3. Source: mseitzer/pytorch-fid {@code src/pytorch_fid/inception.py},
 * pytorch/vision {@code torchvision/models/inception.py}; arXiv 1512.00567.
 *
 * <p>Parameter names are torchvision's, {@code Mixed_5b.branch1x1.conv.weight} …, without the
 * classifier {@code fc}, which features do not need. Features of other networks, also of
 * torchvision's own Inception-v3, give other distances. The network is never trained and always
 * computes in the device's dtype.
 */
public final class InceptionV3 implements AutoCloseable {
  /** Features per image. */
  public static final int FEATURES = 2048;

  /** Rows and columns of its input images. */
  public static final int SIDE = 299;

  /** Classes of the published classifier; torchvision's own network has 1000. */
  public static final int CLASSES = 1008;

  private final BasicConv2d conv1a;
  private final BasicConv2d conv2a;
  private final BasicConv2d conv2b;
  private final BasicConv2d conv3b;
  private final BasicConv2d conv4a;
  private final List<InceptionA> mixed5;
  private final InceptionB mixed6a;
  private final List<InceptionC> mixed6;
  private final InceptionD mixed7a;
  private final List<InceptionE> mixed7;
  private final ParameterStore parameters;

  /**
   * Builds the network with random weights, for tests. {@link #load} gives the published ones.
   *
   * @param stream orders the work
   * @param seed of the random weights
   */
  public InceptionV3(Stream stream, long seed) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope s = builder.root();
    conv1a = BasicConv2d.valid3x3(s.in("Conv2d_1a_3x3"), 3, 32, 2);
    conv2a = BasicConv2d.valid3x3(s.in("Conv2d_2a_3x3"), 32, 32, 1);
    conv2b = BasicConv2d.same(s.in("Conv2d_2b_3x3"), 32, 64, 3, 3);
    conv3b = BasicConv2d.pointwise(s.in("Conv2d_3b_1x1"), 64, 80);
    conv4a = BasicConv2d.valid3x3(s.in("Conv2d_4a_3x3"), 80, 192, 1);
    mixed5 =
        List.of(
            new InceptionA(s.in("Mixed_5b"), 192, 32),
            new InceptionA(s.in("Mixed_5c"), 256, 64),
            new InceptionA(s.in("Mixed_5d"), 288, 64));
    mixed6a = new InceptionB(s.in("Mixed_6a"), 288);
    mixed6 =
        List.of(
            new InceptionC(s.in("Mixed_6b"), 768, 128),
            new InceptionC(s.in("Mixed_6c"), 768, 160),
            new InceptionC(s.in("Mixed_6d"), 768, 160),
            new InceptionC(s.in("Mixed_6e"), 768, 192));
    mixed7a = new InceptionD(s.in("Mixed_7a"), 768);
    mixed7 =
        List.of(
            new InceptionE(s.in("Mixed_7b"), 1280, new AvgPool2d(3, 1, 1)),
            new InceptionE(s.in("Mixed_7c"), FEATURES, new MaxPool2d(3, 1, 1)));
    parameters = builder.build(stream, seed, false);
  }

  /**
   * Builds the network with the weights of a file.
   *
   * @param file a safetensors file with pytorch-fid's state dict; tensors that features do not need
   *     ({@code fc}, {@code num_batches_tracked}) are not read
   * @param stream waited for
   * @return the network, to be closed by the caller
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when a tensor is missing, running statistics included, has
   *     another shape, or the classifier is that of another network
   */
  public static InceptionV3 load(Path file, Stream stream) throws IOException {
    InceptionV3 network = new InceptionV3(stream, 0);
    try {
      try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
        if (tensors.contains("fc.weight") && tensors.info("fc.weight").shape()[0] != CLASSES) {
          throw new EqvaeException.Argument(
              "%s holds an Inception-v3 of %d classes; the FID is defined by TensorFlow's of %d"
                      .formatted(file, tensors.info("fc.weight").shape()[0], CLASSES)
                  + " (pt_inception-2015-12-05 of pytorch-fid), whose features differ");
        }
        // Files of models may lack buffers, but here every normalisation needs them.
        List<Parameter> missing =
            network.parameters.buffers().stream().filter(b -> !tensors.contains(b.name())).toList();
        if (!missing.isEmpty()) {
          throw new EqvaeException.Argument(
              file
                  + " does not fit Inception-v3: it lacks "
                  + missing.size()
                  + " running statistics, first "
                  + missing.getFirst());
        }
      }
      ModelFile.load(file, network.parameters, stream);
      return network;
    } catch (IOException | RuntimeException e) {
      network.close();
      throw e;
    }
  }

  /**
   * The parameters.
   *
   * @return the store, owned by this network
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * The features after the last pooling, {@code pool3} of the original.
   *
   * @param tape the tape
   * @param images RGB in [0, 1], {@code [N, H, W, 3]}, of any size: they are resized to 299×299
   *     bilinearly, without antialiasing, as pytorch-fid does
   * @return {@code [N, 2048]}
   */
  public Tensor forward(Tape tape, Tensor images) {
    return stages(tape, tape.block(InceptionV3::resized, images)).pooled();
  }

  /**
   * Features of images at several depths.
   *
   * @param first {@code [N, 73, 73, 64]}, after the first pooling
   * @param second {@code [N, 35, 35, 192]}, after the second
   * @param spatial {@code [N, 17, 17, 768]}, of {@code Mixed_6d}: its first seven channels are
   *     those of {@code mixed_6/conv}, the features of guided-diffusion's sFID
   * @param third {@code [N, 17, 17, 768]}, of {@code Mixed_6e}
   * @param pooled {@code [N, 2048]}, after the last pooling
   */
  public record Stages(Tensor first, Tensor second, Tensor spatial, Tensor third, Tensor pooled) {}

  /**
   * Runs the network on images of its own size.
   *
   * @param tape the tape
   * @param images RGB in [-1, 1], {@code [N, 299, 299, 3]}
   * @return features
   */
  public Stages stages(Tape tape, Tensor images) {
    Tensor first = tape.block(this::firstPool, images); // [N, 73, 73, 64]
    Tensor second = tape.block(this::secondPool, first); // [N, 35, 35, 192]
    Tensor h = second;
    for (InceptionA block : mixed5) {
      h = block.forward(tape, h); // [N, 35, 35, 256], then 288 channels
    }
    h = mixed6a.forward(tape, h); // [N, 17, 17, 768]
    Tensor spatial = h;
    for (InceptionC block : mixed6) {
      spatial = block == mixed6.getLast() ? h : spatial;
      h = block.forward(tape, h); // [N, 17, 17, 768]
    }
    Tensor third = h;
    h = mixed7a.forward(tape, h); // [N, 8, 8, 1280]
    for (InceptionE block : mixed7) {
      h = block.forward(tape, h); // [N, 8, 8, 2048]
    }
    int side = h.shape().size(1);
    h = tape.apply(new AvgPool2d(side, 1, 0), h); // [N, 1, 1, 2048]
    h = tape.apply(new Reshape(Shape.of(h.shape().dim(0), FEATURES)), h);
    return new Stages(first, second, spatial, third, h);
  }

  private static Tensor resized(Tape tape, Tensor images) {
    Tensor h =
        tape.apply(new Resample(SIDE, SIDE, Interpolation.BILINEAR, 0, false, false), images);
    return signed(tape, h); // [N, 299, 299, 3]
  }

  private Tensor firstPool(Tape tape, Tensor images) {
    Tensor h = conv2a.forward(tape, conv1a.forward(tape, images)); // [N, 147, 147, 32]
    h = conv2b.forward(tape, h); // [N, 147, 147, 64]
    return tape.apply(new MaxPool2d(3, 2, 0), h); // [N, 73, 73, 64]
  }

  private Tensor secondPool(Tape tape, Tensor x) {
    Tensor h = conv4a.forward(tape, conv3b.forward(tape, x)); // [N, 71, 71, 192]
    return tape.apply(new MaxPool2d(3, 2, 0), h); // [N, 35, 35, 192]
  }

  /** 2x − 1. */
  private static Tensor signed(Tape tape, Tensor x) {
    Tensor scale = tape.arena().tensor(Shape.of(3));
    Tensor shift = tape.arena().tensor(Shape.of(3));
    scale.fill(tape.stream(), 2);
    shift.fill(tape.stream(), -1);
    return tape.apply(new ChannelAffine(), x, scale, shift);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
