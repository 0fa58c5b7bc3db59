package io.github.eqvae.latents;

import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.TarFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A shard in WebDataset's format, read into memory, because a tar has no random access.
 *
 * @param shape {@code [n, C, h, w]}
 * @param values latents or codes of all images
 * @param mirrored the same for the mirrored images; null if there are none
 * @param labels one per image; empty if there are none
 * @param keys keys of the images, in the archive's order
 */
record TarLatents(
    long[] shape, float[] values, float @Nullable [] mirrored, int[] labels, List<String> keys) {
  private static final String ARRAY = ".npy";
  private static final String FLIP = ".flip.npy";
  private static final String LABEL = ".cls";

  /** The largest number of characters of a label. */
  private static final int LONGEST_LABEL = 12;

  /** The arrays and the label of one image. */
  private static final class Member {
    private float @Nullable [] values;
    private float @Nullable [] mirrored;
    private @Nullable Integer label;
  }

  /** The content that was read so far. */
  private static final class Reading {
    private final Path file;
    private final boolean codes;
    private final Map<String, Member> members = new HashMap<>();
    private final List<String> keys = new ArrayList<>();
    private long[] shape = {};
    private long left = Integer.MAX_VALUE; // bytes

    Reading(Path file, boolean codes) {
      this.file = file;
      this.codes = codes;
    }

    Member member(String name, String ending) {
      return members.computeIfAbsent(
          name.substring(0, name.length() - ending.length()), key -> new Member());
    }

    IOException wrong(String name, String what) {
      return new IOException(file + ": " + FileNames.shown(name) + " " + what);
    }

    boolean visit(String name, long size, InputStream in) throws IOException {
      if (name.endsWith(FLIP)) {
        member(name, FLIP).mirrored = array(name, in);
      } else if (name.endsWith(ARRAY)) {
        Member member = member(name, ARRAY);
        if (member.values != null) {
          throw wrong(name, "is in the archive twice");
        }
        member.values = array(name, in);
        keys.add(name.substring(0, name.length() - ARRAY.length()));
      } else if (name.endsWith(LABEL)) {
        member(name, LABEL).label = label(name, size, in);
      }
      return true;
    }

    private float[] array(String name, InputStream in) throws IOException {
      NpyArray array = NpyArray.read(in, file + ": " + FileNames.shown(name), left);
      left -= array.data().length;
      if (shape.length == 0) {
        shape = array.shape();
      }
      if (!Arrays.equals(shape, array.shape()) || !array.descr().startsWith(codes ? "<i" : "<f")) {
        throw wrong(name, "has another shape or type than the arrays before it");
      }
      if (!codes) {
        return array.toFloats();
      }
      int[] whole = array.toInts();
      float[] values = new float[whole.length];
      for (int i = 0; i < values.length; i++) {
        values[i] = whole[i];
      }
      return values;
    }

    private int label(String name, long size, InputStream in) throws IOException {
      String text =
          size <= LONGEST_LABEL
              ? new String(in.readAllBytes(), StandardCharsets.US_ASCII).strip()
              : "";
      try {
        return Integer.parseInt(text);
      } catch (NumberFormatException e) {
        throw new IOException(file + ": " + FileNames.shown(name) + " is not a label", e);
      }
    }

    /** Joins the arrays of all images; null if no image has one. */
    float @Nullable [] put(boolean flip) throws IOException {
      List<float[]> all = new ArrayList<>();
      for (String key : keys) {
        Member member = members.get(key);
        float[] values = member == null ? null : flip ? member.mirrored : member.values;
        if (values != null) {
          all.add(values);
        }
      }
      if (all.isEmpty()) {
        return null;
      }
      if (all.size() != keys.size()) {
        throw new IOException(file + " has mirrored latents for only some of its images");
      }
      int each = all.getFirst().length;
      float[] out = new float[Math.multiplyExact(all.size(), each)];
      for (int i = 0; i < all.size(); i++) {
        System.arraycopy(all.get(i), 0, out, i * each, each);
      }
      return out;
    }

    int[] labels() throws IOException {
      List<Integer> labels = new ArrayList<>();
      for (String key : keys) {
        Member member = members.get(key);
        if (member != null && member.label != null) {
          labels.add(member.label);
        }
      }
      if (!labels.isEmpty() && labels.size() != keys.size()) {
        throw new IOException(file + " has labels for only some of its images");
      }
      return labels.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  /**
   * Reads an archive.
   *
   * @param file the archive
   * @param codes whether it holds codes, which are integers
   * @return its latents
   * @throws IOException when it is damaged, or has no latents
   */
  static TarLatents read(Path file, boolean codes) throws IOException {
    Reading reading = new Reading(file, codes);
    TarFile.visit(file, reading::visit);
    float[] values = reading.put(false);
    if (values == null || reading.members.size() != reading.keys.size()) {
      throw new IOException(file + " has a key without latents (.npy)");
    }
    long[] shape = new long[reading.shape.length + 1];
    shape[0] = reading.keys.size();
    System.arraycopy(reading.shape, 0, shape, 1, reading.shape.length);
    return new TarLatents(
        shape, values, reading.put(true), reading.labels(), List.copyOf(reading.keys));
  }
}
