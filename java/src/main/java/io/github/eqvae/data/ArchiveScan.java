package io.github.eqvae.data;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.ImageFormat;
import io.github.eqvae.io.TarFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.function.ObjIntConsumer;

/** The first pass over an archive of {@link WebDataset}: names, labels and what is wrong. */
final class ArchiveScan implements TarFile.Visitor {
  /** The largest picture in bytes; a photograph of 100 megapixels has fewer. */
  private static final long MAX_PICTURE = 256L << 20;

  private static final int MAX_LABEL = 1024;

  /** Characters of a wrong label in a message. */
  private static final int SHOWN = 32;

  /** In {@link #labels}: no label. */
  static final int NO_LABEL = -1;

  /** In {@link #labels}: a second picture of a sample, which is not a sample itself. */
  static final int FURTHER = -2;

  /** The beginning of a problem that is a label's. */
  static final String ITS_LABEL = "its label ";

  private static final String TEXT = "cls";

  private static final int NONE = -1;

  /** The files of an archive that share a key. */
  private static final class Group {
    /** Position of its first picture among the archive's pictures; negative if there is none. */
    int picture = NONE;

    String first = "";
    String problem = "";
    OptionalInt label = OptionalInt.empty();

    /** That of the sample's .json, which counts if there is no .cls. */
    OptionalInt inJson = OptionalInt.empty();
  }

  private final String prefix;
  private final ObjIntConsumer<String> onPicture;
  private final HiddenFiles hidden;
  private final BiConsumer<String, String> onSkip;
  private final Map<String, Group> groups = new LinkedHashMap<>();
  private final List<Integer> labels = new ArrayList<>();
  private final Map<Integer, String> problems = new HashMap<>();
  private boolean isJson;

  ArchiveScan(
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
    if (ArchiveMember.of(name).ending().equals(TEXT)) {
      label(group(name), name, content);
      return true;
    }
    if (isLabel(name)) {
      group(name).inJson = SampleLabel.ofJson(content);
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
    String text = new String(content.readNBytes(MAX_LABEL), StandardCharsets.UTF_8).strip();
    OptionalInt label = SampleLabel.ofText(text);
    if (label.isEmpty() || content.read() >= 0) {
      String shown = text.length() > SHOWN ? text.substring(0, SHOWN) + " …" : text;
      group.problem =
          ITS_LABEL
              + FileNames.shown(name)
              + " is not the number of a class: '"
              + FileNames.shown(shown)
              + "'";
      return;
    }
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
          isJson |= group.label.isEmpty() && group.inJson.isPresent();
          labels.set(group.picture, group.label.orElse(group.inJson.orElse(NO_LABEL)));
        });
  }

  /** Whether the archive has nothing that could be a sample. */
  boolean isEmpty() {
    return groups.isEmpty();
  }

  /** Whether a label came from a .json file. */
  boolean isJson() {
    return isJson;
  }

  /** The label of each picture, in their order. */
  int[] labels() {
    return labels.stream().mapToInt(Integer::intValue).toArray();
  }

  /** What is wrong, by the picture's position. */
  Map<Integer, String> problems() {
    return problems;
  }

  /** Whether a file is read for a label, whatever it holds. */
  static boolean isLabel(String name) {
    String ending = ArchiveMember.of(name).ending();
    return ending.equals(TEXT) || ending.equals("json");
  }

  /** Whether a file is a picture by its name or its content. */
  static boolean isPicture(String name, byte[] start) {
    return ImageFormat.isPictureName(name) || ImageFormat.of(start).isPresent();
  }
}
