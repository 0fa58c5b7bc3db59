package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.op.Embedding;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The diffusion transformer (Peebles and Xie, arXiv 2212.09748): a latent's patches are tokens, and
 * time and label modulate the blocks. SiT (arXiv 2401.08740) is the same network. The names, shapes
 * and initialisation of parameters are those of facebookresearch/DiT {@code models.py}; with
 * LightningDiT's options those of hustvl/LightningDiT.
 *
 * <p>Latents are NHWC and in single precision. Activations may be in another dtype ({@link
 * #computeIn}); the condition is computed in single precision. The table of positions is a constant
 * buffer.
 */
public final class Dit {
  private static final Init LABELS = new Init.Normal(0, 0.02);

  private final DitConfig config;
  private final Parameter positions;
  private final PatchEmbed patches;
  private final TimestepEmbedder times;
  private final @Nullable Parameter labels;
  private final @Nullable RotaryTable rotary;
  private final List<DitBlock> blocks = new ArrayList<>();
  private final FinalLayer last;
  private final @Nullable Alignment alignment;
  private final List<Projector> projectors = new ArrayList<>();
  private final ParameterStore parameters;
  private DType activations;

  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public Dit(DitConfig config, Stream stream, long seed, boolean training) {
    this(config, null, stream, seed, training);
  }

  /**
   * Builds a network with random weights and REPA's projectors, which predict features.
   *
   * @param config its shape
   * @param alignment the projectors; null for none
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   * @param training whether to keep memory for gradients
   * @throws EqvaeException.Argument if there are fewer blocks than the alignment's depth
   */
  public Dit(
      DitConfig config, @Nullable Alignment alignment, Stream stream, long seed, boolean training) {
    this.config = config;
    this.alignment = alignment;
    if (alignment != null && alignment.depth() > config.depth()) {
      throw new EqvaeException.Argument(
          "REPA: projectors after block %d, but the network has only %d blocks"
              .formatted(alignment.depth(), config.depth()));
    }
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    int width = config.width();
    int side = config.side() / config.patch();
    positions =
        root.buffer(
            "pos_embed", new Init.Table(Positions.sinCos(width, side)), 1, config.tokens(), width);
    patches = new PatchEmbed(root.in("x_embedder"), config.channels(), config.patch(), width);
    times = new TimestepEmbedder(root.in("t_embedder"), width);
    labels =
        config.classes() > 0
            ? root.in("y_embedder.embedding_table")
                .parameter("weight", LABELS, config.labels(), width)
            : null;
    rotary = config.rope() ? new RotaryTable(root.in("feat_rope"), config) : null;
    for (int i = 0; i < config.depth(); i++) {
      blocks.add(new DitBlock(root.in("blocks", i), config));
    }
    if (alignment != null) {
      for (int i = 0; i < alignment.widths().size(); i++) {
        Scope scope = root.in("projectors", i);
        projectors.add(new Projector(scope, width, alignment.hidden(), alignment.widths().get(i)));
      }
    }
    last = new FinalLayer(root.in("final_layer"), config);
    parameters = builder.build(stream, seed, training);
    activations = stream.device().dtype();
  }

  /**
   * The network's shape.
   *
   * @return the config it was built with
   */
  public DitConfig config() {
    return config;
  }

  /**
   * The network's projectors.
   *
   * @return null for networks without projectors
   */
  public @Nullable Alignment alignment() {
    return alignment;
  }

  /**
   * Its parameters, and the buffer {@code pos_embed}.
   *
   * @return the store, which the caller closes
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * Chooses the dtype of activations.
   *
   * @param dtype a dtype that the device can compute in
   */
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  /**
   * Runs the network.
   *
   * @param tape the tape
   * @param x noisy latents {@code [N, side, side, channels]}
   * @param t times {@code [N]}: DiT's steps, SiT's times from 0 to 1
   * @param y labels {@code [N]} of {@code I32}, from 0 to classes − 1, or {@code classes} for the
   *     null class if there is one; null for an unconditional network. Any other number makes its
   *     sample NaN
   * @return {@code [N, side, side, outChannels]}
   */
  public Tensor forward(Tape tape, Tensor x, Tensor t, @Nullable Tensor y) {
    return run(tape, x, t, y, null);
  }

  /**
   * The network's output, and the projectors' output.
   *
   * @param output {@code [N, side, side, outChannels]}
   * @param features {@code [N, T, width]} for each of the alignment's widths
   */
  public record Aligned(Tensor output, List<Tensor> features) {}

  /**
   * Runs a network with projectors. Sampling only needs {@link #forward}.
   *
   * @param tape the tape
   * @param x noisy latents {@code [N, side, side, channels]}
   * @param t times {@code [N]}
   * @param y labels, as for {@link #forward}
   * @return output and features
   */
  public Aligned forwardAligned(Tape tape, Tensor x, Tensor t, @Nullable Tensor y) {
    List<Tensor> features = new ArrayList<>();
    return new Aligned(run(tape, x, t, y, features), features);
  }

  private Tensor run(
      Tape tape, Tensor x, Tensor t, @Nullable Tensor y, @Nullable List<Tensor> features) {
    check(x, t, y);
    Tensor active = tape.apply(new Silu(), condition(tape, t, y)); // [N, D]
    active = Layers.cast(tape, active, activations);
    Tensor h = embed(tape, x); // [N, T, D]
    for (int i = 0; i < blocks.size(); i++) {
      h = blocks.get(i).forward(tape, h, active, rotary);
      if (features != null && alignment != null && i + 1 == alignment.depth()) {
        for (Projector projector : projectors) {
          features.add(Layers.cast(tape, projector.forward(tape, h), x.dtype()));
        }
      }
    }
    return last.forward(tape, h, active, x.dtype());
  }

  private void check(Tensor x, Tensor t, @Nullable Tensor y) {
    Shape expected = Shape.of(x.shape().dim(0), config.side(), config.side(), config.channels());
    if (!x.shape().equals(expected)) {
      throw new EqvaeException.Argument(
          "DiT: latents are %s, expected %s: this network is for latents of %d×%d×%d"
              .formatted(x.shape(), expected, config.side(), config.side(), config.channels()));
    }
    Shape each = Shape.of(x.shape().dim(0));
    if (!t.shape().equals(each) || (y != null && !y.shape().equals(each))) {
      throw new EqvaeException.Argument(
          "DiT: %d latents need as many times and labels, got %s and %s"
              .formatted(x.shape().dim(0), t.shape(), y == null ? "none" : y.shape()));
    }
    if ((y == null) != (labels == null)) {
      throw new EqvaeException.Argument(
          y == null
              ? "DiT: labels are missing: pass them, or the null class " + config.classes()
              : "DiT: this network has no classes: pass no labels");
    }
  }

  /** The condition of time and label, {@code [N, D]}. */
  Tensor condition(Tape tape, Tensor t, @Nullable Tensor y) {
    Tensor c = times.forward(tape, t);
    if (labels == null || y == null) {
      return c;
    }
    return tape.apply(new Add(), c, tape.apply(new Embedding(), labels.on(tape), y));
  }

  /** Tokens before their positions are added, {@code [N, T, D]}. */
  Tensor patches(Tape tape, Tensor x) {
    return patches.forward(tape, x);
  }

  private Tensor embed(Tape tape, Tensor x) {
    long n = x.shape().dim(0);
    long values = (long) config.tokens() * config.width();
    Tensor h = Layers.reshape(tape, patches(tape, x), n, values);
    Tensor table = positions.value().reshape(Shape.of(values));
    h = tape.apply(new ChannelAffine(), h, null, table);
    h = Layers.reshape(tape, h, n, config.tokens(), config.width());
    return Layers.cast(tape, h, activations);
  }

  /** The output of one block, for tests; {@code active} is that of {@link DitBlock#forward}. */
  Tensor block(Tape tape, int index, Tensor x, Tensor active) {
    return blocks.get(index).forward(tape, x, active, rotary);
  }

  /** Embedded latents with positions. */
  Tensor tokens(Tape tape, Tensor x) {
    return embed(tape, x);
  }
}
