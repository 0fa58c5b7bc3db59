package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.GoldenFile;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** A network of a golden file's shape, with its weights, on a device. */
final class GoldenNetwork implements AutoCloseable {
  /** Of a head, on all devices. */
  private static final int MOST_CHANNELS = 128;

  final GoldenFile golden;
  final DitConfig config;
  final Device device;
  final Stream stream;
  final TensorArena arena;
  final Dit dit;
  private final String prefix;

  GoldenNetwork(GoldenFile golden, String device, int heads) {
    this(golden, device, heads, "");
  }

  /** {@code prefix} is what the names of weights begin with. */
  GoldenNetwork(GoldenFile golden, String device, int heads, String prefix) {
    this(golden, device, heads, prefix, 1);
  }

  /** {@code alignedAfter} is the number of blocks before projectors, if the file has some. */
  GoldenNetwork(GoldenFile golden, String device, int heads, String prefix, int alignedAfter) {
    this.golden = golden;
    this.prefix = prefix;
    config = config(golden, heads, prefix);
    this.device = Device.open(device);
    stream = new Stream(this.device);
    arena = new TensorArena(this.device, "golden", false);
    dit = new Dit(config, alignment(golden, prefix, alignedAfter), stream, 1, true);
    load();
  }

  /**
   * The number of heads, which no name or shape says: of those that are possible the one with which
   * an answer is nearest. All comparisons are made with it.
   */
  static int heads(GoldenFile golden, ToDoubleFunction<GoldenNetwork> distance) {
    int width = golden.shape("x_embedder.proj.weight").size(0);
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int heads = 1; heads <= width; heads++) {
      if (width % heads == 0 && width / heads <= MOST_CHANNELS) {
        try (GoldenNetwork net = new GoldenNetwork(golden, "cpu", heads)) {
          double off = distance.applyAsDouble(net);
          best = off < least ? heads : best;
          least = Math.min(least, off);
        }
      }
    }
    return best;
  }

  /** What a file's names and shapes say; the number of heads is in none of them. */
  private static DitConfig config(GoldenFile golden, int heads, String prefix) {
    Names g = new Names(golden, prefix);
    Shape patches = g.shape("x_embedder.proj.weight");
    int width = patches.size(0);
    int patch = patches.size(2);
    int side = (int) Math.round(Math.sqrt(g.shape("pos_embed").dim(1))) * patch;
    int depth = 0;
    while (g.has("blocks." + depth + ".attn.qkv.weight")) {
      depth++;
    }
    boolean swiGlu = g.has("blocks.0.mlp.w12.weight");
    int hidden = g.shape(swiGlu ? "blocks.0.mlp.w3.weight" : "blocks.0.mlp.fc2.weight").size(1);
    boolean nullClass = NULL_CLASS.stream().anyMatch(golden::has);
    int labels = g.shape("y_embedder.embedding_table.weight").size(0);
    long last = g.shape("final_layer.linear.weight").dim(0) / patch / patch;
    return new DitConfig(
        patches.size(1),
        side,
        patch,
        width,
        depth,
        heads,
        (swiGlu ? 1.5 : 1) * hidden / width,
        nullClass ? labels - 1 : labels,
        nullClass,
        last == 2 * patches.dim(1),
        g.has("blocks.0.attn.q_norm.weight"),
        g.has("final_layer.norm_final.weight"),
        swiGlu,
        g.has("feat_rope.freqs_cos"),
        g.shape("blocks.0.adaLN_modulation.1.weight").dim(0) == 6L * width);
  }

  private static @Nullable Alignment alignment(GoldenFile golden, String prefix, int after) {
    Names g = new Names(golden, prefix);
    List<Integer> widths = new ArrayList<>();
    while (g.has("projectors." + widths.size() + ".4.weight")) {
      widths.add(g.shape("projectors." + widths.size() + ".4.weight").size(0));
    }
    return widths.isEmpty()
        ? null
        : new Alignment(after, g.shape("projectors.0.0.weight").size(0), widths);
  }

  /** What only files of networks with a null class have. */
  private static final List<String> NULL_CLASS =
      List.of("cfg.in.y", "rnd.drop", "rnd.train.drop", "out.vb.clip0", "calls.euler_cfg");

  /** The weights of a file. */
  private record Names(GoldenFile golden, String prefix) {
    Shape shape(String name) {
      return golden.shape(prefix + name);
    }

    boolean has(String name) {
      return golden.has(prefix + name);
    }
  }

  private static boolean isWeight(String name) {
    return Set.of(
            "pos_embed",
            "x_embedder",
            "t_embedder",
            "y_embedder",
            "feat_rope",
            "blocks",
            "projectors",
            "final_layer")
        .contains(name.contains(".") ? name.substring(0, name.indexOf('.')) : name);
  }

  /** Names and shapes must be the file's, all of them; tables that are computed, too. */
  private void load() {
    TreeSet<String> names = new TreeSet<>();
    golden.names().stream()
        .filter(name -> name.startsWith(prefix))
        .map(name -> name.substring(prefix.length()))
        .filter(GoldenNetwork::isWeight)
        .forEach(names::add);
    TreeSet<String> ours = new TreeSet<>();
    dit.parameters().all().forEach(p -> ours.add(p.name()));
    assertEquals(names, ours);
    for (Parameter p : dit.parameters().all()) {
      assertEquals(golden.shape(prefix + p.name()), p.shape(), p.name());
      if (p.isBuffer()) {
        golden.compare(prefix + p.name(), p.value().toDoubles(stream));
      }
      p.value().set(stream, golden.values(prefix + p.name()));
    }
  }

  Tensor tensor(Shape shape, double... values) {
    Tensor t = arena.tensor(shape, device.dtype());
    t.set(stream, values);
    return t;
  }

  /** A tensor of the file as it is. */
  Tensor tensor(String name) {
    return tensor(golden.shape(name), golden.values(name));
  }

  /** An image of the file. */
  Tensor image(String name) {
    Shape s = golden.shape(name);
    return tensor(Shape.of(s.dim(0), s.dim(2), s.dim(3), s.dim(1)), golden.nhwc(name));
  }

  Tensor labels(String name) {
    return labels(golden.values(name));
  }

  Tensor labels(double... values) {
    Tensor y = arena.tensor(Shape.of(values.length), DType.I32);
    int[] ints = new int[values.length];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = (int) values[i];
    }
    y.setInts(stream, ints);
    return y;
  }

  /** Labels with those that are dropped replaced by the null class. */
  Tensor labels(double[] y, double[] drop) {
    double[] out = y.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] = drop[i] == 1 ? config.classes() : out[i];
    }
    return labels(out);
  }

  /** A batch that a loss corrupted, with what the network is told beside it. */
  DenoisingLoss.Corrupted corrupt(
      DenoisingLoss loss, Tape tape, Tensor data, Tensor noise, double... times) {
    double[] rows = new double[times.length * loss.columns()];
    for (int n = 0; n < times.length; n++) {
      System.arraycopy(loss.row(times[n]), 0, rows, n * loss.columns(), loss.columns());
    }
    return loss.corrupt(tape, data, noise, tensor(Shape.of(times.length, loss.columns()), rows));
  }

  /** The loss of each sample. */
  double[] total(List<DenoisingLoss.Term> terms) {
    double[] total = null;
    for (DenoisingLoss.Term term : terms) {
      double[] values = read(term.perSample());
      total = total == null ? new double[values.length] : total;
      for (int n = 0; n < values.length; n++) {
        total[n] += term.weight() * values[n];
      }
    }
    return total;
  }

  /** Where the mean of the samples' losses starts its way back. */
  static List<Seed> seeds(Tape tape, List<DenoisingLoss.Term> terms) {
    return terms.stream()
        .map(t -> tape.seed(t.perSample(), t.weight() / t.perSample().shape().dim(0)))
        .toList();
  }

  static float[] floats(double[] in) {
    float[] out = new float[in.length];
    for (int i = 0; i < in.length; i++) {
      out[i] = (float) in[i];
    }
    return out;
  }

  Tape tape(Tape.Mode mode) {
    return new Tape(stream, arena, mode);
  }

  double[] read(Tensor t) {
    if (t.isContiguous()) {
      return t.toDoubles(stream);
    }
    Tensor dense = arena.tensor(t.shape(), t.dtype());
    t.copyTo(stream, dense);
    return dense.toDoubles(stream);
  }

  /** Every gradient of a weight that the file has, against what a backward pass delivered. */
  void compareGradients() {
    dit.parameters().gradients(stream); // fills in zeros
    List<String> names = golden.names().stream().filter(n -> n.startsWith("grad.")).toList();
    assertFalse(names.isEmpty(), "the file has no gradients");
    for (String name : names) {
      Parameter p = dit.parameters().get(name.substring("grad.".length()));
      golden.compare(name, p.gradient().toDoubles(stream));
    }
    dit.parameters().newUpdate();
  }

  @Override
  public void close() {
    arena.close();
    dit.parameters().close();
    stream.close();
    device.close();
  }
}
