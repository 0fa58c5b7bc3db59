package io.github.eqvae.io;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
  public static final int SIGNATURE_BYTES = 24;

  /** The formats that are read, for messages. */
  public static final String READ = "JPEG, PNG, WebP, BMP, TIFF, PPM or PGM";

  /** The advice for a picture of another format. */
  private static final String ADVICE = ", which is not read: convert it to PNG";

  private static final List<String> ENDINGS =
      List.of(
          "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "gif", "avif",
          "heic", "heif", "jxl", "jp2", "j2k", "jpe", "jfif");

  /** Raw photographs of cameras, most of which are TIFF files whose first page is a preview. */
  private static final List<String> RAW_ENDINGS =
      List.of(
          "nef", "nrw", "dng", "cr2", "cr3", "crw", "arw", "srf", "sr2", "orf", "pef", "rw2", "rwl",
          "raf", "srw", "3fr", "iiq", "kdc", "dcr", "erf", "mef", "mos", "mrw", "x3f");

  private static final String RAW = "is a raw photograph" + ADVICE;

  /** Formats without a signature, by the extension of the file's name. */
  private static final Map<String, String> BY_ENDING =
      Map.of(
          "svg", "an SVG drawing",
          "tga", "a Targa file",
          "pcx", "a PCX file",
          "xbm", "an XBM file",
          "dcm", "a DICOM file",
          "im", "an IM file");

  /** Signatures of formats that are not read, three or four bytes long. */
  private static final Map<String, String> BY_START =
      Map.ofEntries(
          Map.entry("GIF8", "a GIF"),
          Map.entry("8BPS", "a Photoshop file"),
          Map.entry("v/1\1", "an OpenEXR file"),
          Map.entry("qoif", "a QOI file"),
          Map.entry("DDS ", "a DDS file"),
          Map.entry("#?RA", "a Radiance file"),
          Map.entry("icns", "an icon"),
          Map.entry("\0\0\1\0", "an icon"),
          Map.entry("\0\0\2\0", "a cursor"),
          Map.entry("II\u00bc\1", "a JPEG XR file"),
          Map.entry("BPG\u00fb", "a BPG file"),
          Map.entry("\u00abKTX", "a KTX file"),
          Map.entry("\u0059\u00a6\u006a\u0095", "a Sun raster file"),
          Map.entry("\u00d7\u00cd\u00c6\u009a", "a WMF drawing"),
          Map.entry("P7\n", "a PAM file"),
          Map.entry("PF\n", "a PFM file"),
          Map.entry("Pf\n", "a PFM file"),
          Map.entry("\1\u00da\0", "an SGI file"),
          Map.entry("\1\u00da\1", "an SGI file"));

  /** Longer signatures, of formats whose first four bytes could also begin a text. */
  private static final Map<String, String> BY_LONGER_START =
      Map.of(
          "/* XPM */", "an XPM file",
          "gimp xcf", "a GIMP file",
          "AT&TFORM", "a DjVu file",
          "SIMPLE  =", "a FITS file");

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
    return ENDINGS.contains(ending(name));
  }

  private static boolean isRawName(String name) {
    return RAW_ENDINGS.contains(ending(name));
  }

  /** The extension in lower case, without the dot; empty if there is none. */
  private static String ending(String name) {
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  /**
   * Why a file has none of the formats, is only the preview of a picture, or is of a kind of its
   * format that is not read.
   *
   * @param name its name or path
   * @param file its content
   * @return the reason; empty if the file can be decoded
   */
  static Optional<String> refusalOfWhole(String name, byte[] file) {
    Optional<ImageFormat> known = of(file);
    if (known.isEmpty()) {
      return refusal(".png", file);
    }
    if (known.get() == TIFF && TiffHeader.isPreview(file)) {
      return Optional.of(RAW);
    }
    Optional<String> unread =
        switch (known.get()) {
          case JPEG -> JpegHeader.of(file).unread();
          case TIFF -> TiffHeader.unread(file);
          default -> Optional.empty();
        };
    return unread.map(what -> "is " + what + ADVICE).or(() -> refusal(name, file));
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
    Optional<ImageFormat> known = of(start);
    if (isRawName(name) && (known.isEmpty() || known.get() == TIFF)) {
      return Optional.of(RAW);
    }
    if (known.isPresent()) {
      return Optional.empty();
    }
    Optional<String> other = otherFormat(start);
    if (other.isPresent()) {
      return Optional.of("is " + other.get() + ADVICE);
    }
    String byName = BY_ENDING.get(ending(name));
    if (byName != null) {
      return Optional.of("is " + byName + ADVICE);
    }
    if (!isPictureName(name)) {
      return Optional.empty();
    }
    return Optional.of(
        start.length == 0
            ? "the file is empty"
            : ForeignFile.instead(start).orElse("is not " + READ));
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

  /** Formats that are recognised but not read. */
  private static Optional<String> otherFormat(byte[] start) {
    for (int length = 3; length <= Math.min(4, start.length); length++) {
      String format = BY_START.get(new String(start, 0, length, StandardCharsets.ISO_8859_1));
      if (format != null) {
        return Optional.of(format);
      }
    }
    String text = new String(start, StandardCharsets.ISO_8859_1);
    for (Map.Entry<String, String> format : BY_LONGER_START.entrySet()) {
      if (text.startsWith(format.getKey())) {
        return Optional.of(format.getValue());
      }
    }
    if (matches(start, 4, 'f', 't', 'y', 'p')) {
      if (matches(start, 8, 'a', 'v', 'i', 'f') || matches(start, 8, 'a', 'v', 'i', 's')) {
        return Optional.of("an AVIF file");
      }
      if (matches(start, 8, 'h', 'e')
          || matches(start, 8, 'm', 'i', 'f', '1')
          || matches(start, 8, 'm', 's', 'f', '1')) {
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
