package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Linear;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;

/**
 * Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991), as in
 * openai/guided-diffusion {@code evaluator.py}: each feature is the centre of a ball that reaches
 * to its k-th nearest neighbour in its own set. Precision is the share of generated features inside
 * at least one ball of the references; recall is the share of references inside at least one ball
 * of the generated features.
 *
 * <p>Squared distances are {@code ‖x‖² + ‖y‖² − 2·x·y} of features after the references' mean is
 * subtracted: the product is computed in the device's dtype, the rest in double precision. The
 * reference program multiplies in half precision, which changes distances by up to one percent.
 */
public final class PrecisionRecall {
  /** The number of neighbours in the reference program. */
  public static final int NEIGHBOURS = 3;

  /** Rows in a tile: a product of two tiles has 4 million numbers. */
  private static final int TILE = 2048;

  private final Stream stream;
  private final double[] mean;

  private PrecisionRecall(Stream stream, double[] mean) {
    this.stream = stream;
    this.mean = mean;
  }

  /**
   * The result.
   *
   * @param precision in [0, 1]: share of generated images that look like references
   * @param recall in [0, 1]: share of references that look like generated images
   */
  public record Value(double precision, double recall) {}

  /**
   * Compares two sets of features.
   *
   * @param references features of real images
   * @param generated features of generated images
   * @param k the neighbour whose distance is the radius of a ball; {@link #NEIGHBOURS} in the
   *     reference program
   * @param stream computes the products
   * @return precision and recall
   */
  public static Value of(FeatureRows references, FeatureRows generated, int k, Stream stream) {
    if (references.width() != generated.width()) {
      throw new EqvaeException.Argument(
          "Features of %d and of %d numbers cannot be compared"
              .formatted(references.width(), generated.width()));
    }
    if (k < 1 || k >= references.rows() || k >= generated.rows()) {
      throw new EqvaeException.Argument(
          "The %d-th neighbour needs more than %d images in each set, there are %d and %d"
              .formatted(k, k, references.rows(), generated.rows()));
    }
    PrecisionRecall p = new PrecisionRecall(stream, mean(references));
    double[] ofReferences = p.radii(references, k);
    double[] ofGenerated = p.radii(generated, k);
    boolean[] precise = new boolean[generated.rows()];
    boolean[] recalled = new boolean[references.rows()];
    p.visit(
        generated,
        references,
        (i, j, distance) -> {
          precise[i] |= distance <= ofReferences[j];
          recalled[j] |= distance <= ofGenerated[i];
        });
    return new Value(share(precise), share(recalled));
  }

  /** Squared distances of each row of a to each of b, by row of a: for tests. */
  static double[] squaredDistances(FeatureRows a, FeatureRows b, Stream stream) {
    double[] all = new double[a.rows() * b.rows()];
    new PrecisionRecall(stream, mean(b)).visit(a, b, (i, j, d) -> all[i * b.rows() + j] = d);
    return all;
  }

  /** Squared radii: for tests. */
  static double[] squaredRadii(FeatureRows rows, int k, Stream stream) {
    return new PrecisionRecall(stream, mean(rows)).radii(rows, k);
  }

  private static double share(boolean[] of) {
    int count = 0;
    for (boolean is : of) {
      count += is ? 1 : 0;
    }
    return count / (double) of.length;
  }

  private static double[] mean(FeatureRows rows) {
    double[] mean = new double[rows.width()];
    for (int first = 0; first < rows.rows(); first += TILE) {
      float[] some = rows.read(first, Math.min(TILE, rows.rows() - first));
      for (int i = 0; i < some.length; i++) {
        mean[i % mean.length] += some[i];
      }
    }
    for (int j = 0; j < mean.length; j++) {
      mean[j] /= rows.rows();
    }
    return mean;
  }

  /** The squared radius of each row: the k-th smallest distance to another row. */
  private double[] radii(FeatureRows rows, int k) {
    double[] nearest = new double[rows.rows() * k];
    Arrays.fill(nearest, Double.POSITIVE_INFINITY);
    visit(
        rows,
        rows,
        (i, j, distance) -> {
          int at = i * k + k - 1;
          if (i == j || distance >= nearest[at]) {
            return;
          }
          for (; at > i * k && nearest[at - 1] > distance; at--) {
            nearest[at] = nearest[at - 1];
          }
          nearest[at] = distance;
        });
    double[] radii = new double[rows.rows()];
    for (int i = 0; i < radii.length; i++) {
      radii[i] = nearest[i * k + k - 1];
    }
    return radii;
  }

  /** Receives each pair. */
  private interface Pairs {
    void pair(int i, int j, double squaredDistance);
  }

  /** Centred rows and their squared lengths. */
  private record Tile(float[] values, double[] squares) {}

  private Tile tile(FeatureRows rows, int first) {
    int width = rows.width();
    float[] values = rows.read(first, Math.min(TILE, rows.rows() - first));
    double[] squares = new double[values.length / width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] - mean[i % width]);
      squares[i / width] += (double) values[i] * values[i];
    }
    return new Tile(values, squares);
  }

  private void visit(FeatureRows a, FeatureRows b, Pairs pairs) {
    try (TensorArena arena = new TensorArena(stream.device(), "precision and recall")) {
      for (int row = 0; row < a.rows(); row += TILE) {
        Tile x = tile(a, row);
        for (int column = 0; column < b.rows(); column += TILE) {
          Tile y = a == b && row == column ? x : tile(b, column);
          float[] products = products(arena, x, y, a.width());
          int columns = y.squares().length;
          for (int i = 0; i < x.squares().length; i++) {
            for (int j = 0; j < columns; j++) {
              double d = x.squares()[i] + y.squares()[j] - 2.0 * products[i * columns + j];
              pairs.pair(row + i, column + j, Math.max(0, d));
            }
          }
        }
      }
    }
  }

  private float[] products(TensorArena arena, Tile x, Tile y, int width) {
    Tensor a = arena.tensor(Shape.of(x.squares().length, width));
    Tensor b = arena.tensor(Shape.of(y.squares().length, width));
    a.set(stream, x.values());
    b.set(stream, y.values());
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] products = tape.apply(new Linear(), a, b).toFloats(stream);
    arena.reset();
    return products;
  }
}
