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
 * A shard of WebDataset's form, read into memory: a tar has no order that an epoch could follow.
 *
 * @param shape {@code [n, C, h, w]}
 * @param values of all images
 * @param mirrored the same of the mirrored ones; null if they are not there
 * @param labels one per image; empty without
 * @param keys of the images, in the archive's order
 */
record TarLatents(
    long[] shape, float[] values, float @Nullable [] mirrored, int[] labels, List<String> keys) {
  private static final String ARRAY = ".npy";
  private static final String FLIP = ".flip.npy";
  private static final String LABEL = ".cls";

  /** Digits of a label's text, at most. */
  private static final int LONGEST_LABEL = 12;

  /** What an archive has of one image. */
  private static final class Member {
    private float @Nullable [] values;
    private float @Nullable [] mirrored;
    private @Nullable Integer label;
  }

  /** What was read so far. */
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
          throw wrong(name, "stands there twice");
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
        throw new IOException(file + ": " + FileNames.shown(name) + " is no label", e);
      }
    }

    /** Of all images or of none. */
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
        throw new IOException(file + " has mirrored latents of some images only");
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
        throw new IOException(file + " has labels of some images only");
      }
      return labels.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  /**
   * Reads an archive.
   *
   * @param file the archive
   * @param codes whether it holds codes, which are whole numbers
   * @return its latents
   * @throws IOException when it is not whole, or has none
   */
  static TarLatents read(Path file, boolean codes) throws IOException {
    Reading reading = new Reading(file, codes);
    TarFile.visit(file, reading::visit);
    float[] values = reading.put(false);
    if (values == null || reading.members.size() != reading.keys.size()) {
      throw new IOException(file + " has no latents (.npy) of some key");
    }
    long[] shape = new long[reading.shape.length + 1];
    shape[0] = reading.keys.size();
    System.arraycopy(reading.shape, 0, shape, 1, reading.shape.length);
    return new TarLatents(
        shape, values, reading.put(true), reading.labels(), List.copyOf(reading.keys));
  }
}
