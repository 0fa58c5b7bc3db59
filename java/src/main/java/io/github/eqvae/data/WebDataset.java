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

/**
 * Tar archives of WebDataset, in the order of their names. The files of a sample have one key: the
 * name up to the first dot of its last part, the folder kept; what is behind the dot says what a
 * file is, in any case of letters: {@code x.jpg}, {@code x.v2.PNG}, {@code x.cls}. They need not
 * stand together.
 *
 * <p>Each archive is read twice. The first pass looks at names, labels and the first bytes of
 * pictures, so that every sample that is not whole is known before the first one is used: one with
 * two pictures or two labels, one without picture, and one without label where others have one.
 * They are named, and left out when it comes to them. What is kept between the passes is four bytes
 * per sample, and a bit for each name that several archives have.
 */
final class WebDataset implements SampleSource {
  /** A photograph of 100 megapixels has less. */
  private static final long MAX_PICTURE = 256L << 20;

  private static final int MAX_LABEL = 32;
  private static final int NO_LABEL = -1;
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** An archive after the first pass: of each file that is a picture, in order, what it gives. */
  private record Archive(
      Path file, long bytes, int[] labels, Map<Integer, String> problems, Names names) {}

  /**
   * What the pictures of an archive are called: as in it, but one whose name an earlier archive has
   * as well gets the archive's own name before it. So a name stands for one picture.
   *
   * @param prefix the archive, as the folder that was opened leads to it
   * @param repeated places of pictures whose names were seen before
   * @param others whole names of those where that, too, is a name seen before
   */
  private record Names(String prefix, BitSet repeated, Map<Integer, String> others) {
    void add(int place, String name, NameSet seen) {
      if (seen.add(name)) {
        return;
      }
      repeated.set(place);
      String longer = prefixed(name);
      for (int n = 2; !seen.add(longer); n++) {
        longer = prefix + "-" + n + "/" + plain(name);
        others.put(place, longer);
      }
    }

    String of(int place, String name) {
      return repeated.get(place) ? others.getOrDefault(place, prefixed(name)) : name;
    }

    private String prefixed(String name) {
      return prefix + "/" + plain(name);
    }

    /** Without what would lead out of the archive's folder. */
    private static String plain(String name) {
      return name.replaceFirst("^(\\.{0,2}/+)+", "");
    }
  }

  /** What an archive has under one key. */
  private static final class Group {
    /** Place of its first picture among the archive's pictures; negative if there is none. */
    int picture = NONE;

    String first = "";
    String problem = "";
    OptionalInt label = OptionalInt.empty();
  }

  private static final int NONE = -1;

  /** A further picture of a sample, in {@link Archive#labels}: no sample of its own. */
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
   * Looks through archives.
   *
   * @param root what was opened, for messages
   * @param files the archives
   * @param options how pictures are decoded
   * @param onSkip told name and cause of files that no sample is made of
   * @return the samples
   * @throws IOException if an archive cannot be read, or none has a picture
   */
  static WebDataset open(
      Path root, List<Path> files, DecodeOptions options, BiConsumer<String, String> onSkip)
      throws IOException {
    List<Archive> archives = new ArrayList<>();
    NameSet seen = new NameSet();
    long told = System.nanoTime();
    for (Path file : files) {
      archives.add(scan(root, file, seen, onSkip));
      if (System.nanoTime() - told > PATIENCE.toNanos()) {
        told = System.nanoTime();
        Notices.tell(
            "looking through %s: %d of %d archives".formatted(root, archives.size(), files.size()));
      }
    }
    boolean labelled =
        archives.stream().anyMatch(a -> Arrays.stream(a.labels).anyMatch(l -> l >= 0));
    WebDataset set = new WebDataset(List.copyOf(archives), options, labelled);
    if (set.size() == 0) {
      throw new IOException(root + ": no picture in it that WebDataset would find");
    }
    return set;
  }

  private static Archive scan(Path root, Path file, NameSet seen, BiConsumer<String, String> onSkip)
      throws IOException {
    String prefix = FileNames.of(root.equals(file) ? file.getFileName() : root.relativize(file));
    Names names = new Names(prefix, new BitSet(), new HashMap<>());
    Scan scan =
        new Scan(file.getFileName() + "/", (name, place) -> names.add(place, name, seen), onSkip);
    long bytes = Retrying.read(file, () -> Files.size(file));
    TarFile.visit(file, scan);
    if (scan.groups.isEmpty()) {
      onSkip.accept(prefix, "has nothing in it that WebDataset would find");
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
    private final BiConsumer<String, String> onSkip;
    private final Map<String, Group> groups = new LinkedHashMap<>();
    private final List<Integer> labels = new ArrayList<>();
    private final Map<Integer, String> problems = new HashMap<>();

    Scan(String prefix, ObjIntConsumer<String> onPicture, BiConsumer<String, String> onSkip) {
      this.prefix = prefix;
      this.onPicture = onPicture;
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
        group(name); // a text, perhaps; if nothing else has its key, that is said
      }
      return true;
    }

    @Override
    public void other(String name, String what) {
      if (ImageFormat.isPictureName(name) && !ArchiveMember.isHidden(name)) {
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
      } else if (!FileNames.isInside(name)) { // what is encoded must be decoded again
        problems.put(group.picture, "its name leads out of the archive's folder; pack it anew");
      } else if (name.indexOf('\uFFFD') >= 0) {
        problems.put(group.picture, "its name in the archive is no UTF-8; pack it anew");
      }
    }

    private void label(Group group, String name, InputStream content) throws IOException {
      String text = new String(content.readNBytes(MAX_LABEL), StandardCharsets.US_ASCII).strip();
      if (!text.matches("\\d{1,9}")) {
        group.problem =
            ITS_LABEL + FileNames.shown(name) + " is no number of a class: '" + text + "'";
        return;
      }
      OptionalInt label = OptionalInt.of(Integer.parseInt(text));
      if (group.label.isPresent() && !group.label.equals(label)) {
        group.problem = "it has two labels";
      }
      group.label = label;
    }

    void end() {
      groups.forEach(
          (key, group) -> {
            if (group.picture == NONE) {
              onSkip.accept(prefix + group.first, "no picture belongs to it");
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
