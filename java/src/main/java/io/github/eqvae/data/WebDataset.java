package io.github.eqvae.data;

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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
  /** The largest picture in bytes; a photograph of 100 megapixels has fewer. */
  private static final long MAX_PICTURE = 256L << 20;

  private static final int MAX_LABEL = 1024;

  /** What Python's int() reads and is a class: a sign, zeros, digits with single underscores. */
  private static final Pattern LABEL =
      Pattern.compile("(?:\\+|-(?=[0_]+$))?(?:0_?(?=\\d))*+(\\d(?:_?\\d){0,8})");

  /** Characters of a wrong label in a message. */
  private static final int SHOWN = 32;

  private static final int NO_LABEL = -1;
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * An archive after the first pass: the label and the problem of each of its pictures, in order.
   */
  private record Archive(
      Path file, long bytes, int[] labels, Map<Integer, String> problems, ArchiveNames names) {}

  /** The files of an archive that share a key. */
  private static final class Group {
    /** Position of its first picture among the archive's pictures; negative if there is none. */
    int picture = NONE;

    String first = "";
    String problem = "";
    OptionalInt label = OptionalInt.empty();
  }

  private static final int NONE = -1;

  /** In {@link Archive#labels}: a second picture of a sample, which is not a sample itself. */
  private static final int FURTHER = -2;

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
    Scan scan =
        new Scan(
            file.getFileName() + "/",
            (name, place) -> names.add(place, name, seen),
            hidden,
            onSkip);
    long bytes = Retrying.read(file, () -> Files.size(file));
    TarFile.visit(file, scan);
    if (scan.groups.isEmpty()) {
      onSkip.accept(prefix, "has no sample that WebDataset would find");
    }
    scan.end();
    return new Archive(
        file,
        bytes,
        scan.labels.stream().mapToInt(Integer::intValue).toArray(),
        scan.problems,
        names);
  }

  private static final String ITS_LABEL = "its label ";

  /** The first pass. */
  private static final class Scan implements TarFile.Visitor {
    private final String prefix;
    private final ObjIntConsumer<String> onPicture;
    private final HiddenFiles hidden;
    private final BiConsumer<String, String> onSkip;
    private final Map<String, Group> groups = new LinkedHashMap<>();
    private final List<Integer> labels = new ArrayList<>();
    private final Map<Integer, String> problems = new HashMap<>();

    Scan(
        String prefix,
        ObjIntConsumer<String> onPicture,
        HiddenFiles hidden,
        BiConsumer<String, String> onSkip) {
      this.prefix = prefix;
      this.onPicture = onPicture;
      this.hidden = hidden;
      this.onSkip = onSkip;
    }

    private Group group(String name) {
      Group group = groups.computeIfAbsent(ArchiveMember.of(name).key(), k -> new Group());
      if (group.first.isEmpty()) {
        group.first = name;
      }
      return group;
    }

    @Override
    public boolean visit(String name, long size, InputStream content) throws IOException {
      if (ArchiveMember.isHidden(name)) {
        hidden.file(name);
        return true;
      }
      if (ArchiveMember.of(name).ending().equals("cls")) {
        label(group(name), name, content);
        return true;
      }
      byte[] start = content.readNBytes(ImageFormat.SIGNATURE_BYTES);
      if (isPicture(name, start)) {
        Group group = group(name);
        String problem = ImageFormat.refusal(name, start).orElse("");
        if (size > MAX_PICTURE) {
          problem = "has " + size + " bytes, the limit is " + MAX_PICTURE;
        }
        picture(group, name, problem);
      } else {
        group(name); // perhaps a text; a key without a picture is reported
      }
      return true;
    }

    @Override
    public void other(String name, String what) {
      if (ArchiveMember.isHidden(name)) {
        hidden.file(name);
      } else if (ImageFormat.isPictureName(name)) {
        onSkip.accept(prefix + name, "is " + what + " in the archive, not a picture");
        group(name).problem = "its picture is " + what + " in the archive";
      }
    }

    private void picture(Group group, String name, String problem) {
      if (group.picture != NONE) {
        labels.add(FURTHER);
        problems.put(
            group.picture, "the sample has two pictures, this one and " + FileNames.shown(name));
        return;
      }
      group.picture = labels.size();
      onPicture.accept(name, group.picture);
      labels.add(NO_LABEL);
      if (!problem.isEmpty()) {
        problems.put(group.picture, problem);
      } else if (!FileNames.isInside(
          name)) { // its latents could not be decoded to a file of this name
        problems.put(
            group.picture,
            "its name leads out of the archive's folder; rename it and pack the archive again");
      } else if (name.indexOf('\uFFFD') >= 0) {
        problems.put(
            group.picture,
            "its name in the archive is not UTF-8; rename it and pack the archive again");
      }
    }

    private void label(Group group, String name, InputStream content) throws IOException {
      String text = new String(content.readNBytes(MAX_LABEL), StandardCharsets.US_ASCII).strip();
      Matcher number = LABEL.matcher(text);
      if (!number.matches() || content.read() >= 0) {
        String shown = text.length() > SHOWN ? text.substring(0, SHOWN) + " …" : text;
        group.problem =
            ITS_LABEL
                + FileNames.shown(name)
                + " is not the number of a class: '"
                + FileNames.shown(shown)
                + "'";
        return;
      }
      OptionalInt label = OptionalInt.of(Integer.parseInt(number.group(1).replace("_", "")));
      if (group.label.isPresent() && !group.label.equals(label)) {
        group.problem = "it has two labels";
      }
      group.label = label;
    }

    void end() {
      groups.forEach(
          (key, group) -> {
            if (group.picture == NONE) {
              boolean isText = group.label.isEmpty() && group.problem.isEmpty();
              onSkip.accept(
                  prefix + group.first, isText ? ImageFolder.TEXT : "no picture belongs to it");
              return;
            }
            if (!group.problem.isEmpty()) {
              problems.putIfAbsent(group.picture, group.problem);
            }
            labels.set(group.picture, group.label.orElse(NO_LABEL));
          });
    }
  }

  private static boolean isPicture(String name, byte[] start) {
    return ImageFormat.isPictureName(name) || ImageFormat.of(start).isPresent();
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
    int[] picture = {0};
    long[] number = {first};
    TarFile.visit(
        archive.file,
        (name, size, content) -> {
          if (ArchiveMember.isHidden(name) || ArchiveMember.of(name).ending().equals("cls")) {
            return true;
          }
          byte[] start = content.readNBytes(ImageFormat.SIGNATURE_BYTES);
          if (!isPicture(name, start)) {
            return true;
          }
          int place = picture[0]++;
          if (place >= archive.labels.length) {
            throw new IOException(archive.file + " was changed while it was read");
          }
          if (archive.labels[place] == FURTHER) {
            return true;
          }
          long n = number[0]++;
          if (n >= from) {
            visitor.visit(sample(archive, place, n, name, start, content));
          }
          return true;
        });
  }

  private Sample sample(
      Archive archive, int place, long number, String member, byte[] start, InputStream content)
      throws IOException {
    String full = archive.file.getFileName() + "/" + member;
    String name = archive.names.of(place, member);
    int label = archive.labels[place];
    OptionalInt known = label == NO_LABEL ? OptionalInt.empty() : OptionalInt.of(label);
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

  private static int samples(Archive archive) {
    return (int) Arrays.stream(archive.labels).filter(l -> l != FURTHER).count();
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
    return "no picture has a .cls file (.json, .txt and folders are no labels)";
  }

  @Override
  public long unlabelled() {
    return archives.stream()
        .mapToLong(a -> Arrays.stream(a.labels).filter(l -> l == NO_LABEL).count())
        .sum();
  }

  @Override
  public Optional<String> labelProblem() {
    return archives.stream()
        .flatMap(a -> a.problems.entrySet().stream().sorted(Map.Entry.comparingByKey()))
        .map(Map.Entry::getValue)
        .filter(problem -> problem.startsWith(ITS_LABEL))
        .findFirst();
  }

  @Override
  public void inventory(Consumer<String> line) {
    archives.forEach(a -> line.accept(a.file.getFileName() + " " + a.bytes));
  }
}
