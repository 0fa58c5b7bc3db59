package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The patch tokens of a vision transformer for pictures that are prepared like REPA's: normalised,
 * and resized so that there is one patch for each cell of the grid.
 */
public final class VitFeatures implements PatchFeatures {
  /** REPA's grid for a picture of 256 pixels: 224 pixels in patches of 14. */
  private static final int GRID = 16;

  private static final int UNIT = 256;
  private static final int CHANNELS = 3;
  private static final int ROWS = 8;

  /** Channels of a head of published networks; another number gives other features. */
  private static final int USUAL_HEAD = 64;

  private final VisionTransformer vit;
  private final Stream stream;
  private final TensorArena arena;
  private final FeaturePixels pixels;
  private final PositionResize positions;
  private final int picture;
  private final int grid;

  /**
   * Creates the features of a network.
   *
   * @param vit the network, closed with this
   * @param pixels how pictures are prepared for it
   * @param positions how its position embeddings are interpolated, for the description
   * @param stream orders the work
   * @param picture side of the pictures
   * @param grid rows and columns; 0 for REPA's: 16 for every 256 pixels of the picture, or as many
   *     patches as there are in a picture that is not resized
   * @throws EqvaeException.Argument if pictures that are not resized do not have this grid
   */
  public VitFeatures(
      VisionTransformer vit,
      FeaturePixels pixels,
      PositionResize positions,
      Stream stream,
      int picture,
      int grid) {
    this.vit = vit;
    this.pixels = pixels;
    this.positions = positions;
    this.stream = stream;
    this.picture = picture;
    int patch = vit.config().patch();
    int own = pixels.resizes() ? GRID * Math.max(1, picture / UNIT) : picture / patch;
    this.grid = grid > 0 ? grid : own;
    if (!pixels.resizes() && this.grid * patch != picture) {
      throw new EqvaeException.Argument(
          "pictures of %d pixels are not %d×%d patches of %d, and those for %s are not resized;"
                  .formatted(picture, this.grid, this.grid, patch, title(pixels))
              + " choose another preparation, grid or size of the pictures");
    }
    arena = new TensorArena(stream.device(), "patch features");
  }

  private int pixels() {
    return grid * vit.config().patch();
  }

  private static String title(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public String network() {
    return vit.config().title();
  }

  @Override
  public String sha256() {
    return WeightsHash.of(vit.parameters(), stream);
  }

  @Override
  public String preprocessing() {
    int heads = vit.config().heads();
    String usual = heads * USUAL_HEAD == vit.config().width() ? "" : "; %d heads".formatted(heads);
    return "%s; positions as %s fits them%s"
        .formatted(pixels.describe(pixels()), title(positions), usual);
  }

  @Override
  public Optional<String> positions() {
    return Optional.of(title(positions));
  }

  @Override
  public int side() {
    return grid;
  }

  @Override
  public int width() {
    return vit.config().width();
  }

  @Override
  public float[] of(List<Image> pictures) {
    return FixedRows.run(pictures, ROWS, grid * grid * width(), this::rows);
  }

  private float[] rows(List<Image> pictures) {
    int side = pixels();
    int each = side * side * CHANNELS;
    float[] values = new float[pictures.size() * each];
    for (int i = 0; i < pictures.size(); i++) {
      float[] rgb = rgb(pictures.get(i));
      System.arraycopy(pixels.prepare(rgb, picture, side), 0, values, i * each, each);
    }
    try {
      Tensor x = arena.tensor(Shape.of(pictures.size(), side, side, CHANNELS));
      x.set(stream, values);
      Tensor patches = vit.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), x).patches();
      Tensor dense = arena.tensor(patches.shape(), patches.dtype());
      patches.copyTo(stream, dense);
      return dense.toFloats(stream);
    } finally {
      arena.reset();
    }
  }

  private float[] rgb(Image image) {
    if (image.width() != picture || image.height() != picture) {
      throw new EqvaeException.Argument(
          "patch features: a picture of %d×%d, expected %d×%d"
              .formatted(image.width(), image.height(), picture, picture));
    }
    byte[] data = image.withChannels(CHANNELS).data();
    float[] rgb = new float[data.length];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = data[i] & 0xff;
    }
    return rgb;
  }

  @Override
  public void close() {
    arena.close();
    vit.close();
  }
}
