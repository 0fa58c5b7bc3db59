package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Resample;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.Locale;

/**
 * τ = flip ∘ rotation ∘ scale ∘ shift, the same for a latent and its image: shift first, then
 * resize, then quarter turns clockwise, then flips. A shift moves by whole latent pixels, which are
 * {@code factor} image pixels each. Latent and image are cropped to the part that is inside the
 * frame before and after the shift, so no new pixels are needed. Source: EQ-VAE (arXiv 2502.09509)
 * Eq. 6; zelaki/eqvae {@code train_eqvae/ldm/models/autoencoder.py}.
 *
 * @param scaleHeight factor on the height, in (0, 1]
 * @param scaleWidth factor on the width, in (0, 1]
 * @param quarterTurns 0 to 3, clockwise (PyTorch: {@code rot90(k, dims=[-1, -2])} on NCHW)
 * @param flipHorizontal mirror the columns afterwards
 * @param flipVertical mirror the rows afterwards
 * @param interpolation how to resize; released: bilinear without antialias
 * @param shiftDown latent pixels by which the content moves down, or up if negative
 * @param shiftRight latent pixels by which it moves to the right, or left if negative
 */
public record SpatialTransform(
    double scaleHeight,
    double scaleWidth,
    int quarterTurns,
    boolean flipHorizontal,
    boolean flipVertical,
    Interpolation interpolation,
    int shiftDown,
    int shiftRight) {

  /**
   * A transform without shift.
   *
   * @param scaleHeight factor on the height, in (0, 1]
   * @param scaleWidth factor on the width, in (0, 1]
   * @param quarterTurns 0 to 3, clockwise
   * @param flipHorizontal mirror the columns afterwards
   * @param flipVertical mirror the rows afterwards
   * @param interpolation how to resize
   */
  public SpatialTransform(
      double scaleHeight,
      double scaleWidth,
      int quarterTurns,
      boolean flipHorizontal,
      boolean flipVertical,
      Interpolation interpolation) {
    this(scaleHeight, scaleWidth, quarterTurns, flipHorizontal, flipVertical, interpolation, 0, 0);
  }

  /**
   * This transform after a shift.
   *
   * @param down latent pixels
   * @param right latent pixels
   * @return the transform
   */
  public SpatialTransform shifted(int down, int right) {
    return new SpatialTransform(
        scaleHeight,
        scaleWidth,
        quarterTurns,
        flipHorizontal,
        flipVertical,
        interpolation,
        down,
        right);
  }

  /** Leaves everything as it is. */
  public static final SpatialTransform IDENTITY = rotation(0);

  /** Checks the ranges. */
  public SpatialTransform {
    if (!(scaleHeight > 0 && scaleHeight <= 1 && scaleWidth > 0 && scaleWidth <= 1)) {
      throw new EqvaeException.Argument(
          "SpatialTransform: scales " + scaleHeight + " × " + scaleWidth + " must be in (0, 1]");
    }
    if (quarterTurns < 0 || quarterTurns > 3) {
      throw new EqvaeException.Argument(
          "SpatialTransform: " + quarterTurns + " quarter turns; 0 to 3 are possible");
    }
  }

  /**
   * A rotation.
   *
   * @param quarterTurns 0 to 3, clockwise
   * @return the transform
   */
  public static SpatialTransform rotation(int quarterTurns) {
    return new SpatialTransform(1, 1, quarterTurns, false, false, Interpolation.BILINEAR);
  }

  /**
   * An isotropic scaling.
   *
   * @param factor in (0, 1]
   * @return the transform, bilinear
   */
  public static SpatialTransform scale(double factor) {
    return new SpatialTransform(factor, factor, 0, false, false, Interpolation.BILINEAR);
  }

  /**
   * Whether this does nothing.
   *
   * @return true for scale 1, no turn, no flip, no shift
   */
  public boolean isIdentity() {
    return scaleHeight == 1
        && scaleWidth == 1
        && quarterTurns == 0
        && !flipHorizontal
        && !flipVertical
        && shiftDown == 0
        && shiftRight == 0;
  }

  /**
   * The side of a latent after scaling: PyTorch's floor(side·scale), at least 1.
   *
   * @param side before
   * @param factor the scale
   * @return after
   */
  public static int scaled(int side, double factor) {
    return Math.max(1, (int) Math.floor(side * factor + 1e-9));
  }

  /**
   * Transforms a latent.
   *
   * @param tape the tape
   * @param z {@code [N, h, w, C]}
   * @return {@code [N, h', w', C]}
   */
  public Tensor onLatent(Tape tape, Tensor z) {
    return apply(tape, z, 1);
  }

  /**
   * Transforms an image. The result has exactly the size of the decoded transformed latent.
   *
   * @param tape the tape
   * @param x {@code [N, H, W, C]}
   * @param factor image pixels per latent pixel
   * @return {@code [N, f·h', f·w', C]}
   */
  public Tensor onImage(Tape tape, Tensor x, int factor) {
    return apply(tape, x, factor);
  }

  private Tensor apply(Tape tape, Tensor x, int factor) {
    if (isIdentity()) {
      return x;
    }
    Tensor part = cut(tape, cut(tape, x, 1, factor, shiftDown), 2, factor, shiftRight);
    Shape s = part.shape();
    int height = factor * scaled(s.size(1) / factor, scaleHeight);
    int width = factor * scaled(s.size(2) / factor, scaleWidth);
    return tape.apply(
        new Resample(height, width, interpolation, quarterTurns, flipHorizontal, flipVertical),
        part);
  }

  /** The part that is still in the frame after a shift along an axis. */
  private static Tensor cut(Tape tape, Tensor x, int axis, int factor, int shift) {
    int left = x.shape().size(axis) - factor * Math.abs(shift);
    if (shift == 0) {
      return x;
    }
    if (left <= 0) {
      throw new EqvaeException.Argument(
          "SpatialTransform: a shift by "
              + shift
              + " latent pixels leaves nothing of "
              + x.shape());
    }
    return tape.apply(new Narrow(axis, shift > 0 ? 0 : (long) factor * -shift, left), x);
  }

  /**
   * A short description for logs.
   *
   * @return for example {@code scale 0.406 rot 90}
   */
  public String label() {
    StringBuilder s = new StringBuilder();
    if (scaleHeight == scaleWidth) {
      s.append(String.format(Locale.ROOT, "scale %.3g", scaleHeight));
    } else {
      s.append(String.format(Locale.ROOT, "scale %.3g×%.3g", scaleHeight, scaleWidth));
    }
    s.append(" rot ").append(90 * quarterTurns);
    if (shiftDown != 0 || shiftRight != 0) {
      s.append(" shift ").append(shiftDown).append(',').append(shiftRight);
    }
    return s.append(flipHorizontal ? " hflip" : "").append(flipVertical ? " vflip" : "").toString();
  }
}
