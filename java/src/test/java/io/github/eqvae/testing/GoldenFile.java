package io.github.eqvae.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.provider.Arguments;

/**
 * Tensors that a reference implementation made, with what its own rounding did to each: the largest
 * difference between its single and double precision ({@code noise_fp32_vs_fp64} in the metadata).
 * An implementation in single precision may be off by ten times that, or by 2·10⁻⁶ of the largest.
 */
public final class GoldenFile implements AutoCloseable {
  private static final double TIMES_NOISE = 10;
  private static final double OF_LARGEST = 2e-6;

  private static final Map<Path, Set<String>> READ = new ConcurrentHashMap<>();

  private final String name;
  private final Set<String> read;
  private final SafetensorsFile file;
  private final JsonNode noise;

  private GoldenFile(Path path) throws IOException {
    name = path.getFileName().toString();
    read = READ.computeIfAbsent(path, p -> ConcurrentHashMap.newKeySet());
    file = SafetensorsFile.open(path);
    noise = new ObjectMapper().readTree(file.metadata().getOrDefault("noise_fp32_vs_fp64", "{}"));
  }

  /**
   * The files there are: of the folder that {@code -Deqvae.golden} names, else of the test's
   * resources.
   *
   * @return their paths, sorted
   */
  public static List<Path> all() throws IOException {
    String other = System.getProperty("eqvae.golden");
    Path folder =
        other != null
            ? Path.of(other)
            : Path.of(System.getProperty("eqvae.root"), "java/src/test/resources/golden");
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList();
    }
  }

  /** The files that have this tensor. */
  public static List<Path> with(String... tensors) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path path : all()) {
      try (GoldenFile golden = open(path)) {
        if (Stream.of(tensors).allMatch(golden::has)) {
          found.add(path);
        }
      }
    }
    return found;
  }

  /**
   * The files that have these tensors, of which there must be one; only a folder that {@code
   * -Deqvae.golden} names may have none, and the test is skipped then.
   */
  public static List<Path> needed(String... tensors) throws IOException {
    List<Path> found = with(tensors);
    boolean other = System.getProperty("eqvae.golden") != null;
    String none = "no golden file has " + String.join(", ", tensors);
    Assumptions.assumeFalse(found.isEmpty() && other, none);
    Assertions.assertFalse(found.isEmpty(), none);
    return found;
  }

  /** The files that have these tensors, each on every device: arguments (device, path). */
  public static List<Arguments> onDevices(String... tensors) throws IOException {
    List<Path> files = with(tensors);
    return Devices.computing().stream()
        .flatMap(d -> files.stream().map(f -> Arguments.of(d, f)))
        .toList();
  }

  public static GoldenFile open(Path path) throws IOException {
    return new GoldenFile(path);
  }

  /**
   * Tensors of a file whose values nothing has asked for since this process began.
   *
   * @param path one of {@link #all}
   * @return their names, in the file's order
   */
  public static List<String> unread(Path path) throws IOException {
    try (GoldenFile golden = open(path)) {
      return golden.names().stream().filter(n -> !golden.read.contains(n)).toList();
    }
  }

  public boolean has(String tensor) {
    return file.contains(tensor);
  }

  public List<String> names() {
    return file.names();
  }

  public Shape shape(String tensor) {
    return Shape.of(file.info(tensor).shape());
  }

  /** The values of a tensor of any dtype that the files have. */
  public double[] values(String tensor) {
    read.add(tensor);
    String dtype = file.info(tensor).dtype();
    if ("I64".equals(dtype)) {
      MemorySegment segment = file.segment(tensor);
      double[] out = new double[(int) shape(tensor).elements()];
      for (int i = 0; i < out.length; i++) {
        out[i] =
            segment.get(
                ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                (long) Long.BYTES * i);
      }
      return out;
    }
    if ("F64".equals(dtype)) {
      MemorySegment segment = file.segment(tensor);
      double[] out = new double[(int) (segment.byteSize() / Double.BYTES)];
      for (int i = 0; i < out.length; i++) {
        out[i] =
            segment.get(
                ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                (long) Double.BYTES * i);
      }
      return out;
    }
    if ("U8".equals(dtype)) {
      MemorySegment segment = file.segment(tensor);
      double[] out = new double[(int) segment.byteSize()];
      for (int i = 0; i < out.length; i++) {
        out[i] = segment.get(ValueLayout.JAVA_BYTE, i) & 0xff;
      }
      return out;
    }
    float[] floats = file.floats(tensor);
    double[] out = new double[floats.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = floats[i];
    }
    return out;
  }

  /** Images from NCHW, as the files have them, to NHWC. */
  public double[] nhwc(String tensor) {
    return nhwc(values(tensor), shape(tensor));
  }

  /** The same for numbers of {@code shape}, whose last three axes are C, H, W. */
  public static double[] nhwc(double[] in, Shape shape) {
    int channels = shape.size(shape.rank() - 3);
    int pixels = shape.size(shape.rank() - 2) * shape.size(shape.rank() - 1);
    double[] out = new double[in.length];
    for (int i = 0; i < in.length; i++) {
      int c = i / pixels % channels;
      out[(i / (channels * pixels) * pixels + i % pixels) * channels + c] = in[i];
    }
    return out;
  }

  /** Whole numbers, which the files keep in other types. */
  public static int[] ints(double... values) {
    return Arrays.stream(values).mapToInt(v -> (int) v).toArray();
  }

  /** Results as the files have them. */
  public static double[] doubles(float... values) {
    double[] out = new double[values.length];
    Arrays.setAll(out, i -> values[i]);
    return out;
  }

  /** Demands that these are the tensor's values, in its order. */
  public void compare(String tensor, double[] actual) {
    compare(tensor, values(tensor), actual);
  }

  /** Demands these values to the bit, rounded to the tensor's type: grids of times. */
  public void compareExactly(String tensor, double... actual) {
    double[] expected = values(tensor);
    boolean single = "F32".equals(file.info(tensor).dtype());
    double[] rounded = Arrays.stream(actual).map(v -> single ? (float) v : v).toArray();
    double[] none = new double[expected.length];
    Compare.within(name + " " + tensor, Shape.of(expected.length), expected, rounded, none);
  }

  /** Demands that images in NHWC are the tensor's. */
  public void compareNhwc(String tensor, double[] actual) {
    compare(tensor, nhwc(tensor), actual);
  }

  private void compare(String tensor, double[] expected, double[] actual) {
    double tolerance = tolerance(tensor, expected);
    double[] bounds = new double[expected.length];
    Arrays.fill(bounds, tolerance);
    Compare.within(name + " " + tensor, Shape.of(expected.length), expected, actual, bounds);
  }

  private double tolerance(String tensor, double[] expected) {
    double measured = noise.path(tensor).asDouble(0);
    return Math.max(TIMES_NOISE * measured, OF_LARGEST * Compare.maximum(expected));
  }

  /** How far values are from a tensor's, in tolerances. */
  public double distance(String tensor, double[] expected, double[] actual) {
    double most = 0;
    for (int i = 0; i < expected.length; i++) {
      most = Math.max(most, Math.abs(expected[i] - actual[i]));
    }
    return most / tolerance(tensor, expected);
  }

  @Override
  public String toString() {
    return name;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
