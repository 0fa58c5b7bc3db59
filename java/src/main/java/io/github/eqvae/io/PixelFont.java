package io.github.eqvae.io;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * A small font for captions in pictures. A machine without a screen may have no fonts, and pictures
 * of a run should be the same on every machine.
 */
final class PixelFont {
  /** Rows of a glyph, descenders included. */
  static final int HEIGHT = 9;

  private static final int DIGITS = 3;

  /**
   * A character (_ is the space) and its columns from the left, each three hexadecimal digits whose
   * lowest bit is the top row.
   */
  private static final String GLYPHS =
      """
      a020054054054078 b07f044044044038 c038044044044044 d03804404404407f
      e038054054054058 f00407e005005 g0381441441440fc h07f004004004078
      i07d j1001000fd k07f010028044 l03f040
      m07c004078004078 n07c004004004078 o038044044044038 p1fc044044044038
      q0380440440441fc r07c008004004 s048054054054024 t00403f044044
      u03c04004004007c v01c02004002001c w03c04003c04003c x044028010028044
      y03c1401401400fc z04406405404c044 003e05104904503e 104207f040
      2062051049049046 3022041049049036 401801401207f010 5027045045045039
      603e045045045038 7001001079005003 8036049049049036 900604904904903e
      _000000000 ,080060 .040 °002005002
      -008008008008 /040030008006001 (03e041 )04103e
      ?002001059009006 ×044028010028044
      """;

  private static final Map<Integer, int[]> COLUMNS = new HashMap<>();

  static {
    for (String glyph : GLYPHS.strip().split("\\s+")) {
      int character = glyph.charAt(0) == '_' ? ' ' : glyph.codePointAt(0);
      int[] columns = new int[(glyph.length() - 1) / DIGITS];
      for (int i = 0; i < columns.length; i++) {
        int from = 1 + i * DIGITS;
        columns[i] = Integer.parseInt(glyph.substring(from, from + DIGITS), 16);
      }
      COLUMNS.put(character, columns);
    }
  }

  private PixelFont() {}

  /**
   * A text in black on a background.
   *
   * @param text unknown characters become {@code ?}
   * @param scale pixels per pixel of the font
   * @param background the gray value of the background, 0..255
   * @return a gray picture, {@code HEIGHT · scale} high
   */
  static Image draw(String text, int scale, int background) {
    int[] columns =
        text.toLowerCase(java.util.Locale.ROOT)
            .codePoints()
            .flatMap(c -> Arrays.stream(withGap(COLUMNS.getOrDefault(c, COLUMNS.get((int) '?')))))
            .toArray();
    int width = Math.max(1, columns.length * scale);
    byte[] pixels = new byte[width * HEIGHT * scale];
    Arrays.fill(pixels, (byte) background);
    for (int y = 0; y < HEIGHT * scale; y++) {
      for (int x = 0; x < columns.length * scale; x++) {
        if ((columns[x / scale] >> (y / scale) & 1) == 1) {
          pixels[y * width + x] = 0;
        }
      }
    }
    return new Image(width, HEIGHT * scale, 1, pixels);
  }

  private static int[] withGap(int[] columns) {
    return Arrays.copyOf(columns, columns.length + 1);
  }
}
