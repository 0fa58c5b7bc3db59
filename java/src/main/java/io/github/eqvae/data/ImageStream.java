package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.NpyStream;
import io.github.eqvae.io.PassingIoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Images of a file or folder, one after the other and once: of a {@code .npz} with {@code arr_0} as
 * samplers write it, a folder of pictures, or an IDX file. Only one image is in memory, except of
 * an IDX file, which is read whole.
 */
public final class ImageStream {
  /** The array that samplers and ADM's reference batches have. */
  public static final String ARRAY = "arr_0";

  private static final String ARCHIVE = ".npz";

  private ImageStream() {}

  /** Takes images. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Takes the next one.
     *
     * @param image of any size, gray or RGB
     * @throws IOException when what is made of it cannot be written
     */
    void image(Image image) throws IOException;
  }

  /**
   * Whether a path is a {@code .npz}, which may hold statistics in place of images.
   *
   * @param path a file or folder
   * @return by its name
   */
  public static boolean isArchive(Path path) {
    return path.toString().endsWith(ARCHIVE) && !Files.isDirectory(path);
  }

  /**
   * Shows all images to a visitor, in the order of the array or of the files' names.
   *
   * @param path a {@code .npz}, a folder of pictures, or an IDX file
   * @param onSkip told name and cause of each file of a folder that is left out: broken ones, and
   *     those that have a picture's name and are none
   * @param visitor takes the images
   * @return whether there are images: false for a {@code .npz} without {@code arr_0}
   * @throws IOException when something cannot be read; the message says what
   */
  public static boolean visit(Path path, BiConsumer<String, String> onSkip, Visitor visitor)
      throws IOException {
    if (isArchive(path)) {
      Optional<NpyStream> array = NpyStream.open(path, ARRAY);
      if (array.isPresent()) {
        try (NpyStream images = array.get()) {
          visit(path, images, visitor);
        }
      }
      return array.isPresent();
    }
    if (Files.isDirectory(path)) {
      visit(ImageFolder.open(path, DecodeOptions.DEFAULT, onSkip), visitor);
      return true;
    }
    ImageDataset all = IdxDataset.open(path);
    for (int i = 0; i < all.size(); i++) {
      visitor.image(all.load(i));
    }
    return true;
  }

  private static void visit(ImageFolder all, Visitor visitor) throws IOException {
    for (int i = 0; i < all.size(); i++) {
      Image image;
      try {
        image = all.load(i);
      } catch (PassingIoException e) {
        throw e; // not broken: without it the figures would be those of other images
      } catch (IOException e) {
        continue; // the folder has named it
      }
      visitor.image(image);
    }
  }

  private static void visit(Path path, NpyStream images, Visitor visitor) throws IOException {
    long[] s = images.shape();
    boolean fits = s.length == 4 && images.descr().equals("|u1") && (s[3] == 1 || s[3] == 3);
    // An image is one Java array; the dimensions are compared one by one, so nothing overflows.
    if (!fits || s[1] < 1 || s[2] < 1 || s[1] > Short.MAX_VALUE || s[2] > Short.MAX_VALUE / 2) {
      throw new IOException(
          "%s: %s must be images, uint8 [N, H, W, C] with 1 or 3 channels, and is '%s' %s"
              .formatted(path, ARRAY, images.descr(), Arrays.toString(s)));
    }
    int each = (int) (s[1] * s[2] * s[3]);
    for (long i = 0; i < s[0]; i++) {
      visitor.image(new Image((int) s[2], (int) s[1], (int) s[3], images.next(each)));
    }
  }
}
