package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageException;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Images;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/**
 * The pictures below a folder, in the order of their relative paths (compared by code unit, {@code
 * /} between names, so the same on every machine). What a file is, its content says; files and
 * folders whose names begin with a dot are left out, links are followed. A broken file is named
 * once, when it is met first, and counted.
 */
public final class ImageFolder implements ImageDataset {
  private final Path root;
  private final List<String> names;
  private final List<String> classes;
  private final DecodeOptions options;
  private final BiConsumer<String, String> onSkip;
  private final Map<String, String> skipped = new ConcurrentHashMap<>();

  private ImageFolder(
      Path root, List<String> names, DecodeOptions options, BiConsumer<String, String> onSkip) {
    this.root = root;
    this.names = names;
    this.classes = names.stream().map(ImageFolder::top).distinct().sorted().toList();
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
   *     that cannot be decoded when it is loaded
   * @return the data set
   * @throws IOException if the folder cannot be read or has no picture in it
   */
  public static ImageFolder open(
      Path place, DecodeOptions options, BiConsumer<String, String> onSkip) throws IOException {
    boolean single = Files.isRegularFile(place);
    if (!single && !Files.isDirectory(place)) {
      throw new IOException("There is no folder or picture " + place);
    }
    Path root = single ? place.toAbsolutePath().getParent() : place;
    List<String> names = new ArrayList<>();
    Map<String, String> refused = new TreeMap<>();
    Files.walkFileTree(
        single ? place.toAbsolutePath() : place,
        EnumSet.of(FileVisitOption.FOLLOW_LINKS),
        Integer.MAX_VALUE,
        new Lister(root, names, refused));
    names.sort(null);
    if (names.isEmpty()) {
      throw new IOException(
          place
              + (single ? ": not a " : ": no ")
              + ImageFormat.READ
              + (single ? " file" : " file in it")
              + (refused.isEmpty() ? "" : "; skipped " + refused));
    }
    ImageFolder folder = new ImageFolder(root, List.copyOf(names), options, onSkip);
    refused.forEach(folder::skip);
    return folder;
  }

  /** Sorts files into pictures, refused and others. */
  private static final class Lister extends SimpleFileVisitor<Path> {
    private final Path root;
    private final List<String> names;
    private final Map<String, String> refused;

    Lister(Path root, List<String> names, Map<String, String> refused) {
      this.root = root;
      this.names = names;
      this.refused = refused;
    }

    private String name(Path file) {
      return root.relativize(file).toString().replace(root.getFileSystem().getSeparator(), "/");
    }

    private boolean hidden(Path file) {
      return !file.equals(root) && file.getFileName().toString().startsWith(".");
    }

    @Override
    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
      return hidden(directory) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      if (hidden(file) || !attributes.isRegularFile()) {
        return FileVisitResult.CONTINUE;
      }
      String name = name(file);
      try (InputStream input = Files.newInputStream(file)) {
        byte[] start = input.readNBytes(ImageFormat.SIGNATURE_BYTES);
        if (ImageFormat.of(start).isPresent()) {
          names.add(name);
        } else {
          ImageFormat.refusal(name, start).ifPresent(why -> refused.put(name, why));
        }
      } catch (IOException e) {
        refused.put(name, "cannot be read: " + e);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (file.equals(root)) {
        throw e;
      }
      refused.put(name(file), "cannot be read: " + e);
      return FileVisitResult.CONTINUE;
    }
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
    return names.size();
  }

  @Override
  public Image load(int index) throws IOException {
    String name = names.get(index);
    String known = skipped.get(name);
    if (known != null) {
      throw new ImageException(name, known);
    }
    try {
      return Images.read(root.resolve(name), options);
    } catch (IOException e) {
      String cause = e.getMessage() == null ? e.toString() : e.getMessage();
      // The name is in the message already, with the folder; once is enough.
      String prefix = root.resolve(name) + ": ";
      skip(name, cause.startsWith(prefix) ? cause.substring(prefix.length()) : cause);
      throw e;
    }
  }

  @Override
  public String name(int index) {
    return names.get(index);
  }

  private static String top(String name) {
    return name.contains("/") ? name.substring(0, name.indexOf('/')) : "";
  }

  /**
   * The classes, as torchvision's {@code ImageFolder} has them: the folders that pictures are in,
   * in the order of their names.
   *
   * @return label to name; empty if a picture lies in no folder below this one
   */
  public List<String> classes() {
    return classes.contains("") ? List.of() : classes;
  }

  @Override
  public OptionalInt label(int index) {
    return classes().isEmpty()
        ? OptionalInt.empty()
        : OptionalInt.of(Collections.binarySearch(classes, top(names.get(index))));
  }
}
