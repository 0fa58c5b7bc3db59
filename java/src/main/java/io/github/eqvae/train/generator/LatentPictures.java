package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Decoded;
import io.github.eqvae.data.ImageDataset;
import io.github.eqvae.data.PictureSquare;
import io.github.eqvae.data.SampleSource;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.latents.EncodedPictures;
import io.github.eqvae.latents.LatentFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The pictures that latents were made of, as the encoder saw them: cut to squares in the same way.
 * A latent and its picture have the same name.
 */
final class LatentPictures implements AutoCloseable {
  private static final int MISSING = -1;

  private final Path path;
  private final ImageDataset pictures;
  private final PictureSquare square;
  private final int[] numbers; // the picture of each latent
  private final ExecutorService decoders =
      Executors.newFixedThreadPool(
          Runtime.getRuntime().availableProcessors(),
          Thread.ofPlatform().daemon().name("features-", 0).factory());

  private LatentPictures(Path path, ImageDataset pictures, PictureSquare square, int[] numbers) {
    this.path = path;
    this.pictures = pictures;
    this.square = square;
    this.numbers = numbers;
  }

  /**
   * Finds the pictures of latents.
   *
   * @param latents the folder of latents
   * @param folder the same, open
   * @param asked where the pictures are; empty for the place that the index names
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they are not there, or others
   */
  static LatentPictures open(Path latents, LatentFolder folder, Optional<Path> asked)
      throws IOException {
    EncodedPictures encoded = EncodedPictures.read(latents);
    Path path = asked.or(encoded::path).orElseThrow(() -> unknown(latents));
    if (!Files.exists(path)) {
      throw new EqvaeException.Argument(
          asked.isPresent()
              ? "alignment.images: there is no file or folder " + path
              : "the pictures of %s were in %s, which is not there: say with alignment.images where they are now"
                  .formatted(latents, path));
    }
    PictureSquare square = encoded.square();
    // pictures that cannot be read have no latents
    SampleSource source = SampleSource.open(path, square.decode(), (name, cause) -> {});
    ImageDataset pictures = source.dataset();
    int[] numbers = numbers(folder, pictures);
    if (!source.sha256().equals(encoded.sha256()) || lacking(numbers).isPresent()) {
      throw new EqvaeException.Argument(
          "%s has other pictures than those that %s was made of: %s. Say with alignment.images where those are, or encode these"
              .formatted(path, latents, difference(folder, pictures, numbers)));
    }
    return new LatentPictures(path, pictures, square, numbers);
  }

  private static EqvaeException.Argument unknown(Path latents) {
    return new EqvaeException.Argument(
        latents
            + ": its index.json does not say where the pictures are; name them with"
            + " alignment.images");
  }

  /** Both are in the order of the source, in which some pictures may have no latent. */
  private static int[] numbers(LatentFolder folder, ImageDataset pictures) {
    int[] numbers = new int[folder.size()];
    int next = 0;
    for (int i = 0; i < numbers.length; i++) {
      String name = folder.name(i);
      while (next < pictures.size() && !pictures.name(next).equals(name)) {
        next++;
      }
      numbers[i] = next < pictures.size() ? next++ : MISSING;
    }
    return numbers;
  }

  private static Optional<Integer> lacking(int[] numbers) {
    for (int i = 0; i < numbers.length; i++) {
      if (numbers[i] == MISSING) {
        return Optional.of(i);
      }
    }
    return Optional.empty();
  }

  private static String difference(LatentFolder folder, ImageDataset pictures, int[] numbers) {
    String counts =
        "it has %s, the folder %s"
            .formatted(Counts.of(pictures.size(), "picture"), Counts.of(folder.size(), "latent"));
    return lacking(numbers)
        .map(i -> counts + "; the first without a picture is " + FileNames.shown(folder.name(i)))
        .orElse(
            counts + "; pictures were added, removed or renamed, or archives have another size");
  }

  /** Where they are. */
  Path path() {
    return path;
  }

  /** The side of the squares. */
  int side() {
    return square.size();
  }

  /**
   * Decodes pictures, by several threads.
   *
   * @param images numbers of latents
   * @param mirrored which of them are mirrored
   * @return their squares
   * @throws IOException when one cannot be read
   */
  List<Image> squares(int[] images, boolean[] mirrored) throws IOException {
    List<Future<Image>> decoding = new ArrayList<>();
    for (int image : images) {
      int number = numbers[image];
      decoding.add(
          decoders.submit(
              () -> pictures.load(number, rows -> square.of(rows, pictures.name(number)))));
    }
    List<Image> squares = new ArrayList<>();
    for (int i = 0; i < images.length; i++) {
      Image whole = Decoded.get(pictures.name(numbers[images[i]]), decoding.get(i));
      squares.add(mirrored[i] ? whole.flipHorizontal() : whole);
    }
    return squares;
  }

  @Override
  public void close() {
    decoders.close();
  }
}
