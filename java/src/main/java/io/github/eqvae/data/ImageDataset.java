package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;
import java.io.IOException;
import java.util.OptionalInt;
import java.util.function.Function;

/** Pictures by number. Implementations may be used by several threads at once. */
public interface ImageDataset {
  /**
   * The number of pictures, broken ones included: an index always stands for the same picture.
   *
   * @return at least 1
   */
  int size();

  /**
   * Decodes a picture.
   *
   * @param index 0 until {@link #size}
   * @return the picture
   * @throws io.github.eqvae.io.PassingIoException if it cannot be read at present
   * @throws IOException if it is broken; the message names it and the cause
   */
  Image load(int index) throws IOException;

  /**
   * Decodes a picture and cuts it, so that pictures that do not fit into memory can be cut, too.
   *
   * @param index 0 until {@link #size}
   * @param cut cuts the wanted part
   * @return the result of {@code cut}
   * @throws IOException as {@link #load(int)}
   */
  default Image load(int index, Function<PixelRows, Image> cut) throws IOException {
    return cut.apply(load(index));
  }

  /**
   * The name of a picture.
   *
   * @param index 0 until {@link #size}
   * @return a file's name relative to the folder, or a number
   */
  String name(int index);

  /**
   * The class of a picture.
   *
   * @param index 0 until {@link #size}
   * @return its label, if the data set has labels
   */
  default OptionalInt label(int index) {
    return OptionalInt.empty();
  }

  /**
   * Some of the pictures.
   *
   * @param indices the pictures, in their new order
   * @return a view on this data set
   * @throws EqvaeException.Argument if there are none, or one is out of range
   */
  default ImageDataset subset(int[] indices) {
    return new Subset(this, indices);
  }
}
