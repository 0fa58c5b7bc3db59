package io.github.eqvae.model;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Parameters in safetensors files, under their CompVis names. */
public final class ModelFile {
  private ModelFile() {}

  /**
   * Writes all parameters and buffers of a store.
   *
   * @param path the file; replaced atomically
   * @param parameters what to write
   * @param stream waited for
   * @param metadata free text kept in the file's header
   * @throws IOException when writing fails
   */
  public static void save(
      Path path, ParameterStore parameters, Stream stream, Map<String, String> metadata)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      for (Parameter p : parameters.all()) {
        Tensor value = p.value();
        MemorySegment host = arena.allocate(value.bytes(), 64);
        value.copyTo(stream, host);
        entries.add(
            new SafetensorsWriter.Entry(
                p.name(), value.dtype().name(), value.shape().extents(), host));
      }
      stream.sync();
      SafetensorsWriter.write(path, entries, metadata);
    }
  }

  /**
   * Reads all parameters and buffers of a store. Nothing is changed unless the file has every
   * parameter with its shape; a buffer that the file lacks keeps its value.
   *
   * @param path the file
   * @param parameters what to fill
   * @param stream waited for
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when tensors are missing, have other shapes or numbers that are
   *     not finite; the message lists them
   */
  public static void load(Path path, ParameterStore parameters, Stream stream) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      requireFits(path, file, parameters);
      FiniteWeights.require(path.toString(), notFinite(file, parameters));
      for (Parameter p : parameters.all()) {
        if (file.contains(p.name())) {
          p.value().set(stream, file.floats(p.name()));
        }
      }
      parameters.repack(stream);
    }
  }

  /**
   * Checks that a file has every parameter of a store with its shape. With a store on a device that
   * only plans, this needs no memory: so a file that claims to hold a huge network is refused
   * before anything is allocated.
   *
   * @param path the file
   * @param parameters what it must have
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when tensors are missing or have other shapes; the message
   *     lists them
   */
  public static void requireFits(Path path, ParameterStore parameters) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      requireFits(path, file, parameters);
    }
  }

  private static void requireFits(Path path, SafetensorsFile file, ParameterStore parameters) {
    List<String> problems = new ArrayList<>();
    for (Parameter p : parameters.all()) {
      if (!file.contains(p.name())) {
        if (!p.isBuffer()) {
          problems.add("missing " + p);
        }
      } else if (!Shape.of(file.info(p.name()).shape()).equals(p.shape())) {
        problems.add(
            p.name()
                + " has shape "
                + Shape.of(file.info(p.name()).shape())
                + ", expected "
                + p.shape());
      }
    }
    if (!problems.isEmpty()) {
      TreeSet<String> unexpected = new TreeSet<>(file.names());
      parameters.all().forEach(p -> unexpected.remove(p.name()));
      throw new EqvaeException.Argument(
          path
              + " does not fit this model: "
              + summary(problems)
              + (unexpected.isEmpty()
                  ? ""
                  : "; it also holds " + summary(List.copyOf(unexpected))));
    }
  }

  private static List<String> notFinite(SafetensorsFile file, ParameterStore parameters) {
    List<String> lines = new ArrayList<>();
    for (Parameter p : parameters.all()) {
      if (file.contains(p.name())) {
        float[] values = file.floats(p.name());
        long count = FiniteWeights.count(values);
        if (count > 0) {
          lines.add(FiniteWeights.line(p.name(), count, values.length));
        }
      }
    }
    return lines;
  }

  private static String summary(List<String> items) {
    int shown = Math.min(5, items.size());
    String text = String.join(", ", items.subList(0, shown));
    return items.size() > shown ? text + " and " + (items.size() - shown) + " more" : text;
  }
}
