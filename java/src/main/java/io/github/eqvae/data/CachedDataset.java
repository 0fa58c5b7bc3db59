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
 * Caches decoded pictures in memory, optionally reduced first: decoding a photograph of 15
 * megapixels for one small crop takes longer than a training step of a small model. The result of
 * {@link #load} is the same with and without the cache, so a run is, too.
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
   * @param shorterSide pictures with a longer shorter side are resized by area so that it has this
   *     length, with their aspect ratio kept; {@link Integer#MAX_VALUE} resizes none
   * @param maxBytes the cache's limit; other pictures are decoded each time
   * @throws EqvaeException.Argument if a number is out of range
   */
  public CachedDataset(ImageDataset source, int shorterSide, long maxBytes) {
    this(source, shorterSide, budget(shorterSide, maxBytes));
  }

  /**
   * Wraps a data set that shares the limit of its cache with others.
   *
   * @param source the pictures
   * @param shorterSide as above
   * @param budget the shared limit; other pictures are decoded each time
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
          if (picture instanceof Image image) { // pictures larger than memory are not cached
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

  /** The size of the cached pictures in bytes, at most the limit. */
  long cachedBytes() {
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
