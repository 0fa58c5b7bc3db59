package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.GoldenFile;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** A network of a golden file's shape, with its weights, on a device. */
final class GoldenNetwork implements AutoCloseable {
  final GoldenFile golden;
  final DitConfig config;
  final Device device;
  final Stream stream;
  final Arena arena;
  final Dit dit;

  GoldenNetwork(GoldenFile golden, String device, int heads) {
    this.golden = golden;
    config = config(golden, heads);
    this.device = Device.open(device);
    stream = new Stream(this.device);
    arena = new Arena(this.device, "golden", false);
    dit = new Dit(config, stream, 1, true);
    load();
  }

  /** What a file's names and shapes say; the number of heads is in none of them. */
  static DitConfig config(GoldenFile g, int heads) {
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
    boolean nullClass = g.has("cfg.in.y");
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

  private static boolean isWeight(String name) {
    return Set.of(
            "pos_embed",
            "x_embedder",
            "t_embedder",
            "y_embedder",
            "feat_rope",
            "blocks",
            "final_layer")
        .contains(name.contains(".") ? name.substring(0, name.indexOf('.')) : name);
  }

  /** Names and shapes must be the file's, all of them; tables that are computed, too. */
  private void load() {
    TreeSet<String> names = new TreeSet<>();
    golden.names().stream().filter(GoldenNetwork::isWeight).forEach(names::add);
    TreeSet<String> ours = new TreeSet<>();
    dit.parameters().all().forEach(p -> ours.add(p.name()));
    assertEquals(names, ours);
    for (Parameter p : dit.parameters().all()) {
      assertEquals(golden.shape(p.name()), p.shape(), p.name());
      if (p.isBuffer()) {
        golden.compare(p.name(), p.value().toDoubles(stream));
      }
      p.value().set(stream, golden.values(p.name()));
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
