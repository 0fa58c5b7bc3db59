package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.LpipsHead;
import io.github.eqvae.op.MaxPool2x2;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Learned perceptual image patch similarity over VGG16 features, in evaluation mode (without
 * dropout before the linear heads) unless dropout is requested. Source:
 * richzhang/PerceptualSimilarity {@code lpips/lpips.py}; arXiv 1801.03924.
 *
 * <p>Parameter names follow torchvision's VGG16 and the published heads: {@code
 * net.features.0.weight} …, {@code lin0.model.1.weight} {@code [1,C,1,1]} …. The weights are never
 * trained.
 */
public final class Lpips implements AutoCloseable {
  /** Rate of the heads' dropout, if it is switched on. */
  public static final double DROPOUT = 0.5;

  /** Subtracted from images in [-1, 1], per channel. */
  private static final double[] SHIFT = {-0.030, -0.088, -0.188};

  private static final double[] SCALE = {0.458, 0.448, 0.450};

  /** Convolutions of the five stages as multiples of the width, 64 in the published network. */
  private static final int[][] STAGES = {{1, 1}, {2, 2}, {4, 4, 4}, {8, 8, 8}, {8, 8, 8}};

  private final List<List<Conv2d>> stages = new ArrayList<>();
  private final List<Parameter> heads = new ArrayList<>();
  private final Parameter scale;
  private final Parameter shift;
  private final ParameterStore parameters;
  private DType activations;

  /**
   * Builds the network with random weights, to be replaced by {@code io} loading the published
   * ones.
   *
   * @param width channels of the first stage: 64 as published; less in tests
   * @param stream orders the work
   * @param seed of the random weights
   */
  public Lpips(int width, Stream stream, long seed) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope features = builder.root().in("net.features");
    int in = 3;
    int index = 0;
    for (int i = 0; i < STAGES.length; i++) {
      List<Conv2d> stage = new ArrayList<>();
      for (int multiple : STAGES[i]) {
        stage.add(
            new Conv2d(
                features.in("" + index),
                in,
                width * multiple,
                3,
                Ops.SAME_3X3.with(Activation.RELU)));
        in = width * multiple;
        index += 2; // the ReLU in between has an index, too
      }
      index++; // so does the pooling
      stages.add(stage);
      heads.add(builder.root().in("lin" + i).in("model.1").parameter("weight", UNIT, 1, in, 1, 1));
    }
    scale = builder.root().in("scaling_layer").buffer("inverse_scale", Init.ONES, 3);
    shift = builder.root().in("scaling_layer").buffer("offset", Init.ZEROS, 3);
    parameters = builder.build(stream, seed, false);
    activations = stream.device().dtype();
    double[] s = new double[3];
    double[] t = new double[3];
    for (int c = 0; c < 3; c++) {
      s[c] = 1 / SCALE[c];
      t[c] = -SHIFT[c] / SCALE[c];
    }
    scale.value().set(stream, s);
    shift.value().set(stream, t);
  }

  /** Heads have no negative weights; random ones for tests are around the middle of [0, 1]. */
  private static final Init UNIT = new Init.Constant(0.5);

  /**
   * The parameters.
   *
   * @return the store, owned by this model
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * Chooses the dtype of the activations. Parameters, inputs and results keep the device's dtype.
   *
   * @param dtype the device's dtype (the default), or BF16 if the device supports it
   */
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  /**
   * The distance of two batches of images.
   *
   * @param tape the tape
   * @param target images in [-1, 1], {@code [N, H, W, 3]}, sides at least 16
   * @param image likewise; the gradient flows here
   * @return {@code [N]}
   */
  public Tensor forward(Tape tape, Tensor target, Tensor image) {
    return forward(tape, target, image, null);
  }

  /** Provides the factors of the squared differences before a head. */
  @FunctionalInterface
  public interface Dropout {
    /**
     * Draws them.
     *
     * @param level of the five, from 0
     * @param shape of the features, {@code [N, H, W, C]}
     * @return 0, with a probability of {@link #DROPOUT}, or 1/(1 − DROPOUT)
     */
    Tensor factors(int level, Shape shape);
  }

  /**
   * The distance of two batches of images.
   *
   * @param tape the tape
   * @param target images in [-1, 1], {@code [N, H, W, 3]}, sides at least 16
   * @param image likewise; the gradient flows here
   * @param dropout factors before the heads; null for none
   * @return {@code [N]}
   */
  public Tensor forward(Tape tape, Tensor target, Tensor image, @Nullable Dropout dropout) {
    List<Tensor> a = features(tape, target);
    List<Tensor> b = features(tape, image);
    Tensor[] levels = new Tensor[heads.size()];
    double[] ones = new double[levels.length];
    for (int i = 0; i < levels.length; i++) {
      Tensor w = heads.get(i).value();
      Tensor weights = w.reshape(Shape.of(w.shape().elements()));
      if (dropout != null) {
        Tensor factors = dropout.factors(i, a.get(i).shape());
        weights = tape.apply(new ChannelAffine(), factors, weights, null);
      }
      levels[i] = tape.apply(new LpipsHead(), a.get(i), b.get(i), weights);
      ones[i] = 1;
    }
    return tape.apply(WeightedSum.of(ones), levels);
  }

  private List<Tensor> features(Tape tape, Tensor x) {
    List<Tensor> taps = new ArrayList<>();
    Tensor h = x;
    for (int i = 0; i < stages.size(); i++) {
      int at = i;
      h = tape.part((t, v) -> stage(t, at, v), h);
      taps.add(h);
    }
    return taps;
  }

  /** The first stage gets the image. */
  private Tensor stage(Tape tape, int i, Tensor x) {
    Tensor h =
        i > 0
            ? tape.apply(new MaxPool2x2(), x)
            : Ops.cast(
                tape,
                tape.apply(new ChannelAffine(), x, scale.value(), shift.value()),
                activations);
    for (Conv2d conv : stages.get(i)) {
      h = conv.forward(tape, h);
    }
    return h;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
