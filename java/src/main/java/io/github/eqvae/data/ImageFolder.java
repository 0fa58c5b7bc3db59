package io.github.eqvae.data;

import io.github.eqvae.Invocation;
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
 * /} between names, so the same on every machine). Pictures are recognised by their content; files
 * and folders whose names begin with a dot are left out; links are followed. A broken file is
 * reported once, when it is found, and counted. Names have the form of {@link FileNames}.
 */
public final class ImageFolder implements ImageDataset {
  /** Why archives are left out. They are reported, but do not count as broken pictures. */
  private static final String ARCHIVE =
      "an archive beside pictures is not read; to read it, give its own path or a folder that has"
          + " only archives";

  /** Why a text beside the samples of an archive, such as a README, is left out. */
  static final String TEXT = "neither a picture nor a label belongs to it";

  /**
   * Whether a file was left out because it is an archive, or a text in one, and not a picture.
   *
   * @param cause why a file was left out
   * @return true for archives of any kind, and for texts beside the samples of an archive
   */
  public static boolean isArchive(String cause) {
    return cause.equals(ARCHIVE) || cause.equals(TEXT) || TarFile.isRefusal(cause);
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
   * Lists a folder with the default options; {@link #skipped} has the broken files.
   *
   * @param root the folder
   * @return the data set
   * @throws IOException if the folder cannot be read or has no picture in it
   */
  public static ImageFolder open(Path root) throws IOException {
    return open(root, DecodeOptions.DEFAULT, (name, cause) -> {});
  }

  /**
   * Lists a folder. Reads the first bytes of every file and decodes none. The path of a picture is
   * a folder with this picture only.
   *
   * @param place the folder, or one picture
   * @param options how pictures are decoded
   * @param onSkip receives the name and the cause of each file that is left out, once each, from
   *     any thread: at once for a file that cannot be read, one with a picture's extension that is
   *     not a picture, and archives; when it is loaded for a file that cannot be decoded
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
              + (listing.archives().isEmpty()
                  ? ""
                  : "; tar archives are read by " + Invocation.shown("encode")));
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
   * The broken files found so far.
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
      // the message already has the path; the name is enough
      String prefix = file + ": ";
      skip(name, cause.startsWith(prefix) ? cause.substring(prefix.length()) : cause);
      throw e;
    }
  }

  /** The path of a picture. */
  Path file(int index) {
    return FileNames.resolve(listing.root(), listing.names()[index]);
  }

  /** The size of a picture in bytes when the folder was listed. */
  long bytes(int index) {
    return listing.sizes()[index];
  }

  @Override
  public String name(int index) {
    return listing.names()[index];
  }

  /**
   * The classes as torchvision's {@code ImageFolder} numbers them: all folders directly below, also
   * those without pictures, in the order of their names (by code point, as Python sorts).
   *
   * @return names by label; empty if no picture is in such a folder
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
