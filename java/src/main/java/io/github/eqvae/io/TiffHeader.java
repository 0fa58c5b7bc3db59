package io.github.eqvae.io;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the tags of a TIFF file's first page say of how its pixels are stored. */
final class TiffHeader {
  private static final int SUBFILE_TYPE = 254;
  private static final int BITS = 258;
  private static final int COMPRESSION = 259;
  private static final int PHOTOMETRIC = 262;
  private static final int EXTRA_SAMPLES = 338;
  private static final int SAMPLE_FORMAT = 339;
  private static final int DNG_VERSION = 50706;
  private static final int CIE_LAB = 8;
  private static final int ITU_LAB = 10;

  private static final int MOST_BITS = 16;

  /** Values of the tag ExtraSamples. */
  private static final int ASSOCIATED_ALPHA = 1;

  /** Values of the tag SampleFormat. */
  private static final int SIGNED = 2;

  private static final int FLOATING_POINT = 3;

  /** None, CCITT (three), LZW, JPEG (old and new), Deflate (two numbers), PackBits. */
  private static final List<Integer> READ = List.of(1, 2, 3, 4, 5, 6, 7, 8, 32946, 32771, 32773);

  /** Source: libtiff's {@code tiff.h}. */
  private static final Map<Integer, String> COMPRESSIONS =
      Map.ofEntries(
          Map.entry(34661, "JBIG"),
          Map.entry(34676, "SGI LogL"),
          Map.entry(34677, "SGI LogLuv"),
          Map.entry(34712, "JPEG 2000"),
          Map.entry(34887, "LERC"),
          Map.entry(34933, "PNG"),
          Map.entry(34934, "JPEG XR"),
          Map.entry(34925, "LZMA"),
          Map.entry(50000, "Zstandard"),
          Map.entry(50001, "WebP"),
          Map.entry(50002, "JPEG XL"),
          Map.entry(52546, "JPEG XL"));

  private TiffHeader() {}

  /** What a file is that no decoder here reads as Pillow does; empty for others. */
  static Optional<String> unread(byte[] file) {
    int colors = Exif.firstPage(file, PHOTOMETRIC).orElse(0);
    if (colors >= CIE_LAB && colors <= ITU_LAB) { // the decoder makes other colours than Pillow
      return Optional.of("a TIFF in L*a*b*");
    }
    int bits = Exif.firstPage(file, BITS).orElse(1);
    if (bits > MOST_BITS) { // floating-point numbers, elevations, complex numbers
      return Optional.of("a TIFF with samples of " + bits + " bits");
    }
    int format = Exif.firstPage(file, SAMPLE_FORMAT).orElse(1);
    if (format == FLOATING_POINT || (format == SIGNED && bits > 8)) { // of 8 bits Pillow ignores it
      return Optional.of(
          "a TIFF with "
              + (format == SIGNED ? "signed" : "floating-point")
              + " samples of "
              + bits
              + " bits");
    }
    int compression = Exif.firstPage(file, COMPRESSION).orElse(1) & 0xffff;
    return READ.contains(compression)
        ? Optional.empty()
        : Optional.of(
            "a TIFF compressed with "
                + COMPRESSIONS.getOrDefault(compression, "method " + compression));
  }

  /**
   * Whether colours are stored as products with their opacity. The decoder does not tell so of 8
   * bits. Source: TIFF 6.0, tag ExtraSamples.
   */
  static boolean isPremultiplied(byte[] file) {
    return Exif.firstPage(file, EXTRA_SAMPLES).orElse(0) == ASSOCIATED_ALPHA;
  }

  /**
   * Whether the first page is a preview of what follows: reduced, or of a DNG. Source: TIFF 6.0,
   * tag NewSubfileType; the DNG specification, tag DNGVersion.
   */
  static boolean isPreview(byte[] file) {
    return Exif.firstPage(file, DNG_VERSION).isPresent()
        || (Exif.firstPage(file, SUBFILE_TYPE).orElse(0) & 1) != 0;
  }
}
