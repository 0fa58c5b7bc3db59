package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.ImageStream;
import io.github.eqvae.eval.StatisticsFile;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import io.github.eqvae.io.WriteFailure;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a file of statistics, optionally with the images. Images are collected in a temporary
 * file, because the format needs their checksum first.
 */
final class StatisticsOutput implements ImageStream.Visitor, AutoCloseable {
  private final Path file;
  private final @Nullable Path pixels;
  private final @Nullable OutputStream out;
  private @Nullable Image first;
  private long count;

  StatisticsOutput(Path file, boolean withImages) throws IOException {
    this.file = file;
    pixels =
        withImages
            ? Files.createTempFile(file.toAbsolutePath().getParent(), ".eqvae-images", null)
            : null;
    if (pixels != null) {
      pixels.toFile().deleteOnExit(); // after Ctrl-C, too
    }
    out = pixels == null ? null : new BufferedOutputStream(Files.newOutputStream(pixels));
  }

  /** Adds an image; gray ones become RGB, as for Inception. */
  @Override
  public void image(Image image) throws IOException {
    if (out == null) {
      return;
    }
    if (first == null) {
      first = image;
    }
    if (image.width() != first.width() || image.height() != first.height()) {
      throw new EqvaeException.Argument(
          "--with-images: arr_0 is of one size, and there are images of %d×%d and of %d×%d"
              .formatted(first.width(), first.height(), image.width(), image.height()));
    }
    try {
      out.write(image.withChannels(3).data());
    } catch (IOException e) {
      throw WriteFailure.of(file, e);
    }
    count++;
  }

  /** Writes the file. */
  void write(StatisticsFile statistics) throws IOException {
    if (out == null || first == null) {
      NpzFile.write(file, statistics.arrays());
      return;
    }
    out.flush();
    List<NpzFile.Stored> arrays = new ArrayList<>();
    long[] shape = {count, first.height(), first.width(), 3};
    arrays.add(new NpzFile.Stored(ImageStream.ARRAY, "|u1", shape, List.of(pixels)));
    List<Path> parts = new ArrayList<>();
    try {
      for (Map.Entry<String, NpyArray> e : statistics.arrays().entrySet()) {
        Path part = Files.createTempFile(file.toAbsolutePath().getParent(), ".eqvae-array", null);
        parts.add(part);
        part.toFile().deleteOnExit();
        NpyArray array = e.getValue();
        Files.write(part, array.data());
        arrays.add(new NpzFile.Stored(e.getKey(), array.descr(), array.shape(), List.of(part)));
      }
      NpzFile.write(file, arrays);
    } finally {
      for (Path part : parts) {
        Files.delete(part);
      }
    }
  }

  @Override
  public void close() throws IOException {
    if (out != null) {
      out.close();
      Files.deleteIfExists(pixels);
    }
  }
}
