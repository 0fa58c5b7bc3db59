package io.github.eqvae.jobs;

import io.github.eqvae.io.Image;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The destination of samples, which are written in chunks; a chunk is complete or absent. */
interface SampleTarget {
  /** Samples in a chunk, the most that a kill can lose. It does not depend on the batch size. */
  int CHUNK = 64;

  /** The folder that a process locks while it writes. */
  Path folder();

  /** The record of the samples' settings, written at the beginning and at the end. */
  Path record();

  /** Whether there is anything that sampling could replace, or that its results would lie among. */
  boolean isUsed() throws IOException;

  /** Whether a chunk of this number of samples exists. */
  boolean has(int chunk, int samples) throws IOException;

  /** Writes a chunk. */
  void write(int chunk, List<Image> images) throws IOException;

  /** Reads the first samples of an existing chunk. */
  List<Image> read(int chunk, int samples) throws IOException;

  /** Joins the chunks. */
  void finish(int[] labels, List<String> classes) throws IOException;

  /**
   * Removes other samples.
   *
   * @param recorded whether a record says that they were written here
   */
  void clear(boolean recorded) throws IOException;

  /** A {@code .npz} file or a folder of PNG files, by the name's extension. */
  static SampleTarget of(Path out, int height, int width, int channels) {
    return out.toString().toLowerCase(Locale.ROOT).endsWith(".npz")
        ? new SampleArchive(out, height, width, channels)
        : new SampleFolder(out);
  }
}
