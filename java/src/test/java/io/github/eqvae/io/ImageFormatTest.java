package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which files are pictures, which are read, and what is said of the others. */
class ImageFormatTest {
  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  @ParameterizedTest
  @CsvSource({
    "GIF89a-, a GIF",
    "0000ftypavif, an AVIF file",
    "0000ftypheic, a HEIC file",
    "0000ftypmif1, a HEIC file",
    "0000JXL -, a JPEG XL file",
    "0000jP  -, a JPEG 2000 file"
  })
  void otherFormatsAreNamed(String start, String format) {
    for (String name : new String[] {"x.jpg", "x", "IMG_1.HEIC"}) {
      String said = ImageFormat.refusal(name, ascii(start)).orElseThrow();
      assertTrue(said.contains(format) && said.contains("convert it to PNG"), said);
    }
  }

  /** A clone without Git LFS has pointers in the place of all pictures. */
  @Test
  void whatLiesInThePlaceOfPicturesIsNamed() {
    String pointer = ImageFormat.refusal("x.png", ascii("version https://git-lfs.g")).orElseThrow();
    assertTrue(pointer.contains("git lfs pull") && !ImageFormat.isOtherFormat(pointer), pointer);
    String page = ImageFormat.refusal("x.jpg", ascii("<!DOCTYPE html>")).orElseThrow();
    assertTrue(page.contains("a web page"), page);
    assertEquals(
        Optional.empty(), ImageFormat.refusal("x.txt", ascii("version https://git-lfs.g")));
  }

  /** Raw photographs are TIFF files by content, whose first page is a preview. */
  @ParameterizedTest
  @ValueSource(strings = {"IMG_1.NEF", "a/b.dng", "x.Cr2", "y.ARW", "z.orf", "c.cr3", "f.raf"})
  void rawPhotographsAreNamed(String name) {
    for (String start : new String[] {"II*\0\10\0\0\0", "MM\0*\0\0\0\10", "FUJIFILMCCD-RAW"}) {
      String said = ImageFormat.refusal(name, ascii(start)).orElseThrow();
      assertTrue(said.contains("a raw photograph") && ImageFormat.isOtherFormat(said), said);
    }
    assertEquals(Optional.empty(), ImageFormat.refusal(name, ascii("\u00ff\u00d8\u00ff")));
  }

  /** A TIFF file of one gray pixel, with one more number in its directory. */
  private static byte[] tiff(int tag, int value) {
    int[][] entries = {
      {254, tag == 254 ? value : 0},
      {256, 1},
      {257, 1},
      {258, 8},
      {259, 1},
      {262, 1},
      {273, 8 + 2 + 11 * 12 + 4},
      {277, 1},
      {278, 1},
      {279, 1},
      {tag == 254 ? 50000 : tag, value}
    };
    ByteBuffer b = ByteBuffer.allocate(8 + 2 + 11 * 12 + 4 + 1).order(ByteOrder.LITTLE_ENDIAN);
    b.put(ascii("II*\0")).putInt(8).putShort((short) entries.length);
    for (int[] e : entries) {
      b.putShort((short) e[0]).putShort((short) 4).putInt(1).putInt(e[1]);
    }
    return b.putInt(0).put((byte) 77).array();
  }

  private static String refusal(byte... tiff) {
    return assertThrows(
            ImageException.class, () -> Images.decode(tiff, "x.tif", DecodeOptions.DEFAULT))
        .getMessage();
  }

  /** Seen: the decoder converted them by itself, dozens of levels beside Pillow's colours. */
  @ParameterizedTest
  @ValueSource(ints = {8, 9, 10})
  void labIsNotRead(int photometric) {
    byte[] file = tiff(50000, 0);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(10 + 5 * 12 + 8, photometric);
    String said = refusal(file);
    assertTrue(said.contains("L*a*b*") && ImageFormat.isOtherFormat(said), said);
  }

  /** Compressions of libtiff that no decoder here has: such a file is not broken. */
  @ParameterizedTest
  @CsvSource({"50000,Zstandard", "34925,LZMA", "50001,WebP", "34887,LERC", "50013,method 50013"})
  void otherCompressionsAreNamed(int compression, String name) {
    byte[] file = tiff(50000, 0);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(10 + 4 * 12 + 8, compression);
    String said = refusal(file);
    assertTrue(said.contains("compressed with " + name), said);
    assertTrue(ImageFormat.isOtherFormat(said), said);
  }

  /** Seen: elevations and other measurements were told broken, of an unknown colour space. */
  @ParameterizedTest
  @ValueSource(ints = {32, 64})
  void samplesOfMoreBitsAreNamed(int bits) {
    byte[] file = tiff(50000, 0);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(10 + 3 * 12 + 8, bits);
    String said = refusal(file);
    assertTrue(said.contains("a TIFF with samples of " + bits + " bits"), said);
    assertTrue(ImageFormat.isOtherFormat(said), said);
  }

