package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageException;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.PixelRows;
import io.github.eqvae.io.TarFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * The pictures below a folder, in the order of their relative paths (compared by code unit, {@code
 * /} between names, so the same on every machine). What a file is, its content says; files and
 * folders whose names begin with a dot are left out, links are followed. A broken file is named
 * once, when it is met first, and counted. Names are those of {@link FileNames}.
 */
public final class ImageFolder implements ImageDataset {
  /** Why archives are left out: they are named, and are no broken pictures. */
  private static final String ARCHIVE =
      "an archive beside pictures is not looked into; to read it, name it itself or a folder"
          + " with archives only";

  /**
   * Whether a cause is that a file is an archive, not a picture.
   *
   * @param cause why a file was left out
   * @return true for archives of any kind
   */
  public static boolean isArchive(String cause) {
    return cause.equals(ARCHIVE) || TarFile.isRefusal(cause);
  }

  private final FolderListing listing;
  private final List<String> classes;
  private final DecodeOptions options;
  private final BiConsumer<String, String> onSkip;
  private final Map<String, String> skipped = new ConcurrentHashMap<>();

  private ImageFolder(
      FolderListing listing, DecodeOptions options, BiConsumer<String, String> onSkip) {
    this.listing = listing;
    this.classes =
        Arrays.stream(listing.names()).anyMatch(n -> n.contains("/"))
            ? listing.folders()
            : List.of();
    this.options = options;
    this.onSkip = onSkip;
  }

  /**
   * Lists a folder with the default options; who wants to know of broken files asks {@link
   * #skipped}.
   *
   * @param root the folder
   * @return the data set
   * @throws IOException if the folder cannot be read or has no picture in it
   */
  public static ImageFolder open(Path root) throws IOException {
    return open(root, DecodeOptions.DEFAULT, (name, cause) -> {});
  }

  /**
   * Lists a folder. Looks at the first bytes of every file, decodes none. A picture's own path
   * stands for a folder with nothing else in it.
   *
   * @param place the folder, or one picture
   * @param options how pictures are decoded
   * @param onSkip told the name and the cause of each broken file, once each, from any thread: a
   *     file with a picture's extension that is none and a file that cannot be read at once, a file
   *     that cannot be decoded when it is loaded; also archives, which are not looked into
   * @return the data set
   * @throws IOException if the folder cannot be read or has no picture in it
   */
  public static ImageFolder open(
      Path place, DecodeOptions options, BiConsumer<String, String> onSkip) throws IOException {
    return open(FolderListing.of(place), options, onSkip);
  }

  static ImageFolder open(
      FolderListing listing, DecodeOptions options, BiConsumer<String, String> onSkip)
      throws IOException {
    if (listing.names().length == 0) {
      throw new IOException(
          listing.root()
              + ": no "
              + ImageFormat.READ
              + " file in it"
              + listing.skipped()
              + (listing.archives().isEmpty() ? "" : "; tar archives are read by `eqvae encode`"));
    }
    ImageFolder folder = new ImageFolder(listing, options, onSkip);
    listing.refused().forEach(folder::skip);
    List<String> archives = listing.archives();
    if (!archives.isEmpty()) {
      String others = archives.size() == 1 ? "" : " and " + (archives.size() - 1) + " more";
      folder.skip(archives.getFirst() + others, ARCHIVE);
    }
    return folder;
  }

  private void skip(String name, String cause) {
    if (skipped.putIfAbsent(name, cause) == null) {
      onSkip.accept(name, cause);
    }
  }

  /**
   * The broken files met so far.
   *
   * @return relative name to cause, in the order of the names
   */
  public Map<String, String> skipped() {
    return new TreeMap<>(skipped);
  }

  @Override
  public int size() {
    return listing.names().length;
  }

  @Override
  public Image load(int index) throws IOException {
    return load(index, PixelRows::whole);
  }

  @Override
  public Image load(int index, Function<PixelRows, Image> cut) throws IOException {
    String name = listing.names()[index];
    String known = skipped.get(name);
    if (known != null) {
      throw new ImageException(name, known);
    }
    Path file = file(index);
    try {
      return Images.read(file, options, cut);
    } catch (PassingIoException e) {
      throw e; // the picture is not broken
    } catch (IOException e) {
      String cause = e.getMessage() == null ? e.toString() : e.getMessage();
      // The name is in the message already, with the folder; once is enough.
      String prefix = file + ": ";
      skip(name, cause.startsWith(prefix) ? cause.substring(prefix.length()) : cause);
      throw e;
    }
  }

  /** Where a picture lies. */
  Path file(int index) {
    return FileNames.resolve(listing.root(), listing.names()[index]);
  }

  /** Bytes of a picture when the folder was listed. */
  long bytes(int index) {
    return listing.sizes()[index];
  }

  @Override
  public String name(int index) {
    return listing.names()[index];
  }

  /**
   * The classes, as torchvision's {@code ImageFolder} numbers them: all folders directly below,
   * also those without pictures, in the order of their names (by code point, as Python sorts).
   *
   * @return label to name; empty if no picture lies in such a folder
   */
  public List<String> classes() {
    return classes;
  }

  @Override
  public OptionalInt label(int index) {
    String name = listing.names()[index];
    int slash = name.indexOf('/');
    if (slash < 0 || classes.isEmpty()) {
      return OptionalInt.empty();
    }
    String folder = name.substring(0, slash);
    return OptionalInt.of(Collections.binarySearch(classes, folder, FolderListing::byCodePoint));
  }
}
