package io.github.eqvae.data;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.PassingIoException;
import io.github.eqvae.io.Retrying;
import io.github.eqvae.io.TarFile;
import io.github.eqvae.io.WriteFailure;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The files below a folder: pictures (recognised by their content), archives (by their name), and
 * files that have a picture's name but are not pictures. Only the name and the size of a picture
 * are stored, so that a folder may have millions. Files and folders whose names begin with a dot
 * are left out and counted; links are followed.
 *
 * @param root the folder
 * @param names the pictures' relative names, in order (compared by code unit, {@code /} between
 *     folders: the same on every machine)
 * @param sizes the pictures' bytes
 * @param folders the folders directly below, also those without pictures
 * @param archives relative names of tar archives
 * @param refused relative names of the files that are left out, to the cause
 */
record FolderListing(
    Path root,
    String[] names,
    long[] sizes,
    List<String> folders,
    List<String> archives,
    Map<String, String> refused) {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** Lists a folder; the path of a picture is a folder with this picture only. */
  static FolderListing of(Path place) throws IOException {
    boolean single = isFile(place);
    Path root = single ? place.toAbsolutePath().getParent() : place;
    Path start = single ? place.toAbsolutePath() : place;
    Lister lister = new Lister(root, start);
    Files.walkFileTree(start, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, lister);
    lister.hidden.tell(place);
    FolderListing listing = lister.listing(single ? List.of() : lister.folders());
    if (single && listing.names.length == 0) {
      String reason = listing.refused().get(String.valueOf(place.getFileName()));
      throw new IOException(
          reason == null ? place + ": not a " + ImageFormat.READ + " file" : place + " " + reason);
    }
    return listing;
  }

  private static boolean isFile(Path place) throws IOException {
    BasicFileAttributes a;
    try {
      a = Retrying.read(place, () -> Files.readAttributes(place, BasicFileAttributes.class));
    } catch (NoSuchFileException e) {
      throw new IOException("There is no folder or picture " + place, e);
    }
    if (!a.isDirectory() && !a.isRegularFile()) {
      throw new IOException(place + " is neither a folder nor a file");
    }
    return a.isRegularFile();
  }

  /** The refused files as the end of a message. */
  String skipped() {
    return refused.isEmpty() ? "" : "; skipped " + refused;
  }

  /** Sorts files into pictures, archives, refused and others. */
  private static final class Lister extends SimpleFileVisitor<Path> {
    private final Path root;
    private final Path start;
    private final List<String> names = new ArrayList<>();
    private long[] sizes = new long[1024];
    private final TreeSet<String> folders = new TreeSet<>(FolderListing::byCodePoint);
    private final List<String> archives = new ArrayList<>();
    private final Map<String, String> refused = new TreeMap<>();
    private final HiddenFiles hidden = new HiddenFiles();
    private final Set<Path> triedAgain = new HashSet<>();
    private long visited;
    private long told = System.nanoTime();

    Lister(Path root, Path start) {
      this.root = root;
      this.start = start;
    }

    List<String> folders() {
      return List.copyOf(folders);
    }

    FolderListing listing(List<String> classes) {
      Integer[] order = new Integer[names.size()];
      Arrays.setAll(order, i -> i);
      Arrays.sort(order, (a, b) -> names.get(a).compareTo(names.get(b)));
      String[] sorted = new String[order.length];
      long[] bytes = new long[order.length];
      for (int i = 0; i < order.length; i++) {
        sorted[i] = names.get(order[i]);
        bytes[i] = sizes[order[i]];
      }
      archives.sort(null);
      return new FolderListing(root, sorted, bytes, classes, List.copyOf(archives), refused);
    }

    private String name(Path file) {
      return FileNames.of(root.relativize(file));
    }

    private boolean hidden(Path file) {
      return !file.equals(start) && file.getFileName().toString().startsWith(".");
    }

    @Override
    public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
      if (hidden(directory)) {
        hidden.folder(name(directory));
        return FileVisitResult.SKIP_SUBTREE;
      }
      if (root.equals(directory.getParent())) {
        folders.add(name(directory));
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      tell();
      if (hidden(file)) {
        hidden.file(name(file));
        return FileVisitResult.CONTINUE;
      }
      String name = name(file);
      if (!attributes.isRegularFile()) {
        boolean isLink = attributes.isSymbolicLink();
        // a broken link without an extension may have led to the folder of a class
        boolean isFolderName = isLink && file.getFileName().toString().indexOf('.') < 0;
        if (ImageFormat.isPictureName(name) || TarFile.isArchiveName(file) || isFolderName) {
          refused.put(name, isLink ? "is a link to nothing" : "is a pipe or a device, not a file");
        }
        return FileVisitResult.CONTINUE;
      }
      if (TarFile.isArchiveName(file)) {
        archives.add(name);
        return FileVisitResult.CONTINUE;
      }
      try {
        byte[] start = Retrying.read(file, () -> start(file));
        Optional<String> refusal = ImageFormat.refusal(name, start);
        if (refusal.isEmpty() && ImageFormat.of(start).isPresent()) {
          if (names.size() == sizes.length) {
            sizes = Arrays.copyOf(sizes, 2 * sizes.length);
          }
          sizes[names.size()] = attributes.size();
          names.add(name);
        } else {
          refusal.or(() -> TarFile.refusal(start)).ifPresent(why -> refused.put(name, why));
        }
      } catch (PassingIoException e) {
        throw e;
      } catch (IOException e) {
        refused.put(name, reason(e));
      }
      return FileVisitResult.CONTINUE;
    }

    /** What the file system answered, without the name of a Java class. */
    private static String reason(IOException e) {
      if (e instanceof FileSystemLoopException) {
        return "is a link to a folder that it lies in";
      }
      return "cannot be read: "
          + (e instanceof FileSystemException f ? WriteFailure.reason(f) : e.getMessage());
    }

    private static byte[] start(Path file) throws IOException {
      try (InputStream input = Files.newInputStream(file)) {
        return input.readNBytes(ImageFormat.SIGNATURE_BYTES);
      }
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (file.equals(root)) {
        throw e;
      }
      if (PassingIoException.mayPass(e)) {
        again(file, e);
      } else {
        refused.put(name(file), reason(e));
      }
      return FileVisitResult.CONTINUE;
    }

    /** Tries once more after an error that may pass, and lists the file or the folder's content. */
    private void again(Path file, IOException e) throws IOException {
      if (!triedAgain.add(file)) {
        throw new PassingIoException(name(file) + " cannot be read: " + e.getMessage(), e);
      }
      BasicFileAttributes now =
          Retrying.read(file, () -> Files.readAttributes(file, BasicFileAttributes.class));
      if (!now.isDirectory()) {
        visitFile(file, now);
        return;
      }
      Retrying.read(
          file,
          () -> {
            Files.newDirectoryStream(file).close();
            return true;
          });
      Files.walkFileTree(file, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, this);
    }

    private void tell() {
      visited++;
      if (System.nanoTime() - told > PATIENCE.toNanos()) {
        told = System.nanoTime();
        Notices.tell(String.format(Locale.ROOT, "listing %s: %,d files so far", root, visited));
      }
    }
  }

  /** The order of Python's strings, in which torchvision numbers classes. */
  static int byCodePoint(String a, String b) {
    return Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
  }
}
