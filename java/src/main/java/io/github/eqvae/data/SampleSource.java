package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.TarFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * Pictures in an order of their own, each seen once: a folder of pictures, or tar archives of
 * WebDataset ({@code key.jpg}, beside it {@code key.cls} with the label).
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
   * How many pictures there are.
   *
   * @return empty if only a pass would tell
   */
  OptionalLong size();

  /**
   * The names of the classes.
   *
   * @return label to name; empty if there are none, or only numbers
   */
  List<String> classes();

  /**
   * What the source consists of: the same list means the same pictures under the same numbers.
   *
   * @return names of pictures, or names and sizes of archives
   */
  List<String> inventory();

  /**
   * Opens a folder of pictures, a picture, a tar archive, or a folder with tar archives.
   *
   * @param path the folder or file
   * @param onSkip told name and cause of each file in a folder that is no picture in spite of its
   *     name, or turns out to be broken; from any thread
   * @return the pictures
   * @throws IOException if there are none
   */
  static SampleSource open(Path path, BiConsumer<String, String> onSkip) throws IOException {
    List<Path> tars = Tars.in(path);
    return tars.isEmpty()
        ? new Folder(ImageFolder.open(path, DecodeOptions.DEFAULT, onSkip))
        : new Tars(path, tars);
  }

  /**
   * A folder of pictures; the folders in it are the classes.
   *
   * @param pictures the folder
   */
  record Folder(ImageFolder pictures) implements SampleSource {
    @Override
    public void visit(long from, Visitor visitor) throws IOException {
      for (int i = Math.toIntExact(Math.min(from, pictures.size())); i < pictures.size(); i++) {
        int index = i;
        visitor.visit(
            new Sample(i, pictures.name(i), pictures.label(i), () -> pictures.load(index)));
      }
    }

    @Override
    public OptionalLong size() {
      return OptionalLong.of(pictures.size());
    }

    @Override
    public List<String> classes() {
      return pictures.classes();
    }

    @Override
    public List<String> inventory() {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < pictures.size(); i++) {
        names.add(pictures.name(i));
      }
      return names;
    }
  }

  /**
   * Archives of WebDataset, in the order of their names. Files of one sample have one name up to
   * the first dot behind the last {@code /} and stand together.
   *
   * @param root what was opened
   * @param files the archives
   */
  record Tars(Path root, List<Path> files) implements SampleSource {
    /** A photograph of 100 megapixels has less. */
    private static final long MAX_PICTURE = 256L << 20;

    private static final int MAX_LABEL = 32;

    static List<Path> in(Path path) throws IOException {
      if (Files.isRegularFile(path)) {
        return path.toString().endsWith(".tar") ? List.of(path) : List.of();
      }
      if (!Files.isDirectory(path)) {
        return List.of();
      }
      try (Stream<Path> files = Files.list(path)) {
        return files.filter(f -> f.toString().endsWith(".tar")).sorted().toList();
      }
    }

    /** What was collected of the sample that is being read. */
    private static final class Pending {
      String key = "";
      byte[] picture = {};
      String name = "";
      String problem = "";
      OptionalInt label = OptionalInt.empty();
    }

    @Override
    public void visit(long from, Visitor visitor) throws IOException {
      long[] number = {0};
      for (Path file : files) {
        Pending pending = new Pending();
        TarFile.visit(
            file,
            (name, size, content) -> {
              int slash = name.lastIndexOf('/') + 1;
              int dot = name.indexOf('.', slash);
              if (dot <= slash) {
                return true; // a hidden file, or one without an ending
              }
              String key = name.substring(0, dot);
              if (!key.equals(pending.key)) {
                flush(file, pending, number, from, visitor);
                pending.key = key;
              }
              boolean wanted = number[0] >= from;
              collect(name, name.substring(dot + 1), size, content, pending, wanted);
              return true;
            });
        flush(file, pending, number, from, visitor);
      }
    }

    private static void collect(
        String name,
        String extension,
        long size,
        InputStream content,
        Pending pending,
        boolean wanted)
        throws IOException {
      if (ImageFormat.isPictureName(name) && pending.name.isEmpty()) {
        pending.name = name;
        if (size > MAX_PICTURE) {
          pending.problem = "has " + size + " bytes, the limit is " + MAX_PICTURE;
        } else if (wanted) {
          pending.picture = content.readNBytes((int) size);
        }
      } else if (extension.equals("cls") && wanted) {
        String text = new String(content.readNBytes(MAX_LABEL), StandardCharsets.US_ASCII).strip();
        if (!text.matches("\\d{1,9}")) {
          throw new EqvaeException.Argument(name + ": '" + text + "' is no number of a class");
        }
        pending.label = OptionalInt.of(Integer.parseInt(text));
      }
    }

    private static void flush(Path file, Pending pending, long[] number, long from, Visitor visitor)
        throws IOException {
      if (!pending.name.isEmpty()) {
        if (number[0] >= from) {
          byte[] bytes = pending.picture;
          String problem = pending.problem;
          String name = file.getFileName() + "/" + pending.name;
          visitor.visit(
              new Sample(
                  number[0],
                  pending.name,
                  pending.label,
                  () -> {
                    if (!problem.isEmpty()) {
                      throw new IOException(name + ": " + problem);
                    }
                    return Images.decode(bytes, name, DecodeOptions.DEFAULT);
                  }));
        }
        number[0]++;
      }
      pending.key = "";
      pending.name = "";
      pending.problem = "";
      pending.picture = new byte[0];
      pending.label = OptionalInt.empty();
    }

    @Override
    public OptionalLong size() {
      return OptionalLong.empty();
    }

    @Override
    public List<String> classes() {
      return List.of();
    }

    @Override
    public List<String> inventory() {
      List<String> out = new ArrayList<>();
      for (Path file : files) {
        try {
          out.add(file.getFileName() + " " + Files.size(file));
        } catch (IOException e) {
          throw new EqvaeException.Argument(file + " cannot be read: " + e.getMessage());
        }
      }
      return out;
    }
  }
}
