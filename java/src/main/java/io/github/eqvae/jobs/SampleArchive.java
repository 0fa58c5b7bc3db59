package io.github.eqvae.jobs;

import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.NpyStream;
import io.github.eqvae.io.NpzFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Samples in one file for ADM's evaluation: {@code arr_0}, uint8 {@code [N, H, W, C]}, and {@code
 * arr_1} with the labels. Chunks are stored in a folder beside it until all are finished.
 *
 * @param out the file
 * @param height height of a sample
 * @param width width of a sample
 * @param channels channels of a sample
 */
record SampleArchive(Path out, int height, int width, int channels) implements SampleTarget {
  private static final String ARRAY = "arr_0";

  private int each() {
    return height * width * channels;
  }

  @Override
  public Path folder() {
    return out.resolveSibling(out.getFileName() + ".parts");
  }

  @Override
  public Path record() {
    return out.resolveSibling(out.getFileName() + ".json");
  }

  private Path part(int chunk) {
    return folder().resolve(String.format(Locale.ROOT, "part-%06d", chunk));
  }

  @Override
  public boolean isUsed() {
    return Files.exists(out);
  }

  @Override
  public boolean has(int chunk, int samples) throws IOException {
    if (Files.isRegularFile(out)) {
      return true; // the file is complete; only later steps of the job were missing
    }
    Path part = part(chunk);
    return Files.isRegularFile(part) && Files.size(part) == (long) samples * each();
  }

  @Override
  public void write(int chunk, List<Image> images) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(images.size() * each());
    images.forEach(image -> bytes.put(image.data()));
    AtomicFiles.write(part(chunk), bytes.array());
  }

  @Override
  public List<Image> read(int chunk, int samples) throws IOException {
    List<Image> images = new ArrayList<>();
    if (Files.isRegularFile(
        out)) { // the file is complete, and may be large, so only these samples are read
      try (NpyStream array = NpyStream.open(out, ARRAY).orElseThrow()) {
        for (int i = 0; i < samples; i++) {
          images.add(new Image(width, height, channels, array.next(each())));
        }
      }
      return images;
    }
    byte[] bytes = Files.readAllBytes(part(chunk));
    for (int i = 0; i < samples; i++) {
      byte[] data = Arrays.copyOfRange(bytes, i * each(), (i + 1) * each());
      images.add(new Image(width, height, channels, data));
    }
    return images;
  }

  @Override
  public void finish(int[] labels, List<String> classes) throws IOException {
    int chunks = (labels.length + CHUNK - 1) / CHUNK;
    if (!Files.isRegularFile(out)) {
      List<Path> parts = new ArrayList<>();
      for (int i = 0; i < chunks; i++) {
        parts.add(part(i));
      }
      List<NpzFile.Stored> arrays = new ArrayList<>();
      long[] shape = {labels.length, height, width, channels};
      arrays.add(new NpzFile.Stored(ARRAY, "|u1", shape, parts));
      if (Arrays.stream(labels).allMatch(l -> l >= 0)) {
        arrays.add(new NpzFile.Stored("arr_1", "<i8", new long[] {labels.length}, labels(labels)));
      }
      NpzFile.write(out, arrays);
    }
    deleteParts();
  }

  /** Writes the labels into a file, like the samples. */
  private List<Path> labels(int[] labels) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(8 * labels.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int label : labels) {
      bytes.putLong(label);
    }
    Path file = folder().resolve("part-labels");
    AtomicFiles.write(file, bytes.array());
    return List.of(file);
  }

  private void deleteParts() throws IOException {
    if (Files.isDirectory(folder())) {
      try (DirectoryStream<Path> parts = Files.newDirectoryStream(folder(), "part-*")) {
        for (Path part : parts) {
          Files.delete(part);
        }
      }
    }
  }

  @Override
  public void clear(boolean recorded) throws IOException {
    Files.deleteIfExists(out);
    deleteParts();
  }
}