  /** Seen: negative elevations became white, and half-precision numbers noise. */
  @ParameterizedTest
  @CsvSource({"2,signed", "3,floating-point"})
  void samplesThatAreNoLevelsAreNamed(int format, String name) {
    ByteBuffer file = ByteBuffer.wrap(tiff(50000, 0)).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(10 + 3 * 12 + 8, 16);
    file.putShort(10 + 4 * 12, (short) 339).putInt(10 + 4 * 12 + 8, format); // was compression
    String said = refusal(file.array());
    assertTrue(said.contains("a TIFF with " + name + " samples of 16 bits"), said);
    assertTrue(ImageFormat.isOtherFormat(said), said);
  }

  /**
   * An uncompressed TIFF file in YCbCr without subsampling, as Pillow writes it. Pillow cannot open
   * it again (findings/pillow-ycbcr-tiff.sh); here it is read.
   */
  @Test
  void uncompressedYcbcrIsRead() throws IOException {
    int end = 8 + 2 + 12 * 12 + 4;
    int[][] entries = { // tag, type, count, value
      {256, 4, 1, 1},
      {257, 4, 1, 1},
      {258, 3, 3, end},
      {259, 3, 1, 1},
      {262, 3, 1, 6},
      {273, 4, 1, end + 6 + 48},
      {277, 3, 1, 3},
      {278, 4, 1, 1},
      {279, 4, 1, 3},
      {284, 3, 1, 1},
      {530, 3, 2, 1 | 1 << 16},
      {532, 5, 6, end + 6},
    };
    ByteBuffer b = ByteBuffer.allocate(end + 6 + 48 + 3).order(ByteOrder.LITTLE_ENDIAN);
    b.put(ascii("II*\0")).putInt(8).putShort((short) entries.length);
    for (int[] e : entries) {
      b.putShort((short) e[0]).putShort((short) e[1]).putInt(e[2]).putInt(e[3]);
    }
    b.putInt(0).putShort((short) 8).putShort((short) 8).putShort((short) 8);
    for (int reference : new int[] {0, 255, 128, 255, 128, 255}) {
      b.putInt(reference).putInt(1);
    }
    byte[] file = b.put(new byte[] {(byte) 134, 74, (byte) 174}).array();
    byte[] rgb = Images.decode(file, "x.tif", DecodeOptions.DEFAULT).data();
    int[] expected = {198, 119, 38}; // Pillow's conversion of these samples
    for (int c = 0; c < 3; c++) {
      assertEquals(expected[c], rgb[c] & 0xff, 1);
    }
  }

