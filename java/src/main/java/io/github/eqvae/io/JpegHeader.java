package io.github.eqvae.io;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** What stands before the first scan of a JPEG file. Source: ITU-T T.81, annex B. */
final class JpegHeader {
  private static final int ADOBE_BYTES = 12;
  private static final int NONE = -1;
  private static final int FRAME_OF_LS = 0xf7;

  /** Positions of the segments of an ICC profile. */
  private final List<Integer> profiles = new ArrayList<>();

  private boolean isJfif;

  /** Where Adobe's segment says how colours are stored. */
  private int adobe = NONE;

  private int frame;
  private int bits;
  private String components = "";

  private JpegHeader() {}

  /** Walks the segments: marker, length, content. */
  static JpegHeader of(byte[] file) {
    JpegHeader header = new JpegHeader();
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
      int length = (file[at + 2] & 0xff) << 8 | (file[at + 3] & 0xff);
      header.segment(file, marker, at + 4, length - 2);
      at += 2 + Math.max(2, length);
    }
    return header;
  }

  private void segment(byte[] file, int marker, int at, int length) {
    boolean isFrame = (marker & 0xf0) == 0xc0 && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (isFrame || marker == FRAME_OF_LS) {
      frame = marker;
      bits = file[at];
      StringBuilder names = new StringBuilder();
      for (int i = 0; i < file[at + 5] && at + 6 + 3 * i < file.length; i++) {
        names.append((char) (file[at + 6 + 3 * i] & 0xff));
      }
      components = names.toString();
    } else if (marker == 0xe0 && is(file, at, "JFIF\0")) {
      isJfif = true;
    } else if (marker == 0xe2 && is(file, at, "ICC_PROFILE\0")) {
      profiles.add(at);
    } else if (marker == 0xee && length >= ADOBE_BYTES && is(file, at, "Adobe")) {
      adobe = at + ADOBE_BYTES - 1 < file.length ? at + ADOBE_BYTES - 1 : NONE;
    }
  }

  /** What a file is that no decoder here reads; empty for others. */
  Optional<String> unread() {
    if (frame == FRAME_OF_LS) {
      return Optional.of("a JPEG-LS file");
    }
    if (frame > 0xc8) {
      return Optional.of("a JPEG with arithmetic coding");
    }
    boolean isLossy = frame >= 0xc0 && frame <= 0xc2;
    return isLossy && bits != 8 ? Optional.of("a JPEG of " + bits + " bits") : Optional.empty();
  }

  /**
   * The file as the decoder must see it to give the pixels of libjpeg. Profiles of gray and RGB are
   * hidden: the decoder would apply them, and PyTorch's loaders do not. Adobe's segment says what
   * libjpeg takes three components for; the decoder weighs the hints in another order. CMYK keeps
   * its profile: without it the colours could only be guessed.
   *
   * @return the same array if there is nothing to change, else a copy
   */
  byte[] asLibjpeg(byte[] file) {
    if (components.length() == 4) {
      return file;
    }
    boolean tells = components.length() == 3 && isYcc(file);
    boolean wrong = tells && adobe != NONE && file[adobe] != 1;
    boolean misnamed = tells && adobe == NONE && components.equals("YCc"); // PhotoYCC by its names
    if (profiles.isEmpty() && !wrong && !misnamed) {
      return file;
    }
    byte[] result = file.clone();
    profiles.forEach(at -> result[at] = 'x'); // unknown application data
    if (wrong) {
      result[adobe] = 1;
    }
    return misnamed ? withAdobe(result) : result;
  }

  /** Whether libjpeg takes three components for luma and chroma; source: its jdapimin.c. */
  private boolean isYcc(byte[] file) {
    if (isJfif) {
      return true;
    }
    return adobe == NONE ? !components.equals("RGB") : file[adobe] != 0;
  }

  /** The file with a segment of Adobe that says luma and chroma. */
  private static byte[] withAdobe(byte[] file) {
    byte[] segment = {
      (byte) 0xff, (byte) 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1
    };
    byte[] result = Arrays.copyOf(file, file.length + segment.length);
    System.arraycopy(segment, 0, result, 2, segment.length);
    System.arraycopy(file, 2, result, 2 + segment.length, file.length - 2);
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
