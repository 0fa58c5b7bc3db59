package io.github.eqvae.io.webp;

import java.io.IOException;

/** Decodes a key frame of VP8. */
public final class Vp8Decoder {
  private final FrameHeader header;
  private final int columns;
  private final int rows;
  private final Plane[] planes;
  private final Prediction prediction = new Prediction();

  private Vp8Decoder(FrameHeader header) {
    this.header = header;
    columns = (header.width() + 15) / 16;
    rows = (header.height() + 15) / 16;
    planes =
        new Plane[] {
          new Plane(columns, rows, 16), new Plane(columns, rows, 8), new Plane(columns, rows, 8)
        };
  }

  /**
   * The size in a frame's header, 0 to 16383 each.
   *
   * @param data holds the frame
   * @param from where it begins
   * @param to where it ends
   * @return width and height
   * @throws IOException if it is not a key frame
   */
  public static int[] size(byte[] data, int from, int to) throws IOException {
    FrameHeader header = FrameHeader.read(data, from, to);
    return new int[] {header.width(), header.height()};
  }

  /**
   * Decodes. It needs a byte and a half for each pixel, and seven bytes for each macroblock.
   *
   * @param data holds the frame
   * @param from where it begins
   * @param to where it ends
   * @return the picture; look at {@link #size} before
   * @throws IOException if it is damaged or truncated
   */
  public static Vp8Picture decode(byte[] data, int from, int to) throws IOException {
    FrameHeader header = FrameHeader.read(data, from, to);
    Vp8Decoder decoder = new Vp8Decoder(header);
    decoder.frame();
    return new Vp8Picture(header.width(), header.height(), decoder.planes);
  }

  private void frame() throws IOException {
    Modes modes = new Modes(header, columns);
    Coefficients coefficients = new Coefficients(header, columns);
    byte[] segments = new byte[columns * rows];
    boolean[] hasBlocks = new boolean[columns * rows];
    boolean[] isSmooth = new boolean[columns * rows];
    for (int row = 0; row < rows; row++) {
      modes.beginRow();
      coefficients.beginRow();
      BoolDecoder tokens = header.tokens()[row % header.tokens().length];
      for (int column = 0; column < columns; column++) {
        modes.read(column);
        boolean any = false;
        if (modes.isSkipped) {
          coefficients.skip(column, modes.hasBlocks);
        } else {
          any =
              coefficients.read(
                  tokens, column, modes.hasBlocks, header.segments().quantizers()[modes.segment]);
        }
        if (header.modes().isExhausted() || tokens.isExhausted()) {
          throw new IOException("the frame is cut short in row " + row + " of macroblocks");
        }
        reconstruct(modes, coefficients, any, column, row);
        int at = row * columns + column;
        segments[at] = (byte) modes.segment;
        hasBlocks[at] = modes.hasBlocks;
        isSmooth[at] = !modes.hasBlocks && !any;
      }
    }
    LoopFilter filter = new LoopFilter(header);
    for (int at = 0; at < segments.length; at++) {
      filter.macroblock(
          planes, at % columns, at / columns, segments[at], hasBlocks[at], isSmooth[at]);
    }
  }

  private void reconstruct(
      Modes modes, Coefficients coefficients, boolean any, int column, int row) {
    Plane luma = planes[0];
    if (!modes.hasBlocks) {
      Prediction.macroblock(luma, column, row, modes.luma[0]);
    }
    for (int i = 0; i < 16; i++) {
      int at = luma.at(16 * column + i % 4 * 4, 16 * row + i / 4 * 4);
      if (modes.hasBlocks) {
        prediction.block(luma, at, aboveRight(luma, i, at, column, row), modes.luma[i]);
      }
      if (any && coefficients.isFilled[i]) {
        Transforms.addCosine(coefficients.values, 16 * i, luma.data, at, luma.stride);
      }
    }
    for (int p = 1; p < 3; p++) {
      Plane chroma = planes[p];
      Prediction.macroblock(chroma, column, row, modes.chroma);
      for (int i = 0; any && i < 4; i++) {
        int block = 12 + 4 * p + i;
        if (coefficients.isFilled[block]) {
          int at = chroma.at(8 * column + i % 2 * 4, 8 * row + i / 2 * 4);
          Transforms.addCosine(coefficients.values, 16 * block, chroma.data, at, chroma.stride);
        }
      }
    }
  }

  /**
   * The index of the pixels above and to the right of a block. For all blocks at a macroblock's
   * right side these are the pixels above the macroblock, because those beside it are not decoded
   * yet. The last macroblock of a row repeats the last pixel above it; in the first row it has the
   * border.
   */
  private int aboveRight(Plane luma, int block, int at, int column, int row) {
    if (block % 4 < 3) {
      return at - luma.stride + 4;
    }
    if (row == 0) {
      return 0; // the border, all of one value
    }
    int above = luma.at(16 * column + 16, 16 * row - 1);
    return column < columns - 1 ? above : ~(above - 1);
  }
}
