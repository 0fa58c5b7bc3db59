package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Samples as PNG files, {@code 000000.png} and so on, and their labels in {@code labels.csv}.
 *
 * @param folder the folder
 */
record SampleFolder(Path folder) implements SampleTarget {
  private static final String LABELS = "labels.csv";

  private Path file(int number) {
    return folder.resolve(String.format(Locale.ROOT, "%06d.png", number));
  }

  @Override
  public Path record() {
    return folder.resolve("samples.json");
  }

  @Override
  public boolean isUsed() throws IOException {
    return !list(folder).isEmpty();
  }

  /** What is in a folder, without hidden files. */
  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> !f.getFileName().toString().startsWith(".")).sorted().toList();
    }
  }

  @Override
  public boolean has(int chunk, int samples) {
    for (int i = 0; i < samples; i++) {
      if (!Files.isRegularFile(file(chunk * CHUNK + i))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void write(int chunk, List<Image> images) throws IOException {
    for (int i = 0; i < images.size(); i++) {
      Images.writePng(file(chunk * CHUNK + i), images.get(i));
    }
  }

  @Override
  public List<Image> read(int chunk, int samples) throws IOException {
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      images.add(Images.read(file(chunk * CHUNK + i)));
    }
    return images;
  }

  @Override
  public void finish(int[] labels, List<String> classes) throws IOException {
    StringBuilder text = new StringBuilder("file,label,class\n");
    for (int i = 0; i < labels.length; i++) {
      boolean named = labels[i] >= 0 && labels[i] < classes.size();
      String name = named ? classes.get(labels[i]).replace("\"", "\"\"") : "";
      text.append(file(i).getFileName()).append(',').append(labels[i]);
      text.append(",\"").append(name).append("\"\n");
    }
    AtomicFiles.write(folder.resolve(LABELS), text.toString());
  }

  @Override
  public void clear(boolean recorded) throws IOException {
    List<Path> samples = new ArrayList<>();
    for (Path file : list(folder)) {
      String name = file.getFileName().toString();
      if (name.matches("\\d{6,9}\\.png")) {
        samples.add(file);
      } else if (name.endsWith(".png") || !recorded && !name.equals(LABELS)) {
        throw new EqvaeException.Argument(
            folder
                + " also has files that `sample` did not write, such as "
                + FileNames.shown(name)
                + ": pictures would be measured as samples. Name another folder");
      }
    }
    for (Path file : samples) {
      Files.delete(file);
    }
    Files.deleteIfExists(folder.resolve(LABELS));
  }
}
