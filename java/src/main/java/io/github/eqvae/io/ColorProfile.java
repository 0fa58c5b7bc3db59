package io.github.eqvae.io;

import java.nio.charset.StandardCharsets;

/**
 * Hides the ICC profile of RGB and gray JPEG files from the decoder, which would otherwise apply
 * it. PyTorch training code uses samples as they are stored; the conversion is slow, and depends on
 * the machine's colour library. CMYK files keep their profile: without it the colours could only be
 * guessed.
 */
final class ColorProfile {
  private ColorProfile() {}

  /**
   * The file without its profile.
   *
   * @return the same array if there is nothing to hide, else a changed copy
   */
  static byte[] hide(byte[] file, ImageFormat format) {
    return switch (format) {
      case JPEG -> jpeg(file);
      case PNG, WEBP, BMP, TIFF, PNM -> file; // their decoders do not apply a profile
    };
  }

  /**
   * Changes the signature of the profile's segments, so that decoders ignore them as unknown
   * application data.
   */
  private static byte[] jpeg(byte[] file) {
    byte[] result = file;
    int at = 2;
    while (at + 10 <= file.length && (file[at] & 0xff) == 0xff) {
      int marker = file[at + 1] & 0xff;
      if (marker == 0xff) {
        at++; // fill byte
        continue;
      }
      if (marker == 0xda) {
        break;
      }
      boolean frame = (marker & 0xf0) == 0xc0 && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (frame && file[at + 9] == 4) {
        return file;
      }
      if (marker == 0xe2 && is(file, at + 4, "ICC_PROFILE\0")) {
        result = result == file ? file.clone() : result;
        result[at + 4] = 'x';
      }
      at += 2 + Math.max(2, (file[at + 2] & 0xff) << 8 | (file[at + 3] & 0xff));
    }
    return result;
  }

  private static boolean is(byte[] file, int at, String text) {
    byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
    if (at + expected.length > file.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (file[at + i] != expected[i]) {
        return false;
      }
    }
    return true;
  }
}
