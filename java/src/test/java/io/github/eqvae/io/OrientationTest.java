package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where a picture may say how it lies, as Pillow 12.3 ({@code ImageOps.exif_transpose}) reads it.
 */
class OrientationTest {
  private static final String XMP =
      "<x:xmpmeta><rdf:Description tiff:Orientation=\"%d\"/></x:xmpmeta>";

  /** EXIF with one entry. */
  private static byte[] exif(ByteOrder order, int type, int value) {
    ByteBuffer tiff = ByteBuffer.allocate(26).order(order);
    tiff.put((order == ByteOrder.BIG_ENDIAN ? "MM" : "II").getBytes(StandardCharsets.US_ASCII));
    tiff.putShort((short) 42).putInt(8).putShort((short) 1);
    tiff.putShort((short) 0x112).putShort((short) type).putInt(1);
    if (type == 3 || type == 8) {
      tiff.putShort((short) value).putShort((short) 0);
    } else if (type == 1) {
      tiff.put((byte) value).put(new byte[3]);
    } else {
      tiff.putInt(value);
    }
    return tiff.putInt(0).array();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] jpeg(byte[]... segments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0xff, (byte) 0xd8});
    for (byte[] s : segments) {
      int length = s.length + 2;
      out.writeBytes(new byte[] {(byte) 0xff, (byte) 0xe1, (byte) (length >> 8), (byte) length});
      out.writeBytes(s);
    }
    out.writeBytes(new byte[] {(byte) 0xff, (byte) 0xda, 0, 2});
    return out.toByteArray();
  }

  private static byte[] png(String type, byte[] content) {
    byte[] typed = join(bytes(type), content);
    CRC32 crc = new CRC32();
    crc.update(typed);
    byte[] picture = Images.png(new Image(2, 1, 1, new byte[2]));
    int header = 8 + 25;
    return join(
        Arrays.copyOf(picture, header),
        ByteBuffer.allocate(4).putInt(content.length).array(),
        typed,
        ByteBuffer.allocate(4).putInt((int) crc.getValue()).array(),
        Arrays.copyOfRange(picture, header, picture.length));
  }

  private static int of(byte[] file, ImageFormat format) {
    return Exif.orientation(file, format);
  }

  @ParameterizedTest
  @CsvSource({"3, 6", "4, 6", "8, 6", "9, 6", "1, 1", "5, 1"})
  void anyWholeNumberCounts(int type, int expected) {
    for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
      byte[] file = jpeg(join(bytes("Exif\0\0"), exif(order, type, 6)));
      assertEquals(expected, of(file, ImageFormat.JPEG), "" + order);
    }
  }

  @Test
  void xmpCountsWhereExifIsSilent() {
    byte[] packet = bytes("http://ns.adobe.com/xap/1.0/\0" + XMP.formatted(8));
    byte[] says = join(bytes("Exif\0\0"), exif(ByteOrder.BIG_ENDIAN, 3, 3));
    assertEquals(8, of(jpeg(packet), ImageFormat.JPEG));
    assertEquals(3, of(jpeg(packet, says), ImageFormat.JPEG));
    assertEquals(3, of(jpeg(says, packet), ImageFormat.JPEG));
    byte[] element = bytes("http://ns.adobe.com/xap/1.0/\0<tiff:Orientation>5</tiff:Orientation>");
    assertEquals(5, of(jpeg(element), ImageFormat.JPEG));
    byte[] text = bytes("XML:com.adobe.xmp\0\0\0\0\0" + XMP.formatted(6));
    assertEquals(6, of(png("iTXt", text), ImageFormat.PNG));
    byte[] chunk = bytes(XMP.formatted(7));
    byte[] webp =
        ByteBuffer.allocate(20 + chunk.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(bytes("RIFF"))
            .putInt(12 + chunk.length)
            .put(bytes("WEBPXMP "))
            .putInt(chunk.length)
            .put(chunk)
            .array();
    assertEquals(7, of(webp, ImageFormat.WEBP));
    byte[] inTiff = bytes(XMP.formatted(2));
    ByteBuffer tiff = ByteBuffer.allocate(26 + inTiff.length).order(ByteOrder.LITTLE_ENDIAN);
    tiff.put(bytes("II")).putShort((short) 42).putInt(8).putShort((short) 1);
    tiff.putShort((short) 700).putShort((short) 1).putInt(inTiff.length).putInt(26).putInt(0);
    tiff.put(inTiff);
    assertEquals(2, of(tiff.array(), ImageFormat.TIFF));
  }

  /** ImageMagick writes EXIF into the text of a PNG. */
  @ParameterizedTest
  @ValueSource(strings = {"", "Exif\0\0"})
  void rawProfilesOfPng(String prefix) throws IOException {
    byte[] exif = join(bytes(prefix), exif(ByteOrder.LITTLE_ENDIAN, 3, 6));
    String text =
        "\nexif\n%8d\n".formatted(exif.length)
            + HexFormat.of().formatHex(exif).replaceAll("(.{20})", "$1\n")
            + "\n";
    byte[] name = bytes("Raw profile type exif\0");
    assertEquals(6, of(png("tEXt", join(name, bytes(text))), ImageFormat.PNG));
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    packed.writeBytes(name);
    packed.write(0);
    try (DeflaterOutputStream deflate = new DeflaterOutputStream(packed)) {
      deflate.write(bytes(text));
    }
    assertEquals(6, of(png("zTXt", packed.toByteArray()), ImageFormat.PNG));
    byte[] cut = Arrays.copyOf(packed.toByteArray(), packed.size() / 2);
    assertEquals(1, of(png("zTXt", cut), ImageFormat.PNG), "damaged");
  }
}
