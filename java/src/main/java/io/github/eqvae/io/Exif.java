package io.github.eqvae.io;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Finds the orientation (EXIF tag 0x0112 of the first directory, or XMP's tiff:Orientation) in a
 * JPEG, PNG, WebP or TIFF file. Damaged EXIF data are ignored: the picture itself may be complete.
 */
final class Exif {
  private static final int ORIENTATION = 0x0112;
  private static final int XMP = 700;
  private static final int SHORT_TYPE = 3;
  private static final int LONG_TYPE = 4;
  private static final int SIGNED_SHORT_TYPE = 8;
  private static final int SIGNED_LONG_TYPE = 9;

  /** The file does not say how it lies. */
  private static final int ABSENT = -1;

  private static final int MAX_TEXT = 1 << 20;
  private static final String RAW_PROFILE = "Raw profile type exif\0";
  private static final Pattern IN_XMP = Pattern.compile("tiff:Orientation(?:=\"|>)([0-9])");

  private Exif() {}

  /**
   * The orientation of a file: that of its EXIF data, or else that of its XMP packet, as in Pillow.
   *
   * @return 1..8 as EXIF defines them; 1 (upright) if the file has none
   */
  static int orientation(byte[] file, ImageFormat format) {
    ByteBuffer bytes = ByteBuffer.wrap(file);
    int[] found = {ABSENT, ABSENT}; // of EXIF, of XMP
    switch (format) {
      case JPEG -> jpeg(bytes, found);
      case PNG -> png(bytes, found);
      case WEBP -> webp(bytes.order(ByteOrder.LITTLE_ENDIAN), found);
      case TIFF -> {
        found[0] = tiff(bytes, 0, bytes.limit());
        found[1] = packetOfTiff(bytes);
      }
      case BMP, PNM -> {}
    }
    int value = found[0] == ABSENT ? found[1] : found[0];
    return value >= 1 && value <= 8 ? value : 1;
  }

  /** Walks the segments before the first scan: marker, length, content. */
  private static void jpeg(ByteBuffer bytes, int[] found) {
    int at = 2;
    while (at + 4 <= bytes.limit()) {
      if ((bytes.get(at) & 0xff) != 0xff) {
        return;
      }
      int marker = bytes.get(at + 1) & 0xff;
      if (marker == 0xff) {
        at++; // fill byte
        continue;
      }
      if (marker == 0xda || marker == 0xd9) {
        return;
      }
      if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
        at += 2; // a marker without content
        continue;
      }
      int length = bytes.getShort(at + 2) & 0xffff;
      if (marker == 0xe1 && found[0] == ABSENT && is(bytes, at + 4, "Exif\0\0")) {
        found[0] = tiff(bytes, at + 10, at + 2 + length);
      }
      if (marker == 0xe1 && is(bytes, at + 4, "http://ns.adobe.com/xap/1.0/\0")) {
        found[1] = packet(bytes, at + 4, at + 2 + length);
      }
      at += 2 + Math.max(2, length);
    }
  }

  /** Walks the chunks: length, type, content, checksum. */
  private static void png(ByteBuffer bytes, int[] found) {
    long at = 8;
    int profile = ABSENT;
    while (at + 12 <= bytes.limit()) {
      int here = (int) at;
      long length = bytes.getInt(here) & 0xffffffffL;
      long end = at + 8 + length;
      if (is(bytes, here + 4, "eXIf")) {
        found[0] = tiff(bytes, here + 8, end);
      } else if (is(bytes, here + 4, "zTXt" + RAW_PROFILE)) {
        profile = rawProfile(inflated(bytes, here + 9 + RAW_PROFILE.length(), end));
      } else if (is(bytes, here + 4, "tEXt" + RAW_PROFILE)) {
        profile = rawProfile(text(bytes, here + 8 + RAW_PROFILE.length(), end));
      } else if (is(bytes, here + 4, "iTXtXML:com.adobe.xmp\0\0")) { // not compressed
        found[1] = packet(bytes, here + 8, end);
      }
      at += 12 + length;
    }
    found[0] = found[0] == ABSENT ? profile : found[0];
  }

  /** Walks the RIFF chunks: type, length, content, padding to even. */
  private static void webp(ByteBuffer bytes, int[] found) {
    long at = 12;
    while (at + 8 <= bytes.limit()) {
      int here = (int) at;
      long length = bytes.getInt(here + 4) & 0xffffffffL;
      if (is(bytes, here, "EXIF")) {
        int start = here + 8;
        // Some writers keep the prefix that belongs to a JPEG segment.
        found[0] = tiff(bytes, is(bytes, start, "Exif\0\0") ? start + 6 : start, at + 8 + length);
      } else if (is(bytes, here, "XMP ")) {
        found[1] = packet(bytes, here + 8, at + 8 + length);
      }
      at += 8 + length + (length & 1);
    }
  }

  private static String text(ByteBuffer bytes, int start, long end) {
    int length = (int) Math.min(Math.min(end, bytes.limit()) - start, MAX_TEXT);
    if (length <= 0) {
      return "";
    }
    byte[] content = new byte[length];
    bytes.get(start, content);
    return new String(content, StandardCharsets.ISO_8859_1);
  }

  /** The orientation in an XMP packet; absent if it has none. */
  private static int packet(ByteBuffer bytes, int start, long end) {
    Matcher tag = IN_XMP.matcher(text(bytes, start, end));
    return tag.find() ? tag.group(1).charAt(0) - '0' : ABSENT;
  }

  private static String inflated(ByteBuffer bytes, int start, long end) {
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(text(bytes, start, end).getBytes(StandardCharsets.ISO_8859_1));
      byte[] out = new byte[MAX_TEXT];
      return new String(out, 0, inflater.inflate(out), StandardCharsets.ISO_8859_1);
    } catch (DataFormatException damaged) {
      return "";
    } finally {
      inflater.end();
    }
  }

  /** EXIF as ImageMagick writes it: a name, a length and hexadecimal digits, line by line. */
  private static int rawProfile(String text) {
    String digits = text.lines().skip(3).collect(Collectors.joining());
    try {
      byte[] exif = HexFormat.of().parseHex(digits);
      ByteBuffer bytes = ByteBuffer.wrap(exif);
      return tiff(bytes, is(bytes, 0, "Exif\0\0") ? 6 : 0, exif.length);
    } catch (IllegalArgumentException damaged) {
      return ABSENT;
    }
  }

  private static ByteOrder order(ByteBuffer tiff) {
    return is(tiff, 0, "II") ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
  }

  /** Reads the first directory of a TIFF structure that lies at [start, end). */
  private static int tiff(ByteBuffer file, int start, long end) {
    int stop = (int) Math.min(end, file.limit());
    if (stop - start < 8 || (!is(file, start, "II*\0") && !is(file, start, "MM\0*"))) {
      return ABSENT;
    }
    ByteBuffer tiff = file.slice(start, stop - start);
    tiff.order(order(tiff));
    int at = entry(tiff, ORIENTATION);
    if (at == ABSENT) {
      return ABSENT;
    }
    return switch (tiff.getShort(at + 2)) {
      case SHORT_TYPE, SIGNED_SHORT_TYPE -> tiff.getShort(at + 8);
      case LONG_TYPE, SIGNED_LONG_TYPE -> tiff.getInt(at + 8);
      default -> 1;
    };
  }

  /** Where the entry of a tag lies in the first directory. */
  private static int entry(ByteBuffer tiff, int tag) {
    long directory = tiff.getInt(4) & 0xffffffffL;
    if (directory + 2 > tiff.limit()) {
      return ABSENT;
    }
    int entries = tiff.getShort((int) directory) & 0xffff;
    for (int i = 0; i < entries; i++) {
      long entry = directory + 2 + 12L * i;
      if (entry + 12 > tiff.limit()) {
        return ABSENT;
      }
      if ((tiff.getShort((int) entry) & 0xffff) == tag) {
        return (int) entry;
      }
    }
    return ABSENT;
  }

  private static int packetOfTiff(ByteBuffer file) {
    if (file.limit() < 8) {
      return ABSENT;
    }
    ByteBuffer tiff = file.slice(0, file.limit());
    tiff.order(order(tiff));
    int at = entry(tiff, XMP);
    long start = at == ABSENT ? 0 : tiff.getInt(at + 8) & 0xffffffffL;
    return start == 0 || start > file.limit()
        ? ABSENT
        : packet(file, (int) start, start + (tiff.getInt(at + 4) & 0xffffffffL));
  }

  /** The number that a tag of a TIFF file's first page holds: the first of several. */
  static OptionalInt firstPage(byte[] file, int tag) {
    if (file.length < 8) {
      return OptionalInt.empty();
    }
    ByteBuffer tiff = ByteBuffer.wrap(file);
    tiff.order(order(tiff));
    int at = entry(tiff, tag);
    if (at == ABSENT) {
      return OptionalInt.empty();
    }
    boolean isShort = tiff.getShort(at + 2) == SHORT_TYPE;
    long place = at + 8;
    if (isShort && (tiff.getInt(at + 4) & 0xffffffffL) > 2) { // more than fit there
      place = tiff.getInt(at + 8) & 0xffffffffL;
    }
    if (place + 4 > tiff.limit()) {
      return OptionalInt.empty();
    }
    return OptionalInt.of(isShort ? tiff.getShort((int) place) : tiff.getInt((int) place));
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
