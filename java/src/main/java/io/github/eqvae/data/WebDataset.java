package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.ImageException;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NameSet;
import io.github.eqvae.io.Notices;
import io.github.eqvae.io.Retrying;
import io.github.eqvae.io.TarFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Tar archives of WebDataset, in the order of their names. The files of a sample share a key: the
 * path up to the first dot of the file's name. The text after the last dot is the file's type, in
 * upper or lower case: {@code x.jpg}, {@code x.v2.PNG}, {@code x.cls}. The files of a sample need
 * not be adjacent.
 *
 * <p>Each archive is read twice. The first pass reads names, labels and the first bytes of
 * pictures, so that every invalid sample is known before the first one is used: one with two
 * pictures or two labels, one without a picture, and one without a label if others have labels.
 * Invalid samples are reported, and left out in the second pass. Between the passes four bytes per
 * sample are stored, and one bit for each name that occurs in several archives.
 */
final class WebDataset implements SampleSource {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * An archive after the first pass: the label and the problem of each of its pictures, in order.
   */
  private record Archive(
      Path file, long bytes, int[] labels, Map<Integer, String> problems, ArchiveNames names) {}

  private final List<Archive> archives;
  private final DecodeOptions options;
  private final boolean labelled;

  private WebDataset(List<Archive> archives, DecodeOptions options, boolean labelled) {
    this.archives = archives;
    this.options = options;
    this.labelled = labelled;
  }

  /**
   * Scans archives.
   *
   * @param root the path that was opened, for messages
   * @param files the archives
   * @param options how pictures are decoded
   * @param onSkip receives name and cause of files that belong to no sample
   * @return the samples
   * @throws IOException if an archive cannot be read, or none has a picture
   */
  static WebDataset open(
      Path root, List<Path> files, DecodeOptions options, BiConsumer<String, String> onSkip)
      throws IOException {
    List<Archive> archives = new ArrayList<>();
    NameSet seen = new NameSet();
    HiddenFiles hidden = new HiddenFiles();
    long told = System.nanoTime();
    for (Path file : files) {
      archives.add(scan(root, file, seen, hidden, onSkip));
      if (System.nanoTime() - told > PATIENCE.toNanos()) {
        told = System.nanoTime();
        Notices.tell(
            "scanning %s: %d of %d archives".formatted(root, archives.size(), files.size()));
      }
    }
    hidden.tell(root);
    boolean labelled =
        archives.stream().anyMatch(a -> Arrays.stream(a.labels).anyMatch(l -> l >= 0));
    WebDataset set = new WebDataset(List.copyOf(archives), options, labelled);
    if (set.size() == 0) {
      throw new IOException(root + ": has no picture that WebDataset would find");
    }
    return set;
  }

  private static Archive scan(
      Path root, Path file, NameSet seen, HiddenFiles hidden, BiConsumer<String, String> onSkip)
      throws IOException {
    String prefix = FileNames.of(root.equals(file) ? file.getFileName() : root.relativize(file));
    ArchiveNames names = new ArchiveNames(prefix, new BitSet(), new HashMap<>());
    ArchiveScan scan =
        new ArchiveScan(
            file.getFileName() + "/",
            (name, place) -> names.add(place, name, seen),
            hidden,
            onSkip);
    long bytes = Retrying.read(file, () -> Files.size(file));
    TarFile.visit(file, scan);
    if (scan.isEmpty()) {
      onSkip.accept(prefix, "has no sample that WebDataset would find");
    }
    scan.end();
    if (scan.isJson()) {
      Notices.once(
          "labels of " + root,
          FileNames.shown(root.toString())
              + ": pictures without a .cls file get the label that their .json has as "
              + String.join(", ", SampleLabel.KEYS));
    }
    return new Archive(file, bytes, scan.labels(), scan.problems(), names);
  }

  @Override
  public void visit(long from, Visitor visitor) throws IOException {
    long number = 0;
    for (Archive archive : archives) {
      int count = samples(archive);
      if (number + count > from) {
        visit(archive, number, from, visitor);
      }
      number += count;
    }
  }

