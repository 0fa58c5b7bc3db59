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
 * One pass over the images of a file or folder: a {@code .npz} with {@code arr_0} as samplers write
 * it, a folder of pictures, or an IDX file. Only one image is in memory at a time, but an IDX file
 * is read whole.
 */
public final class ImageStream {
  /** The name of the images' array in files of samplers and in ADM's reference batches. */
  public static final String ARRAY = "arr_0";

  private static final String ARCHIVE = ".npz";

  private ImageStream() {}

  /** Receives images. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Receives the next image.
     *
     * @param image of any size, gray or RGB
     * @throws IOException when the visitor cannot write its result
     */
    void image(Image image) throws IOException;
  }

  /**
   * Whether a path is a {@code .npz} file, which may also have statistics in place of images.
   *
   * @param path a file or folder
   * @return true by its name
   */
  public static boolean isArchive(Path path) {
    return path.toString().endsWith(ARCHIVE) && !Files.isDirectory(path);
  }

  /**
   * Passes all images to a visitor, in the order of the array or of the files' names.
   *
   * @param path a {@code .npz}, a folder of pictures, or an IDX file
   * @param decode how pictures of a folder are decoded
   * @param onSkip receives name and cause of each file of a folder that is left out: broken ones,
   *     and those that have a picture's name but are not pictures
   * @param visitor receives the images
   * @return false for a {@code .npz} without {@code arr_0}
   * @throws IOException when something cannot be read; the message says what
   */
  public static boolean visit(
      Path path, DecodeOptions decode, BiConsumer<String, String> onSkip, Visitor visitor)
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
      visit(ImageFolder.open(path, decode, onSkip), visitor);
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
        throw e; // it is not broken; without it the metrics would be of other images
      } catch (IOException e) {
        continue; // the folder has reported it
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
          "%s: %s must be images, uint8 [N, H, W, C] with 1 or 3 channels, but is '%s' %s"
              .formatted(path, ARRAY, images.descr(), Arrays.toString(s)));
    }
    int each = (int) (s[1] * s[2] * s[3]);
    for (long i = 0; i < s[0]; i++) {
      visitor.image(new Image((int) s[2], (int) s[1], (int) s[3], images.next(each)));
    }
  }
}
