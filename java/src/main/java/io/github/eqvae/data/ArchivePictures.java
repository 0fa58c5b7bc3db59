package io.github.eqvae.data;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageException;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.PixelRows;
import io.github.eqvae.io.Retrying;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The pictures of tar archives that are not compressed, read in any order. */
final class ArchivePictures implements ImageDataset {
  private record Place(Path archive, long offset, long size, String name, String problem) {}

  private final DecodeOptions options;
  private final List<Place> places = new ArrayList<>();

  ArchivePictures(DecodeOptions options) {
    this.options = options;
  }

  /**
   * Adds a picture.
   *
   * @param archive the archive
   * @param offset where its content begins
   * @param size bytes of its content
   * @param name the sample's name
   * @param problem why it cannot be used; empty for most
   */
  void add(Path archive, long offset, long size, String name, String problem) {
    places.add(new Place(archive, offset, size, name, problem));
  }

  @Override
  public int size() {
    return places.size();
  }

  @Override
  public String name(int index) {
    return places.get(index).name;
  }

  @Override
  public Image load(int index) throws IOException {
    return load(index, PixelRows::whole);
  }

  @Override
  public Image load(int index, Function<PixelRows, Image> cut) throws IOException {
    Place p = places.get(index);
    String full = p.archive.getFileName() + "/" + p.name;
    if (!p.problem.isEmpty()) {
      throw new ImageException(full, p.problem);
    }
    byte[] bytes;
    try (InputStream in = Retrying.open(p.archive)) {
      in.skipNBytes(p.offset);
      bytes = in.readNBytes(Math.toIntExact(p.size)); // the scan has refused larger ones
    }
    return Images.decode(bytes, full, options, cut);
  }
}
