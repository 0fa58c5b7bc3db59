package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageFolder;
import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.Image;
import java.io.IOException;

/**
 * The squares that are cut from the pictures of a folder.
 *
 * @param transform cuts them
 * @param side pixels
 */
record Squares(Transform transform, int side) {
  /**
   * The square of a picture.
   *
   * @param pictures the folder
   * @param index the picture's number
   * @throws IOException if the picture cannot be read
   * @throws EqvaeException.Argument if the crop leaves it larger or smaller
   */
  Image load(ImageFolder pictures, int index) throws IOException {
    Image out = pictures.load(index, rows -> transform.cut(rows, new SampleRandom(0, 0, 0)));
    if (out.width() != side || out.height() != side) {
      throw new EqvaeException.Argument(
          "%s is %d×%d, expected %d×%d; crop it with --crop adm, torchvision or center"
              .formatted(pictures.name(index), out.width(), out.height(), side, side));
    }
    return out;
  }
}
