package io.github.eqvae.jobs;

import io.github.eqvae.io.Image;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Where samples go, in chunks that are there whole or not at all. */
interface SampleTarget {
  /** Samples of a chunk: what a kill can lose. A fixed number, whatever the batch. */
  int CHUNK = 64;

  /** The folder that one process has for itself while it writes. */
  Path folder();

  /** The file that says what made the samples; written first, and once more when all is there. */
  Path record();

  /** Whether there are pictures, whoever made them. */
  boolean isUsed() throws IOException;

  /** Whether a chunk of so many samples is there. */
  boolean has(int chunk, int samples) throws IOException;

  /** Writes a chunk. */
  void write(int chunk, List<Image> images) throws IOException;

  /** Reads the first samples of a chunk that is there. */
  List<Image> read(int chunk, int samples) throws IOException;

  /** Puts the chunks together. */
  void finish(int[] labels, List<String> classes) throws IOException;

  /** Removes what is there of other samples. */
  void clear() throws IOException;

  /** A file or a folder for PNG files, by the name's ending. */
  static SampleTarget of(Path out, int height, int width, int channels) {
    return out.toString().endsWith(".npz")
        ? new SampleArchive(out, height, width, channels)
        : new SampleFolder(out);
  }
}
