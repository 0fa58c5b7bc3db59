package io.github.eqvae.data;

import io.github.eqvae.io.Image;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The pictures of an IDX file (MNIST, Fashion-MNIST, EMNIST), with the labels of the file beside
 * it: for {@code t10k-images-idx3-ubyte.gz} those in {@code t10k-labels-idx1-ubyte.gz}.
 *
 * @param name the file's name
 * @param bytes the file's size
 * @param pictures its pictures
 */
record IdxPictures(String name, long bytes, IdxDataset pictures) implements SampleSource {
  /** Whether a file has such a name. */
  static boolean isName(Path file) {
    return IdxDataset.isImages(file);
  }

  static IdxPictures open(Path file) throws IOException {
    Optional<Path> labels = IdxDataset.labelsBeside(file);
    return new IdxPictures(
        String.valueOf(file.getFileName()),
        Files.size(file),
        labels.isPresent() ? IdxDataset.open(file, labels.get()) : IdxDataset.open(file));
  }

  @Override
  public void visit(long from, Visitor visitor) throws IOException {
    Sample.visit(pictures, IdxPictures::name, from, visitor);
  }

  private static String name(int index) {
    return String.format(Locale.ROOT, "%08d", index);
  }

  @Override
  public ImageDataset dataset() {
    return new ImageDataset() {
      @Override
      public int size() {
        return pictures.size();
      }

      @Override
      public Image load(int index) throws IOException {
        return pictures.load(index);
      }

      @Override
      public String name(int index) {
        return IdxPictures.name(index);
      }
    };
  }

  @Override
  public long size() {
    return pictures.size();
  }

  @Override
  public long unread() {
    return 0;
  }

  @Override
  public List<String> classes() {
    return List.of();
  }

  @Override
  public boolean isLabelled() {
    return pictures.label(0).isPresent();
  }

  @Override
  public long unlabelled() {
    return isLabelled() ? 0 : size();
  }

  @Override
  public void inventory(Consumer<String> line) {
    line.accept(name + " " + bytes);
  }
}
