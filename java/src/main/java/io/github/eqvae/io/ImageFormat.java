package io.github.eqvae.io;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The picture formats that are read, recognised by content: those of torchvision's {@code
 * ImageFolder}. Other formats are recognised, too, so that a data set can list the files that it
 * skips.
 */
public enum ImageFormat {
  /** JPEG: baseline and progressive; gray, YCbCr, RGB, CMYK, YCCK. */
  JPEG("jpeg"),
  /** PNG: 1 to 16 bits, gray, palette, RGB, alpha. */
  PNG("png"),
  /** WebP: lossy and lossless, alpha; the first frame of an animation. */
  WEBP(""),
  /** BMP: palettes, RGB and RGBA. */
  BMP("bmp"),
  /** TIFF: gray, palette, RGB and RGBA of 1 to 16 bits; the first page. */
  TIFF("tiff"),
  /** PPM, PGM and PBM, as text or as bytes. */
  PNM("");

  /** Number of bytes that {@link #of} needs. */
  public static final int SIGNATURE_BYTES = 18;

  /** The formats that are read, for messages. */
  public static final String READ = "JPEG, PNG, WebP, BMP, TIFF, PPM or PGM";

  /** The advice for a picture of another format. */
  private static final String ADVICE = ", which is not read: convert it to PNG";

  private static final List<String> ENDINGS =
      List.of(
          "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "gif", "avif",
          "heic", "heif", "jxl", "jp2", "j2k", "jpe", "jfif");

  /** Sizes of the header after a BMP file's first 14 bytes. */
  private static final List<Integer> BMP_HEADERS = List.of(12, 16, 40, 52, 56, 64, 108, 124);

  private final String readerName;

  ImageFormat(String readerName) {
    this.readerName = readerName;
  }

  /**
   * Upper bound of the bytes per pixel for decoding and cutting a picture with samples of 8 bits.
   */
  int bytesPerPixel() {
    return switch (this) {
      case JPEG -> 4;
      case PNM -> 4;
      case PNG, BMP, TIFF -> 8;
      case WEBP -> 9;
    };
  }

  /** The format's name in ImageIO; empty for those that it does not read. */
  String readerName() {
    return readerName;
  }

  /**
   * The format of a file.
   *
   * @param start the file's first {@link #SIGNATURE_BYTES} bytes, or all of it if it is shorter
   * @return the format, or nothing if it is none of these
   */
  public static Optional<ImageFormat> of(byte[] start) {
    if (matches(start, 0, 0xff, 0xd8, 0xff)) {
      return Optional.of(JPEG);
    }
    if (matches(start, 0, 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n')) {
      return Optional.of(PNG);
    }
    if (matches(start, 0, 'R', 'I', 'F', 'F') && matches(start, 8, 'W', 'E', 'B', 'P')) {
      return Optional.of(WEBP);
    }
    // two letters alone could also be the beginning of a text
    if (matches(start, 0, 'B', 'M')
        && BMP_HEADERS.stream().anyMatch(size -> matches(start, 14, size, 0, 0, 0))) {
      return Optional.of(BMP);
    }
    if (matches(start, 0, 'I', 'I', 42, 0) || matches(start, 0, 'M', 'M', 0, 42)) {
      return Optional.of(TIFF);
    }
    return Pnm.matches(start) ? Optional.of(PNM) : Optional.empty();
  }

  /**
   * Whether a file's name is that of a picture, of any format.
   *
   * @param name the name or path
   * @return true for {@code x.jpg}, {@code x.PNG}, {@code x.heic}
   */
  public static boolean isPictureName(String name) {
    int dot = name.lastIndexOf('.');
    return dot >= 0 && ENDINGS.contains(name.substring(dot + 1).toLowerCase(Locale.ROOT));
  }

  /**
   * Why a file that is a picture, or has a picture's name, is not read.
   *
   * @param name its name or path
   * @param start its first {@link #SIGNATURE_BYTES} bytes, or all of it if it is shorter
   * @return the reason and what to do; nothing if the file is read, or is not a picture by content
   *     or name
   */
  public static Optional<String> refusal(String name, byte[] start) {
    if (of(start).isPresent()) {
      return Optional.empty();
    }
    Optional<String> other = otherFormat(start);
    if (other.isPresent()) {
      return Optional.of("is " + other.get() + ADVICE);
    }
    if (!isPictureName(name)) {
      return Optional.empty();
    }
    return Optional.of(start.length == 0 ? "the file is empty" : "is not " + READ);
  }

  /**
   * Whether a reason of {@link #refusal}, or a message that ends with it, is about a picture of
   * another format, not about a broken one.
   *
   * @param refusal the reason
   * @return true for a GIF and the like
   */
  public static boolean isOtherFormat(String refusal) {
    return refusal.endsWith(ADVICE);
  }

  /** Formats that are recognised only. */
  private static Optional<String> otherFormat(byte[] start) {
    if (matches(start, 0, 'G', 'I', 'F', '8')) {
      return Optional.of("a GIF");
    }
    if (matches(start, 4, 'f', 't', 'y', 'p')) {
      if (matches(start, 8, 'a', 'v', 'i', 'f') || matches(start, 8, 'a', 'v', 'i', 's')) {
        return Optional.of("an AVIF file");
      }
      if (matches(start, 8, 'h', 'e') || matches(start, 8, 'm', 'i', 'f', '1')) {
        return Optional.of("a HEIC file");
      }
      return Optional.empty(); // a film
    }
    if (matches(start, 0, 0xff, 0x0a) || matches(start, 4, 'J', 'X', 'L', ' ')) {
      return Optional.of("a JPEG XL file");
    }
    if (matches(start, 0, 0xff, 0x4f, 0xff, 0x51) || matches(start, 4, 'j', 'P', ' ', ' ')) {
      return Optional.of("a JPEG 2000 file");
    }
    boolean bigTiff = matches(start, 0, 'I', 'I', 43, 0) || matches(start, 0, 'M', 'M', 0, 43);
    return bigTiff ? Optional.of("a BigTIFF") : Optional.empty();
  }

  private static boolean matches(byte[] bytes, int at, int... expected) {
    if (bytes.length < at + expected.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if ((bytes[at + i] & 0xff) != expected[i]) {
        return false;
      }
    }
    return true;
  }
}