  private void visit(Archive archive, long first, long from, Visitor visitor) throws IOException {
    long[] number = {first};
    visit(
        archive,
        (place, name, size, start, content) -> {
          long n = number[0]++;
          if (n >= from) {
            visitor.visit(sample(archive, place, n, name, start, content));
          }
        },
        offset -> {});
  }

  /** Receives the picture of a sample. */
  private interface PictureVisitor {
    void visit(int place, String name, long size, byte[] start, InputStream content)
        throws IOException;
  }

  private static void visit(Archive archive, PictureVisitor visitor, LongConsumer offsets)
      throws IOException {
    int[] picture = {0};
    TarFile.visit(
        archive.file,
        (name, size, content) -> {
          if (ArchiveMember.isHidden(name) || ArchiveScan.isLabel(name)) {
            return true;
          }
          byte[] start = content.readNBytes(ImageFormat.SIGNATURE_BYTES);
          if (!ArchiveScan.isPicture(name, start)) {
            return true;
          }
          int place = picture[0]++;
          if (place >= archive.labels.length) {
            throw new IOException(archive.file + " was changed while it was read");
          }
          if (archive.labels[place] == ArchiveScan.FURTHER) {
            return true;
          }
          visitor.visit(place, name, size, start, content);
          return true;
        },
        offsets);
  }

  private Sample sample(
      Archive archive, int place, long number, String member, byte[] start, InputStream content)
      throws IOException {
    String full = archive.file.getFileName() + "/" + member;
    String name = archive.names.of(place, member);
    int label = archive.labels[place];
    OptionalInt known = label == ArchiveScan.NO_LABEL ? OptionalInt.empty() : OptionalInt.of(label);
    String problem = archive.problems.getOrDefault(place, "");
    if (!problem.isEmpty()) {
      return new Sample(
          number,
          name,
          known,
          _ -> {
            throw new ImageException(full, problem);
          });
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream(start.length);
    whole.writeBytes(start);
    content.transferTo(whole);
    byte[] bytes = whole.toByteArray();
    return new Sample(number, name, known, cut -> Images.decode(bytes, full, options, cut));
  }

  @Override
  public ImageDataset dataset() throws IOException {
    ArchivePictures pictures = new ArchivePictures(options);
    for (Archive archive : archives) {
      if (TarFile.isCompressed(archive.file)) {
        throw new EqvaeException.Argument(
            archive.file
                + " is compressed, so its pictures can only be read in its own order: unpack it to"
                + " .tar (gunzip)");
      }
      long[] offset = {0};
      visit(
          archive,
          (place, member, size, start, content) ->
              pictures.add(
                  archive.file,
                  offset[0],
                  size,
                  archive.names.of(place, member),
                  archive.problems.getOrDefault(place, "")),
          at -> offset[0] = at);
    }
    return pictures;
  }

  private static int samples(Archive archive) {
    return (int) Arrays.stream(archive.labels).filter(l -> l != ArchiveScan.FURTHER).count();
  }

  @Override
  public long size() {
    return archives.stream().mapToLong(WebDataset::samples).sum();
  }

  @Override
  public long unread() {
    return archives.stream()
        .flatMap(a -> a.problems.values().stream())
        .filter(ImageFormat::isOtherFormat)
        .count();
  }

  @Override
  public List<String> classes() {
    return List.of();
  }

  @Override
  public boolean isLabelled() {
    return labelled;
  }

  @Override
  public String unlabelledReason() {
    return "no picture has a .cls file, or a .json with a whole number as "
        + String.join(", ", SampleLabel.KEYS)
        + " (texts and folders are no labels)";
  }

  @Override
  public long unlabelled() {
    return archives.stream()
        .mapToLong(a -> Arrays.stream(a.labels).filter(l -> l == ArchiveScan.NO_LABEL).count())
        .sum();
  }

  @Override
  public Optional<String> labelProblem() {
    return archives.stream()
        .flatMap(a -> a.problems.entrySet().stream().sorted(Map.Entry.comparingByKey()))
        .map(Map.Entry::getValue)
        .filter(problem -> problem.startsWith(ArchiveScan.ITS_LABEL))
        .findFirst();
  }

  @Override
  public void inventory(Consumer<String> line) {
    archives.forEach(a -> line.accept(a.file.getFileName() + " " + a.bytes));
  }
}
