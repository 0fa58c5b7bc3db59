package io.github.eqvae.io;

import java.util.Optional;

/** The picture formats that are read, told apart by content. */
public enum ImageFormat {
  /** JPEG: baseline and progressive; gray, YCbCr, RGB, CMYK, YCCK. */
  JPEG("jpeg"),
  /** PNG: 1 to 16 bits, gray, palette, RGB, alpha. */
  PNG("png"),
  /** WebP: lossy and lossless, alpha; the first frame of an animation. */
  WEBP("webp");

  /** Bytes that {@link #of} needs to see. */
  public static final int SIGNATURE_BYTES = 12;

  private final String readerName;

  ImageFormat(String readerName) {
    this.readerName = readerName;
  }

  /** The format's name in ImageIO. */
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
    return Optional.empty();
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
