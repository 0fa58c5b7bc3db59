package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.AvgPool2d;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A small convolutional classifier of eqvae: four 3×3 convolutions with group norm and SiLU, the
 * last three of stride 2, then the mean over all positions (the features) and a linear layer. Its
 * features compare generated images if Inception's weights are not available.
 */
public final class SmallClassifier implements AutoCloseable {
  /** The metadata key of the architecture. */
  private static final String KIND = "eqvae.classifier";

  private static final int GROUPS = 8;
  private static final double EPS = 1e-6;
  private static final int HALVINGS = 3;

  /**
   * The architecture.
   *
   * @param channels of the images
   * @param side of the images
   * @param width channels after the first convolution, a multiple of 8; each further one doubles
   *     them
   * @param classes how many
   */
  public record Config(int channels, int side, int width, int classes) {
    /**
     * Checks the numbers.
     *
     * @throws EqvaeException.Argument when no such network can exist
     */
    public Config {
      if ((channels != 1 && channels != 3)
          || side < 8
          || side % 8 != 0
          || width < GROUPS
          || width % GROUPS != 0
          || width > 1024
          || classes < 2) {
        throw new EqvaeException.Argument(
            "A classifier takes images of 1 or 3 channels whose side is a multiple of 8, has a"
                + " width that is a multiple of 8, and at least 2 classes; got "
                + channels
                + " channels, side "
                + side
                + ", width "
                + width
                + ", "
                + classes
                + " classes");
      }
    }

    /**
     * The number of features of an image.
     *
     * @return 8 times the width
     */
    public int features() {
      return width << HALVINGS;
    }

    /**
     * Rows and columns of the last convolution's result.
     *
     * @return an eighth of the side
     */
    public int places() {
      return side >> HALVINGS;
    }
  }

  /**
   * Whether a file holds such a network.
   *
   * @param metadata what it says beside the tensors
   * @return true if it says the shape
   */
  public static boolean isOne(Map<String, String> metadata) {
    return metadata.containsKey(KIND);
  }

  private record Layer(Conv2d conv, GroupNorm norm) {}

  private final Config config;
  private final List<Layer> layers = new ArrayList<>();
  private final Linear head;
  private final ParameterStore parameters;

  /**
   * Builds the network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public SmallClassifier(Config config, Stream stream, long seed, boolean training) {
    this.config = config;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    int in = config.channels();
    for (int i = 0; i <= HALVINGS; i++) {
      int out = config.width() << i;
      Scope scope = builder.root().in("layers", i);
      Conv2d conv =
          new Conv2d(
              scope.in("conv"), in, out, 3, new io.github.eqvae.op.Conv2d(i == 0 ? 1 : 2, 1));
      GroupNorm norm =
          new GroupNorm(scope.in("norm"), out, new io.github.eqvae.op.GroupNorm(GROUPS, EPS, true));
      layers.add(new Layer(conv, norm));
      in = out;
    }
    head = new Linear(builder.root().in("head"), config.features(), config.classes());
    parameters = builder.build(stream, seed, training);
  }

  /**
   * Reads a network from a file.
   *
   * @param file what {@link #metadata} and the parameters were written into
   * @param stream orders the work
   * @return the network, to be closed by the caller
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when it has no classifier of this kind
   */
  public static SmallClassifier load(Path file, Stream stream) throws IOException {
    Config config;
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      config = config(file, tensors.metadata());
    }
    SmallClassifier network = new SmallClassifier(config, stream, 0, false);
    try {
      ModelFile.load(file, network.parameters, stream);
      return network;
    } catch (IOException | RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  private static Config config(Path file, Map<String, String> metadata) {
    String[] words = metadata.getOrDefault(KIND, "").split(" ");
    try {
      return new Config(
          Integer.parseInt(words[0]),
          Integer.parseInt(words[1]),
          Integer.parseInt(words[2]),
          Integer.parseInt(words[3]));
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new EqvaeException.Argument(
          file
              + " was not written by `train classifier-…`: its metadata have no "
              + KIND
              + " with channels, side, width and classes. `train classifier-…` makes one");
    }
  }

  /**
   * The metadata of a file with this network.
   *
   * @return one entry
   */
  public Map<String, String> metadata() {
    Map<String, String> map = new LinkedHashMap<>();
    map.put(
        KIND,
        config.channels() + " " + config.side() + " " + config.width() + " " + config.classes());
    return map;
  }

  /**
   * Its shape.
   *
   * @return the config it was built with
   */
  public Config config() {
    return config;
  }

  /**
   * Its parameters.
   *
   * @return the store, closed with this
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * The features.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return {@code [N, features]}
   */
  public Tensor features(Tape tape, Tensor x) {
    Tensor h = places(tape, x);
    Tensor mean = tape.apply(new AvgPool2d(config.places(), 1, 0), h); // [N, 1, 1, F]
    return tape.apply(new Reshape(Shape.of(x.shape().dim(0), config.features())), mean);
  }

  /**
   * The features of every position. Their mean over positions is the result of {@link #features}.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return {@code [N, side/8, side/8, features]}
   */
  public Tensor places(Tape tape, Tensor x) {
    Tensor h = x;
    for (Layer layer : layers) {
      h = layer.norm().forward(tape, layer.conv().forward(tape, h));
    }
    return h;
  }

  /**
   * The logits.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return logits {@code [N, classes]}
   */
  public Tensor logits(Tape tape, Tensor x) {
    return answers(tape, features(tape, x));
  }

  /**
   * The logits of features that were computed before.
   *
   * @param tape the tape
   * @param features {@code [N, features]}
   * @return logits {@code [N, classes]}
   */
  public Tensor answers(Tape tape, Tensor features) {
    return head.forward(tape, features);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
