package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
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
import java.util.ArrayList;
import java.util.List;

/**
 * A small convolutional classifier of eqvae: four 3×3 convolutions with group norm and SiLU, the
 * last three of stride 2, then the mean over all positions (the features) and a linear layer.
 */
public final class SmallClassifier implements ImageClassifier {
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
  public record Config(int channels, int side, int width, int classes) implements ClassifierConfig {
    /**
     * Checks the numbers.
     *
     * @throws EqvaeException.Argument when no such network can exist
     */
    public Config {
      if ((channels != 1 && channels != 3)
          || side < 8
          || side % 8 != 0
          || side > LARGEST_SIDE
          || width < GROUPS
          || width % GROUPS != 0
          || width > WIDEST
          || classes < 2
          || classes > MOST_CLASSES) {
        throw new EqvaeException.Argument(
            "A classifier takes images of 1 or 3 channels whose side is a multiple of 8, up to "
                + LARGEST_SIDE
                + ", has a width that is a multiple of 8, up to "
                + WIDEST
                + ", and 2 to "
                + MOST_CLASSES
                + " classes; got "
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

    @Override
    public int features() {
      return width << HALVINGS;
    }

    @Override
    public int places() {
      return side >> HALVINGS;
    }

    @Override
    public String title() {
      return "classifier";
    }

    @Override
    public String describe() {
      return "convolutional, width " + width;
    }

    @Override
    public ClassifierMetadata metadata() {
      return new ClassifierMetadata(
          ClassifierMetadata.CONVOLUTIONAL, List.of(channels, side, width, classes));
    }

    @Override
    public SmallClassifier build(Stream stream, long seed, boolean training) {
      return new SmallClassifier(this, stream, seed, training);
    }
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

  @Override
  public Config config() {
    return config;
  }

  @Override
  public ParameterStore parameters() {
    return parameters;
  }

  @Override
  public Tensor features(Tape tape, Tensor x) {
    Tensor h = places(tape, x);
    Tensor mean = tape.apply(new AvgPool2d(config.places(), 1, 0), h); // [N, 1, 1, F]
    return tape.apply(new Reshape(Shape.of(x.shape().dim(0), config.features())), mean);
  }

  // The result of the last convolution; its mean over the places is that of features.
  @Override
  public Tensor places(Tape tape, Tensor x) {
    Tensor h = x;
    for (Layer layer : layers) {
      h = layer.norm().forward(tape, layer.conv().forward(tape, h));
    }
    return h;
  }

  @Override
  public Tensor answers(Tape tape, Tensor features) {
    return head.forward(tape, features);
  }

  @Override
  public void close() {
    parameters.close();
  }
}
