package io.github.eqvae.model;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Arithmetic;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.WeightedSum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Structural similarity as a loss: Gaussian windows of 11×11 pixels, σ 1.5, inside the image;
 * values are moved to [0, 1], so that the data range is 1; k = 0.01 and 0.03. If a side is shorter,
 * the largest odd window that fits is used. PyTorch: VainF/pytorch-msssim, {@code ssim(x, y,
 * data_range=1)}. Source: Wang et al., Image Quality Assessment, 2004, eq. 13.
 */
public final class SsimLoss implements AutoCloseable {
  private static final int LARGEST = 11;
  private static final double SIGMA = 1.5;
  private static final double C1 = 0.01 * 0.01;
  private static final double C2 = 0.03 * 0.03;

  private final List<Parameter> windows = new ArrayList<>(); // of 1, 3, 5 … pixels
  private final Parameter half;
  private final Parameter one;
  private final Parameter two;
  private final Parameter c1;
  private final Parameter c2;
  private final ParameterStore constants;

  /**
   * Makes the windows.
   *
   * @param channels of the images
   * @param stream orders the work
   */
  public SsimLoss(int channels, Stream stream) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    for (int side = 1; side <= LARGEST; side += 2) {
      windows.add(
          builder.root().buffer("window" + side, Init.ZEROS, channels, channels, side, side));
    }
    half = builder.root().buffer("half", new Init.Constant(0.5), channels);
    one = builder.root().buffer("one", Init.ONES, channels);
    two = builder.root().buffer("two", new Init.Constant(2), channels);
    c1 = builder.root().buffer("c1", new Init.Constant((float) C1), channels);
    c2 = builder.root().buffer("c2", new Init.Constant((float) C2), channels);
    constants = builder.build(stream, 0, false);
    for (int i = 0; i < windows.size(); i++) {
      windows.get(i).value().set(stream, Windows.gaussian(channels, 2 * i + 1, SIGMA));
    }
  }

  /**
   * The similarity around each pixel whose window is inside the image.
   *
   * @param tape the tape
   * @param target images in [-1, 1], {@code [N, H, W, C]}
   * @param image likewise
   * @return {@code [N, H′, W′, C]}, 1 where both are equal
   */
  public Tensor forward(Tape tape, Tensor target, Tensor image) {
    Tensor x = affine(tape, target, half, half);
    Tensor y = affine(tape, image, half, half);
    Tensor mx = blur(tape, x);
    Tensor my = blur(tape, y);
    Tensor mxx = product(tape, mx, mx);
    Tensor myy = product(tape, my, my);
    Tensor mxy = product(tape, mx, my);
    Tensor xx = blur(tape, product(tape, x, x));
    Tensor yy = blur(tape, product(tape, y, y));
    Tensor xy = blur(tape, product(tape, x, y));
    Tensor covariance = tape.apply(WeightedSum.of(1, -1), xy, mxy);
    Tensor variances = tape.apply(WeightedSum.of(1, -1, 1, -1), xx, mxx, yy, myy);
    Tensor means = tape.apply(WeightedSum.of(1, 1), mxx, myy);
    Tensor above = product(tape, affine(tape, mxy, two, c1), affine(tape, covariance, two, c2));
    Tensor below = product(tape, affine(tape, means, one, c1), affine(tape, variances, one, c2));
    return tape.apply(Arithmetic.QUOTIENT, above, below);
  }

  private Tensor blur(Tape tape, Tensor x) {
    Shape s = x.shape();
    long side = Math.min(LARGEST, Math.min(s.dim(1), s.dim(2)));
    return tape.apply(new Conv2d(1, 0), x, windows.get((int) (side - 1) / 2).value());
  }

  private static Tensor product(Tape tape, Tensor a, Tensor b) {
    return tape.apply(Arithmetic.PRODUCT, a, b);
  }

  private static Tensor affine(Tape tape, Tensor x, Parameter scale, Parameter shift) {
    return tape.apply(new ChannelAffine(), x, scale.value(), shift.value());
  }

  @Override
  public void close() {
    constants.close();
  }
}
