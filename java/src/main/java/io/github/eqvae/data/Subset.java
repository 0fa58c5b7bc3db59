package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;
import java.io.IOException;
import java.util.OptionalInt;
import java.util.function.Function;

/** Some of the pictures of another data set. */
final class Subset implements ImageDataset {
  private final ImageDataset whole;
  private final int[] indices;

  Subset(ImageDataset whole, int[] indices) {
    if (indices.length == 0) {
      throw new EqvaeException.Argument("a part of a data set needs at least one picture");
    }
    for (int index : indices) {
      if (index < 0 || index >= whole.size()) {
        throw new EqvaeException.Argument(
            "picture " + index + " of a data set of " + whole.size() + " pictures");
      }
    }
    this.whole = whole;
    this.indices = indices.clone();
  }

  @Override
  public int size() {
    return indices.length;
  }

  @Override
  public Image load(int index) throws IOException {
    return whole.load(indices[index]);
  }

  @Override
  public Image load(int index, Function<PixelRows, Image> cut) throws IOException {
    return whole.load(indices[index], cut);
  }

  @Override
  public String name(int index) {
    return whole.name(indices[index]);
  }

  @Override
  public OptionalInt label(int index) {
    return whole.label(indices[index]);
  }
}
