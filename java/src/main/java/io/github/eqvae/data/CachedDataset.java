package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;
import io.github.eqvae.io.Resize;
import java.io.IOException;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Function;

/**
 * Keeps decoded pictures in memory, optionally made smaller first: decoding a photograph of 15
 * megapixels for one small crop takes longer than a training step of a small model. What {@link
 * #load} gives does not depend on what is kept, so neither does a run.
 */
public final class CachedDataset implements ImageDataset {
  private final ImageDataset source;
  private final int shorterSide;
  private final CacheBudget budget;
  private final AtomicReferenceArray<Image> kept;

  /**
   * Wraps a data set.
   *
   * @param source the pictures
   * @param shorterSide pictures whose shorter side is longer are resized to it by area, keeping
   *     their proportions; {@link Integer#MAX_VALUE} leaves all as they are
   * @param maxBytes how much to keep; the rest is decoded each time
   * @throws EqvaeException.Argument if a number is out of range
   */
  public CachedDataset(ImageDataset source, int shorterSide, long maxBytes) {
    this(source, shorterSide, budget(shorterSide, maxBytes));
  }

  /**
   * Wraps a data set that shares what may be kept with others.
   *
   * @param source the pictures
   * @param shorterSide as above
   * @param budget how much to keep; the rest is decoded each time
   */
  public CachedDataset(ImageDataset source, int shorterSide, CacheBudget budget) {
    this.source = source;
    this.shorterSide = shorterSide;
    this.budget = budget;
    this.kept = new AtomicReferenceArray<>(source.size());
  }

  private static CacheBudget budget(int shorterSide, long maxBytes) {
    if (shorterSide < 1 || maxBytes < 0) {
      throw new EqvaeException.Argument(
          "a shorter side of "
              + shorterSide
              + " and a cache of "
              + maxBytes
              + " bytes; expected at least 1 and 0");
    }
    return new CacheBudget(maxBytes);
  }

  @Override
  public int size() {
    return source.size();
  }

  @Override
  public Image load(int index) throws IOException {
    return load(index, PixelRows::whole);
  }

  @Override
  public Image load(int index, Function<PixelRows, Image> cut) throws IOException {
    Image known = kept.get(index);
    if (known != null) {
      return cut.apply(known);
    }
    return source.load(
        index,
        rows -> {
          PixelRows picture = shrink(rows);
          if (picture instanceof Image image) { // others do not fit into memory
            keep(index, image);
          }
          return cut.apply(picture);
        });
  }

  private void keep(int index, Image image) {
    int length = image.data().length;
    if (budget.take(length) && !kept.compareAndSet(index, null, image)) {
      budget.giveBack(length);
    }
  }

  private PixelRows shrink(PixelRows image) {
    int shorter = Math.min(image.width(), image.height());
    if (shorter <= shorterSide) {
      return image;
    }
    double scale = (double) shorterSide / shorter;
    return Resize.resize(
        image,
        Math.max(shorterSide, (int) Math.round(image.width() * scale)),
        Math.max(shorterSide, (int) Math.round(image.height() * scale)));
  }

  /**
   * What is kept at present.
   *
   * @return bytes of pictures, at most the limit
   */
  public long cachedBytes() {
    return budget.used();
  }

  @Override
  public String name(int index) {
    return source.name(index);
  }

  @Override
  public OptionalInt label(int index) {
    return source.label(index);
  }
}
