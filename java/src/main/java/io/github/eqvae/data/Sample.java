package io.github.eqvae.data;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;
import java.io.IOException;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * A picture in a pipeline that processes each picture once.
 *
 * @param number its place in the source, from 0; broken ones count
 * @param name its name in the source, with {@code /} between folders
 * @param label its class, if the source has classes
 * @param picture decodes it; may be called on any thread
 */
public record Sample(long number, String name, OptionalInt label, Picture picture) {
  /** A picture that is not decoded yet. */
  @FunctionalInterface
  public interface Picture {
    /**
     * Decodes.
     *
     * @return the picture
     * @throws io.github.eqvae.io.PassingIoException if it cannot be read at present
     * @throws IOException if it is broken; the message names it and the cause
     */
    default Image decode() throws IOException {
      return decode(PixelRows::whole);
    }

    /**
     * Decodes and cuts, so that pictures that do not fit into memory can be cut, too.
     *
     * @param cut cuts the wanted part
     * @return the result of {@code cut}
     * @throws IOException as {@link #decode()}
     */
    Image decode(Function<PixelRows, Image> cut) throws IOException;
  }

  /** Passes the pictures of a data set to a visitor, from number {@code from} on. */
  static void visit(
      ImageDataset pictures, IntFunction<String> name, long from, SampleSource.Visitor visitor)
      throws IOException {
    for (int i = Math.toIntExact(Math.min(from, pictures.size())); i < pictures.size(); i++) {
      int index = i;
      visitor.visit(
          new Sample(i, name.apply(i), pictures.label(i), cut -> pictures.load(index, cut)));
    }
  }
}
