package io.github.eqvae.io;

/**
 * How the elements of an array lie in a file of NumPy, where that is not how {@link NpyArray} keeps
 * them: arrays of big-endian machines or of HDF5, and arrays that were transposed before they were
 * saved.
 *
 * @param swapped whether the highest byte of a number is first
 * @param fortran whether the first index runs fastest
 */
record NpyOrder(boolean swapped, boolean fortran) {

  /** Whether the elements lie as {@link NpyArray} keeps them. */
  boolean isPlain() {
    return !swapped && !fortran;
  }

  /**
   * Brings elements into little-endian C order.
   *
   * @param data the elements as in the file; may be changed
   * @param unit bytes of one number or character
   * @param width bytes of an element
   * @param shape the dimensions, outermost first
   * @return the same elements, where {@code data} was if nothing had to be moved
   */
  byte[] toPlain(byte[] data, int unit, int width, long[] shape) {
    if (swapped) {
      reverse(data, unit);
    }
    return fortran ? transposed(data, width, shape) : data;
  }

  private static void reverse(byte[] data, int unit) {
    for (int start = 0; start < data.length; start += unit) {
      for (int low = start, high = start + unit - 1; low < high; low++, high--) {
        byte b = data[low];
        data[low] = data[high];
        data[high] = b;
      }
    }
  }

  private static byte[] transposed(byte[] data, int width, long[] shape) {
    byte[] out = new byte[data.length];
    int rank = shape.length;
    long[] strides = new long[rank]; // of the file, in bytes
    long stride = width;
    for (int d = 0; d < rank; d++) {
      strides[d] = stride;
      stride *= shape[d];
    }
    long[] index = new long[rank];
    long from = 0;
    for (int to = 0; to < out.length; to += width) {
      System.arraycopy(data, (int) from, out, to, width);
      for (int d = rank - 1; d >= 0; d--) { // the last index runs fastest
        from += strides[d];
        if (++index[d] < shape[d]) {
          break;
        }
        from -= strides[d] * shape[d];
        index[d] = 0;
      }
    }
    return out;
  }
}
