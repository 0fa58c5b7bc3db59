package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileHash;
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
import java.util.stream.Stream;

/**
 * Pictures in the order of their source, each visited once: a folder of pictures, tar archives of
 * WebDataset ({@code key.jpg}, and {@code key.cls} with its label), or an IDX file.
 */
public interface SampleSource {
  /** Receives pictures. */
  @FunctionalInterface
  interface Visitor {
    /**
     * Receives a picture.
     *
     * @param sample the picture
     * @throws IOException to end the pass
     */
    void visit(Sample sample) throws IOException;
  }

  /**
   * Passes all pictures from number {@code from} on to a visitor.
   *
   * @param from number of the first picture
   * @param visitor receives them in order, on this thread
   * @throws IOException if the source cannot be read
   */
  void visit(long from, Visitor visitor) throws IOException;

  /**
   * The number of pictures, broken ones included.
   *
   * @return at least 1
   */
  long size();

  /**
   * Why a sample has no label although a label was found for it.
   *
   * @return the reason of the first such sample; empty if there is none
   */
  default Optional<String> labelProblem() {
    return Optional.empty();
  }

  /**
   * The number of pictures in formats that cannot be read, such as GIF. A folder does not count
   * such files as pictures; they are reported when it is opened.
   *
   * @return at most {@link #size}
   */
  long unread();

  /**
   * The names of the classes.
   *
   * @return names by label; empty if classes have no names
   */
  List<String> classes();

  /**
   * Whether any picture has a label.
   *
   * @return true if at least one has
   */
  boolean isLabelled();

  /**
   * Why no picture has a label, for a message.
   *
   * @return the reason, if {@link #isLabelled} is false
   */
  default String unlabelledReason() {
    return "there is no file of labels beside it";
  }

  /**
   * The number of pictures without a label.
   *
   * @return the count; all if the source has no labels
   */
  long unlabelled();

  /**
   * Lists the source's content: if two lists are equal, each number stands for the same picture in
   * both.
   *
   * @param line receives names of pictures, or names and sizes of archives
   */
  void inventory(Consumer<String> line);

  /**
   * The hash of the {@link #inventory}.
   *
   * @return SHA-256 of its lines
   */
  default String sha256() {
    return FileHash.ofLines(
        Stream.of(this).<String>mapMulti(SampleSource::inventory).map(FileNames::shown));
  }

  /**
   * The same pictures in any order, with the same numbers and names.
   *
   * @return the pictures
   * @throws IOException if the source cannot be read
   * @throws io.github.eqvae.EqvaeException.Argument if it can only be read in its own order
   */
  ImageDataset dataset() throws IOException;

  /**
   * Opens a folder of pictures, a picture, a tar archive, a folder with tar archives, or an IDX
   * file. Archives beside pictures are reported and not read.
   *
   * @param path the folder or file
   * @param options how pictures are decoded
   * @param onSkip receives name and cause of each file that is broken, or has a picture's name but
   *     is not one; from any thread
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
      listing
          .refused()
          .forEach(onSkip); // other kinds of archives, and files that only have a picture's name
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
    public ImageDataset dataset() {
      return pictures;
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
    public String unlabelledReason() {
      return "the pictures lie in no folders, which would be their classes";
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
