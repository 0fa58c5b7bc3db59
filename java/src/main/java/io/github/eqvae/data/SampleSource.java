package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.TarFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Pictures in an order of their own, each seen once: a folder of pictures, tar archives of
 * WebDataset ({@code key.jpg}, beside it {@code key.cls} with the label), or an IDX file.
 */
public interface SampleSource {
  /** Receives pictures. */
  @FunctionalInterface
  interface Visitor {
    /**
     * Takes a picture.
     *
     * @param sample the picture
     * @throws IOException to end the pass
     */
    void visit(Sample sample) throws IOException;
  }

  /**
   * Passes all pictures, those before {@code from} left out.
   *
   * @param from number of the first picture wanted
   * @param visitor receives them in order, on this thread
   * @throws IOException if the source cannot be read
   */
  void visit(long from, Visitor visitor) throws IOException;

  /**
   * How many pictures there are, broken ones included.
   *
   * @return at least 1
   */
  long size();

  /**
   * Why a sample has no label although there is something like one.
   *
   * @return of the first such sample: its name and the reason; empty if there is none
   */
  default Optional<String> labelProblem() {
    return Optional.empty();
  }

  /**
   * How many of them are of formats that are not read, such as GIF. Files of a folder that are such
   * pictures do not count as pictures of it; they are named when it is opened.
   *
   * @return at most {@link #size}
   */
  long unread();

  /**
   * The names of the classes.
   *
   * @return label to name; empty if there are none, or only numbers
   */
  List<String> classes();

  /**
   * Whether pictures have labels. One that has none is then an exception among them.
   *
   * @return true if any has
   */
  boolean isLabelled();

  /**
   * How many pictures have no label.
   *
   * @return all of them where none has one
   */
  long unlabelled();

  /**
   * What the source consists of: the same list means the same pictures under the same numbers.
   *
   * @param line receives names of pictures, or names and sizes of archives
   */
  void inventory(Consumer<String> line);

  /**
   * Opens a folder of pictures, a picture, a tar archive, a folder with tar archives, or an IDX
   * file. Archives that lie beside pictures are not read, and named.
   *
   * @param path the folder or file
   * @param options how pictures are decoded
   * @param onSkip told name and cause of each file that is no picture in spite of its name, or
   *     turns out to be broken; from any thread
   * @return the pictures
   * @throws IOException if there are none
   */
  static SampleSource open(Path path, DecodeOptions options, BiConsumer<String, String> onSkip)
      throws IOException {
    if (Files.isRegularFile(path) && IdxPictures.isName(path)) {
      return IdxPictures.open(path);
    }
    if (Files.isRegularFile(path) && TarFile.isArchiveName(path)) {
      return WebDataset.open(path, List.of(path), options, onSkip);
    }
    FolderListing listing = FolderListing.of(path);
    if (listing.names().length == 0 && !listing.archives().isEmpty()) {
      List<Path> archives =
          listing.archives().stream().map(name -> FileNames.resolve(path, name)).toList();
      listing.refused().forEach(onSkip); // archives of other kinds, pictures that are none
      return WebDataset.open(path, archives, options, onSkip);
    }
    return new Folder(ImageFolder.open(listing, options, onSkip));
  }

  /**
   * A folder of pictures; the folders in it are the classes.
   *
   * @param pictures the folder
   */
  record Folder(ImageFolder pictures) implements SampleSource {
    @Override
    public void visit(long from, Visitor visitor) throws IOException {
      Sample.visit(pictures, pictures::name, from, visitor);
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
      return pictures.classes();
    }

    @Override
    public boolean isLabelled() {
      return !pictures.classes().isEmpty();
    }

    @Override
    public long unlabelled() {
      return IntStream.range(0, pictures.size()).filter(i -> pictures.label(i).isEmpty()).count();
    }

    @Override
    public void inventory(Consumer<String> line) {
      for (int i = 0; i < pictures.size(); i++) {
        line.accept(pictures.name(i));
      }
    }
  }
}
