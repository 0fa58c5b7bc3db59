package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a JPEG file's header says of its colours, and files that are not read. */
class JpegHeaderTest {
  /** Length of SOI and of JFIF's segment. */
  private static final int JFIF = 20;

  private static byte[] jpeg = {};
  private static byte[] pixels = {};

  @BeforeAll
  static void read() throws IOException {
    try (InputStream input =
        JpegHeaderTest.class.getResourceAsStream("pillow/jpg_s2_b_q75_37x29.jpg")) {
      jpeg = input.readAllBytes();
    }
    assertEquals("JFIF", new String(jpeg, 6, 4, StandardCharsets.US_ASCII));
    pixels = decode(jpeg);
  }

  private static byte[] decode(byte[] file) throws IOException {
    return Images.decode(file, "x.jpg", DecodeOptions.DEFAULT).data();
  }

  /** SOI, perhaps JFIF's and Adobe's segment, and the rest with the components' names. */
  private static byte[] file(boolean isJfif, int transform, String names) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(jpeg, 0, isJfif ? JFIF : 2);
    if (transform >= 0) {
      byte[] adobe = {-1, -18, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
      adobe[15] = (byte) transform;
      out.writeBytes(adobe);
    }
    byte[] rest = java.util.Arrays.copyOfRange(jpeg, JFIF, jpeg.length);
    for (int at = 0; ; at += 2 + ((rest[at + 2] & 0xff) << 8 | (rest[at + 3] & 0xff))) {
      boolean isScan = (rest[at + 1] & 0xff) == 0xda;
      for (int i = 0; i < 3; i++) {
        if (isScan) {
          rest[at + 5 + 2 * i] = (byte) names.charAt(i);
        } else if ((rest[at + 1] & 0xff) == 0xc0) {
          rest[at + 10 + 3 * i] = (byte) names.charAt(i);
        }
      }
      if (isScan) {
        break;
      }
    }
    out.writeBytes(rest);
    return out.toByteArray();
  }

  /** Pillow 12.3 reads the same pixels from all of these; some of them once had false colours. */
  @ParameterizedTest
  @CsvSource({
    "true, -1, RGB",
    "true, -1, YCc",
    "true, 0, abc",
    "true, 0, RGB",
    "true, 1, abc",
    "true, 2, abc",
    "false, -1, abc",
    "false, -1, YCc",
    "false, 1, RGB",
    "false, 2, RGB",
    "false, 2, abc"
  })
  void coloursAreWhatLibjpegTakesThemFor(boolean isJfif, int transform, String names)
      throws IOException {
    assertArrayEquals(pixels, decode(file(isJfif, transform, names)));
  }

  /** Without JFIF's segment these are stored as red, green and blue. */
  @ParameterizedTest
  @CsvSource({"-1, RGB", "0, abc"})
  void rgbIsStoredAsItIs(int transform, String names) throws IOException {
    byte[] rgb = decode(file(false, transform, names));
    int luma = rgb[0] & 0xff; // the first component
    double expected =
        0.299 * (pixels[0] & 0xff) + 0.587 * (pixels[1] & 0xff) + 0.114 * (pixels[2] & 0xff);
    assertEquals(expected, luma, 2);
  }

  /** Seen: "missing SOS marker" of a complete file of 12 bits, which counted as broken. */
  @Test
  void whatNoDecoderReadsIsNamed() {
    for (String said : new String[] {"12 bits", "arithmetic coding", "JPEG-LS"}) {
      byte[] file = jpeg.clone();
      int at = JFIF;
      while ((file[at + 1] & 0xff) != 0xc0) {
        at += 2 + ((file[at + 2] & 0xff) << 8 | (file[at + 3] & 0xff));
      }
      switch (said) {
        case "12 bits" -> file[at + 4] = 12;
        case "JPEG-LS" -> file[at + 1] = (byte) 0xf7;
        default -> file[at + 1] = (byte) 0xc9;
      }
      String message = assertThrows(ImageException.class, () -> decode(file)).getMessage();
      assertTrue(message.contains(said) && ImageFormat.isOtherFormat(message), message);
    }
  }
}