  /** Whatever they are called: as a preview they would be trained on without a word. */
  @Test
  void previewsAreNoPictures() throws IOException {
    assertEquals(77, Images.decode(tiff(50000, 1), "a", DecodeOptions.DEFAULT).data()[0]);
    int dngVersion = 50706;
    for (byte[] raw : new byte[][] {tiff(254, 1), tiff(dngVersion, 0x0401)}) {
      ImageException e =
          assertThrows(
              ImageException.class, () -> Images.decode(raw, "a.tif", DecodeOptions.DEFAULT));
      assertTrue(ImageFormat.isOtherFormat(e.getMessage()), e.getMessage());
      assertTrue(e.getMessage().contains("a raw photograph"), e.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "8BPS-, a Photoshop file",
    "v/1\\1, an OpenEXR file",
    "qoif-, a QOI file",
    "DDS -, a DDS file",
    "#?RADIANCE, a Radiance file",
    "icns-, an icon",
    "\\0\\0\\1\\0, an icon",
    "\\0\\0\\2\\0, a cursor",
    "gimp xcf, a GIMP file",
    "II\u00bc\\1, a JPEG XR file",
    "BPG\u00fb, a BPG file",
    "AT&TFORM, a DjVu file",
    "\u00abKTX 20, a KTX file",
    "Y\u00a6j\u0095, a Sun raster file",
    "\u00d7\u00cd\u00c6\u009a, a WMF drawing",
    "SIMPLE  =, a FITS file",
    "P7\\nWIDTH 4, a PAM file",
    "PF\\n4 4, a PFM file",
    "Pf\\n4 4, a PFM file",
    "\\1\u00da\\0\\1, an SGI file",
    "/* XPM */, an XPM file",
    "\\0\\0\\0\\30ftypmsf1, a HEIC file"
  })
  void soAreThoseOfOtherPrograms(String start, String format) {
    String said = ImageFormat.refusal("x", ascii(start.translateEscapes())).orElseThrow();
    assertTrue(said.contains(format) && ImageFormat.isOtherFormat(said), said);
  }

  /** Formats that nothing but the name tells. */
  @ParameterizedTest
  @CsvSource({
    "a.svg, an SVG drawing",
    "b.TGA, a Targa file",
    "c.pcx, a PCX file",
    "d.xbm, an XBM file",
    "e.dcm, a DICOM file",
    "f.im, an IM file"
  })
  void someAreKnownByName(String name, String format) {
    String said = ImageFormat.refusal(name, ascii("<svg xmlns")).orElseThrow();
    assertTrue(said.contains(format) && ImageFormat.isOtherFormat(said), said);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.GIF", "a.heic", "b/c.Jpg", "a.tiff", "a.avif", "a.ppm", "a.jfif"})
  void namesOfPicturesPromisePictures(String name) {
    assertTrue(ImageFormat.refusal(name, ascii("some text, no picture")).isPresent());
    assertEquals(Optional.of("the file is empty"), ImageFormat.refusal(name, new byte[0]));
  }

  /** Texts, films and archives beside the pictures are nobody's concern. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "BMX tracks of 2024, a list",
        "P1 is the first",
        "0000ftypisom",
        "PK",
        "SIMPLE",
        "gimp",
        "AT&T"
      })
  void otherFilesAreLeftAlone(String start) {
    assertEquals(Optional.empty(), ImageFormat.of(ascii(start)));
    assertEquals(Optional.empty(), ImageFormat.refusal("list.txt", ascii(start)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bmp", "tiff"})
  void bmpAndTiffAreRead(String format) throws IOException {
    byte[] data = new byte[7 * 5 * 3];
    new Random(1).nextBytes(data);
    Image image = new Image(7, 5, 3, data);
    byte[] bytes = ImagesTest.encode(Images.toBufferedImage(image), format);
    assertArrayEquals(data, Images.decode(bytes, "x", DecodeOptions.DEFAULT).data());
    BufferedImage gray = new BufferedImage(7, 5, BufferedImage.TYPE_BYTE_GRAY);
    gray.getRaster().setSample(6, 4, 0, 77);
    byte[] one = ImagesTest.encode(gray, format);
    assertEquals(77, Images.decode(one, "x", DecodeOptions.DEFAULT).sample(6, 4, 0));
  }

  /** Writers that do not know the length beforehand leave it out, and readers do without. */
  @Test
  void aBmpNeedNotSayHowLongItIs() throws IOException {
    byte[] data = new byte[7 * 5 * 3];
    new Random(2).nextBytes(data);
    byte[] bmp = ImagesTest.encode(Images.toBufferedImage(new Image(7, 5, 3, data)), "bmp");
    Arrays.fill(bmp, 2, 6, (byte) 0); // of the file
    Arrays.fill(bmp, 34, 38, (byte) 0); // of the pixels
    assertArrayEquals(data, Images.decode(bmp, "x", DecodeOptions.DEFAULT).data());
  }

  private static byte[] pnm(String text) throws IOException {
    return Images.decode(ascii(text), "x", DecodeOptions.DEFAULT).data();
  }

  /** The values are what Pillow 12.3 reads from the same bytes. */
  @Test
  void pnmIsRead() throws IOException {
    assertArrayEquals(new byte[] {65, 66, 67, 68, 69, 70}, pnm("P6 2\n1 255\nABCDEF"));
    // as Pillow: 30/100 · 255 = 76.5 becomes 76, and 50/100 · 255 = 127.5 becomes 128
    assertArrayEquals(new byte[] {76, -128, 26}, pnm("P5 3 1 100\n\u001e2\n"));
    assertArrayEquals(new byte[] {65, 66}, pnm("P5\n# remark 9\n2 1\n255\nAB"));
    assertArrayEquals(new byte[] {0, 17, -1}, pnm("P2 3 1 15 0 1\n15"));
    assertArrayEquals(new byte[] {1, 2, 3}, pnm("P3 1 1 255 1 2 3"));
    assertArrayEquals(new byte[] {-1, 0, 0, -1}, pnm("P1 2 2 01\n10"));
    // One row of nine: a byte and a bit.
    assertArrayEquals(new byte[] {0, -1, -1, -1, -1, -1, -1, -1, 0}, pnm("P4 9 1\n\u0080\u0080"));
    assertArrayEquals(
        new byte[] {1, 0, -1}, pnm("P6 1 1 65535\n\u0001\u0001\u0000\u0001\u00ff\u00ff"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "P6 2 1 255\nABCDE",
        "P5 2 1 70000\nABCD",
        "P5 99999999999 1 255\nAB",
        "P5 0 1 255\nAB",
        "P3 1 1 255 1 2",
        "P2 2000 2000 255 1 2",
        "P1 2 2 0120",
        "P6 2"
      })
  void brokenPnmIsRefused(String text) {
    assertThrows(ImageException.class, () -> pnm(text));
  }
}
