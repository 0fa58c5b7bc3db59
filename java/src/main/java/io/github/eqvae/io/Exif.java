package io.github.eqvae.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Finds the EXIF orientation (tag 0x0112 of the first directory) in a JPEG, PNG, WebP or TIFF file.
 * Damaged EXIF data are ignored: the picture itself may be complete.
 */
final class Exif {
  private static final int SUBFILE_TYPE = 254;
  private static final int DNG_VERSION = 50706;
  private static final int ORIENTATION = 0x0112;
  private static final int SHORT_TYPE = 3;

  private Exif() {}

  /**
   * The orientation of a file.
   *
   * @return 1..8 as EXIF defines them; 1 (upright) if the file has none
   */
  static int orientation(byte[] file, ImageFormat format) {
    ByteBuffer bytes = ByteBuffer.wrap(file);
    return switch (format) {
      case JPEG -> jpeg(bytes);
      case PNG -> png(bytes);
      case WEBP -> webp(bytes.order(ByteOrder.LITTLE_ENDIAN));
      case TIFF -> tiff(bytes, 0, bytes.limit());
      case BMP, PNM -> 1;
    };
  }

  /** Walks the segments before the first scan: marker, length, content. */
  private static int jpeg(ByteBuffer bytes) {
    int at = 2;
    while (at + 4 <= bytes.limit()) {
      if ((bytes.get(at) & 0xff) != 0xff) {
        return 1;
      }
      int marker = bytes.get(at + 1) & 0xff;
      if (marker == 0xff) {
        at++; // fill byte
        continue;
      }
      if (marker == 0xda || marker == 0xd9) {
        return 1;
      }
      if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
        at += 2; // a marker without content
        continue;
      }
      int length = bytes.getShort(at + 2) & 0xffff;
      if (marker == 0xe1 && is(bytes, at + 4, "Exif\0\0")) {
        return tiff(bytes, at + 10, at + 2 + length);
      }
      at += 2 + Math.max(2, length);
    }
    return 1;
  }

  /** Walks the chunks: length, type, content, checksum. */
  private static int png(ByteBuffer bytes) {
    long at = 8;
    while (at + 12 <= bytes.limit()) {
      int here = (int) at;
      long length = bytes.getInt(here) & 0xffffffffL;
      if (is(bytes, here + 4, "eXIf")) {
        return tiff(bytes, here + 8, at + 8 + length);
      }
      at += 12 + length;
    }
    return 1;
  }

  /** Walks the RIFF chunks: type, length, content, padding to even. */
  private static int webp(ByteBuffer bytes) {
    long at = 12;
    while (at + 8 <= bytes.limit()) {
      int here = (int) at;
      long length = bytes.getInt(here + 4) & 0xffffffffL;
      if (is(bytes, here, "EXIF")) {
        int start = here + 8;
        // Some writers keep the prefix that belongs to a JPEG segment.
        return tiff(bytes, is(bytes, start, "Exif\0\0") ? start + 6 : start, at + 8 + length);
      }
      at += 8 + length + (length & 1);
    }
    return 1;
  }

  /** Reads the first directory of a TIFF structure that lies at [start, end). */
  private static int tiff(ByteBuffer file, int start, long end) {
    int stop = (int) Math.min(end, file.limit());
    if (stop - start < 8) {
      return 1;
    }
    ByteBuffer tiff = file.slice(start, stop - start);
    if (is(tiff, 0, "II*\0")) {
      tiff.order(ByteOrder.LITTLE_ENDIAN);
    } else if (is(tiff, 0, "MM\0*")) {
      tiff.order(ByteOrder.BIG_ENDIAN);
    } else {
      return 1;
    }
    long directory = tiff.getInt(4) & 0xffffffffL;
    if (directory + 2 > tiff.limit()) {
      return 1;
    }
    int entries = tiff.getShort((int) directory) & 0xffff;
    for (int i = 0; i < entries; i++) {
      long entry = directory + 2 + 12L * i;
      if (entry + 12 > tiff.limit()) {
        return 1;
      }
      int at = (int) entry;
      if ((tiff.getShort(at) & 0xffff) == ORIENTATION && tiff.getShort(at + 2) == SHORT_TYPE) {
        int value = tiff.getShort(at + 8) & 0xffff;
        return value >= 1 && value <= 8 ? value : 1;
      }
    }
    return 1;
  }

  /**
   * Whether the first page of a TIFF file is a preview of what follows: reduced, or of a DNG.
   * Source: TIFF 6.0, tag NewSubfileType; the DNG specification, tag DNGVersion.
   */
  static boolean isPreview(byte[] file) {
    ByteBuffer tiff = ByteBuffer.wrap(file);
    tiff.order(file[0] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    long directory = file.length < 8 ? file.length : tiff.getInt(4) & 0xffffffffL;
    if (directory + 2 > file.length) {
      return false;
    }
    int entries = tiff.getShort((int) directory) & 0xffff;
    for (int i = 0; i < entries && directory + 14 + 12L * i <= file.length; i++) {
      int at = (int) directory + 2 + 12 * i;
      int tag = tiff.getShort(at) & 0xffff;
      boolean isShort = tiff.getShort(at + 2) == SHORT_TYPE;
      int value = isShort ? tiff.getShort(at + 8) : tiff.getInt(at + 8);
      if (tag == DNG_VERSION || (tag == SUBFILE_TYPE && (value & 1) != 0)) {
        return true;
      }
    }
    return false;
  }

  private static boolean is(ByteBuffer bytes, int at, String text) {
    byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
    if (at < 0 || at + expected.length > bytes.limit()) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (bytes.get(at + i) != expected[i]) {
        return false;
      }
    }
    return true;
  }

  /** Turns stored pixels upright. Orientations 5 to 8 swap width and height. */
  static Image upright(Image image, int orientation) {
    if (orientation == 1) {
      return image;
    }
    boolean swap = orientation >= 5;
    int width = swap ? image.height() : image.width();
    int height = swap ? image.width() : image.height();
    int channels = image.channels();
    byte[] from = image.data();
    byte[] to = new byte[from.length];
    int right = image.width() - 1;
    int bottom = image.height() - 1;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int sourceX =
            switch (orientation) {
              case 2, 3 -> right - x;
              case 5, 6 -> y;
              case 7, 8 -> right - y;
              default -> x;
            };
        int sourceY =
            switch (orientation) {
              case 3, 4 -> bottom - y;
              case 5, 8 -> x;
              case 6, 7 -> bottom - x;
              default -> y;
            };
        int source = (sourceY * image.width() + sourceX) * channels;
        int target = (y * width + x) * channels;
        for (int c = 0; c < channels; c++) {
          to[target + c] = from[source + c];
        }
      }
    }
    return new Image(width, height, channels, to);
  }
}
