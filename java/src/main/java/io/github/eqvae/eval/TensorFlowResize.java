package io.github.eqvae.eval;

/**
 * Bilinear resizing as in TensorFlow 1, inside the Inception graph of 2015 ({@code resize_bilinear}
 * without aligned corners or half-pixel centres): output pixel i is at position {@code i · scale}
 * of the input. Positions, weights and sums are in single precision. There is no antialiasing.
 */
final class TensorFlowResize {
  private TensorFlowResize() {}

  /** The position of an output row or column between two of the input. */
  private record Place(int lower, int upper, float weight) {
    static Place[] all(int in, int out) {
      float scale = in / (float) out;
      Place[] places = new Place[out];
      for (int i = 0; i < out; i++) {
        float at = i * scale;
        int lower = (int) Math.floor(at);
        places[i] = new Place(lower, Math.min(lower + 1, in - 1), at - lower);
      }
      return places;
    }
  }

  /**
   * Resizes a picture.
   *
   * @param in {@code [height, width, channels]}, 0 to 255
   * @param height rows
   * @param width columns
   * @param channels channels of a pixel
   * @param side rows and columns of the result
   * @param out receives {@code [side, side, channels]}, 0 to 255
   * @param offset first index in {@code out}
   */
  static void bilinear(
      byte[] in, int height, int width, int channels, int side, float[] out, int offset) {
    Place[] rows = Place.all(height, side);
    Place[] columns = Place.all(width, side);
    int to = offset;
    for (Place row : rows) {
      for (Place column : columns) {
        for (int c = 0; c < channels; c++) {
          float topLeft = at(in, (row.lower * width + column.lower) * channels + c);
          float topRight = at(in, (row.lower * width + column.upper) * channels + c);
          float bottomLeft = at(in, (row.upper * width + column.lower) * channels + c);
          float bottomRight = at(in, (row.upper * width + column.upper) * channels + c);
          float top = topLeft + (topRight - topLeft) * column.weight;
          float bottom = bottomLeft + (bottomRight - bottomLeft) * column.weight;
          out[to++] = top + (bottom - top) * row.weight;
        }
      }
    }
  }

  private static float at(byte[] in, int index) {
    return in[index] & 0xff;
  }
}
