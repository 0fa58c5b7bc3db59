package io.github.eqvae.train.generator;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The grid of samples that training writes, the label above each column. */
final class LabelledGrid {
  private static final int BACKGROUND = 255;
  private static final int GAP = 2;

  /** Columns of a grid whose labels are not given. */
  private static final int COLUMNS = 8;

  private LabelledGrid() {}

  /**
   * The columns of a grid in which all pictures of a column have one label.
   *
   * @param asked labels that repeat, 0 or 1 if there are no several
   * @param classes of the network, 0 if it has none; labels then repeat them, at most 8
   * @param count pictures
   */
  static int columns(int asked, int classes, int count) {
    int columns = COLUMNS - COLUMNS % Math.clamp(classes, 1, COLUMNS);
    return Math.min(asked > 1 ? asked : columns, count);
  }

  /**
   * The grid.
   *
   * @param samples pictures of one size, at least one
   * @param labels one per picture; the pictures of a column have the same
   * @param columns pictures in a row
   */
  static Image of(List<Image> samples, int[] labels, int columns) {
    List<Image> first = new ArrayList<>();
    for (int i = 0; i < columns; i++) {
      first.add(ImageGrid.caption(samples.get(i), Integer.toString(labels[i]), BACKGROUND));
    }
    Image top = ImageGrid.of(first, columns, GAP, BACKGROUND);
    if (samples.size() == columns) {
      return top;
    }
    List<Image> others = samples.subList(columns, samples.size());
    return below(top, ImageGrid.of(others, columns, GAP, BACKGROUND));
  }

  /** Two pictures of one width, one below the other. */
  private static Image below(Image top, Image bottom) {
    int height = top.height() + bottom.height();
    byte[] bytes = Arrays.copyOf(top.data(), top.width() * height * top.channels());
    System.arraycopy(bottom.data(), 0, bytes, top.data().length, bottom.data().length);
    return new Image(top.width(), height, top.channels(), bytes);
  }

  /** Samples of a network without classes. */
  static Image of(List<Image> samples, int columns) {
    return ImageGrid.caption(
        ImageGrid.of(samples, columns, GAP, BACKGROUND), "samples", BACKGROUND);
  }
}
