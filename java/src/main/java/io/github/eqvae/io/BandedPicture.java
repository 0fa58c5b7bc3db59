package io.github.eqvae.io;

import java.awt.Rectangle;
import java.io.UncheckedIOException;

/**
 * A picture that does not fit into memory. It is decoded in bands, when their rows are needed. For
 * each band the decoder starts at the beginning of the file, so four bands cost as much as two and
 * a half decodings of the whole picture. Each band is turned upright by itself.
 */
final class BandedPicture implements PixelRows {
  /** Decodes a part of the stored picture. */
  @FunctionalInterface
  interface Region {
    Image read(Rectangle area) throws ImageException;
  }

  /**
   * What is known of the stored picture.
   *
   * @param orientation EXIF's
   * @param bytesPerPixel what decoding it whole takes
   */
  record Stored(String name, int width, int height, int orientation, int bytesPerPixel) {
    /** Whether its columns are the upright picture's rows. */
    boolean isTurned() {
      return orientation >= 5;
    }
  }

  private static final Image NONE = new Image(1, 1, 1, new byte[1]);

  private final Region region;
  private final Stored stored;
  private final int bandRows;
  private final DecodeMemory memory;
  private final int channels;
  private Image band;

  /** The first row of the band. */
  private int top;

  private boolean isAtEnd;

  /**
   * Decodes the first band.
   *
   * @param bandRows how many rows of the upright picture a band has
   * @param memory the limit, too small for the whole picture
   * @throws ImageException if it is broken
   */
  BandedPicture(Region region, Stored stored, int bandRows, DecodeMemory memory)
      throws ImageException {
    this.region = region;
    this.stored = stored;
    this.bandRows = bandRows;
    this.memory = memory;
    band = decode(0);
    channels = band.channels();
  }

  @Override
  public int width() {
    return stored.isTurned() ? stored.height : stored.width;
  }

  @Override
  public int height() {
    return stored.isTurned() ? stored.width : stored.height;
  }

  @Override
  public int channels() {
    return channels;
  }

  @Override
  public void row(int y, byte[] to, int at) {
    if (y < top || y >= top + band.height()) {
      int from = y / bandRows * bandRows;
      band = NONE; // released first: two bands would not fit
      try {
        band = decode(from);
      } catch (ImageException e) {
        throw new UncheckedIOException(e);
      }
      top = from;
    }
    band.row(y - top, to, at);
  }

  /** Reads the last row, because only then the decoder notices a truncated file. */
  void readToEnd() throws ImageException {
    if (!isAtEnd) {
      region.read(new Rectangle(0, stored.height - 1, stored.width, 1));
    }
  }

  @Override
  public Image whole() {
    throw new UncheckedIOException(
        memory.tooLarge(stored.name, stored.width, stored.height, stored.bytesPerPixel));
  }

  private Image decode(int from) throws ImageException {
    int rows = Math.min(bandRows, height() - from);
    // In 3 and 4 the picture is upside down; in 7 and 8 its last column is the first row.
    boolean isFromEnd =
        switch (stored.orientation) {
          case 3, 4, 7, 8 -> true;
          default -> false;
        };
    int first = isFromEnd ? height() - from - rows : from;
    Rectangle area =
        stored.isTurned()
            ? new Rectangle(first, 0, rows, stored.height)
            : new Rectangle(0, first, stored.width, rows);
    isAtEnd |= area.y + area.height == stored.height;
    return Exif.upright(region.read(area), stored.orientation);
  }
}
