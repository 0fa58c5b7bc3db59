package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;

/**
 * How pictures become squares of one size.
 *
 * @param size side of the squares
 * @param crop how a decoded picture becomes a square
 * @param decode how pictures are decoded
 */
public record PictureSquare(int size, Crop crop, DecodeOptions decode) {
  /**
   * Cuts a picture.
   *
   * @param picture the decoded picture
   * @param name its name, for the message
   * @return the square
   * @throws EqvaeException.Argument if the crop leaves another size
   */
  public Image of(PixelRows picture, String name) {
    Image out = crop.to(size).cut(picture, new SampleRandom(0, 0, 0));
    if (out.width() != size || out.height() != size) {
      throw new EqvaeException.Argument(
          "%s is %d×%d, expected %d×%d; crop it with --crop adm, torchvision or center"
              .formatted(name, out.width(), out.height(), size, size));
    }
    return out;
  }
}
