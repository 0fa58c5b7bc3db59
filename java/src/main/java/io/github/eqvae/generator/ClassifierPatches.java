package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.op.AvgPool2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;

/**
 * The features of the places of a classifier that eqvae trained: of a convolutional one the feature
 * map before global average pooling, of a vision transformer the patch tokens. A coarser grid has
 * the means of square groups of cells.
 */
public final class ClassifierPatches implements PatchFeatures {
  private static final int ROWS = 64;

  private final ImageClassifier network;
  private final Stream stream;
  private final TensorArena arena;
  private final int picture;
  private final int grid;

  /**
   * Creates the features of a classifier.
   *
   * @param network the classifier, closed with this
   * @param stream orders the work
   * @param picture side of the pictures, at most that of the classifier; smaller ones get a black
   *     border
   * @param grid rows and columns of the grid; 0 for all cells of the feature map
   * @throws EqvaeException.Argument if pictures are larger than the classifier's, or the feature
   *     map does not divide into the grid
   */
  public ClassifierPatches(ImageClassifier network, Stream stream, int picture, int grid) {
    int places = network.config().places();
    if (picture > network.config().side()) {
      throw new EqvaeException.Argument(
          "the pictures have %d pixels, but the classifier was trained on %d: train one of that size"
              .formatted(picture, network.config().side()));
    }
    if (grid < 0 || grid > places || (grid > 0 && places % grid != 0)) {
      throw new EqvaeException.Argument(
          "a classifier of %d pixels has features of %d×%d cells, which do not divide into a grid of"
                  .formatted(network.config().side(), places, places)
              + " %d×%d".formatted(grid, grid));
    }
    this.network = network;
    this.stream = stream;
    this.picture = picture;
    this.grid = grid > 0 ? grid : places;
    arena = new TensorArena(stream.device(), "patch features");
  }

  @Override
  public String network() {
    ClassifierConfig c = network.config();
    return "eqvae-%s-%d-classes-%d-px"
        .formatted(c.title().replace(' ', '-'), c.classes(), c.side());
  }

  @Override
  public String sha256() {
    return WeightsHash.of(network.parameters(), stream);
  }

  @Override
  public String preprocessing() {
    ClassifierConfig c = network.config();
    String border = picture < c.side() ? ", in a black border to %d".formatted(c.side()) : "";
    String mean = grid < c.places() ? "; means of %d×%d places".formatted(pool(), pool()) : "";
    return "%d pixels from -1 to 1%s%s".formatted(picture, border, mean);
  }

  private int pool() {
    return network.config().places() / grid;
  }

  @Override
  public int side() {
    return grid;
  }

  @Override
  public int width() {
    return network.config().features();
  }

  @Override
  public float[] of(List<Image> pictures) {
    return FixedRows.run(pictures, ROWS, grid * grid * width(), this::rows);
  }

  private float[] rows(List<Image> pictures) {
    ClassifierConfig c = network.config();
    int each = c.side() * c.side() * c.channels();
    float[] values = new float[pictures.size() * each];
    for (int i = 0; i < pictures.size(); i++) {
      Image image = pictures.get(i).withChannels(c.channels());
      Image fit = image.width() < c.side() ? image.pad(c.side(), c.side(), 0) : image;
      fit.toSigned(values, i * each);
    }
    try {
      Tensor x = arena.tensor(Shape.of(pictures.size(), c.side(), c.side(), c.channels()));
      x.set(stream, values);
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor places = network.places(tape, x);
      if (pool() > 1) {
        places = tape.apply(new AvgPool2d(pool(), pool(), 0), places);
      }
      return places.toFloats(stream);
    } finally {
      arena.reset();
    }
  }

  @Override
  public void close() {
    arena.close();
    network.close();
  }
}
