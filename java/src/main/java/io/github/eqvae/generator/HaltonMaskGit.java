package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.Embedding;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Silu;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The transformer of valeoai/Halton-MaskGIT ({@code Network/transformer.py}, arXiv 2503.17076):
 * like {@link MaskGit}, but the label modulates the blocks instead of being a token, and there are
 * registers. The embedding table of the codes is also the output layer's weight. Names and shapes
 * of parameters are the reference's; its files have that table a second time as {@code
 * head.weight}.
 */
public final class HaltonMaskGit implements MaskedTransformer {
  private static final Init SMALL = new Init.Normal(0, 0.02);

  private final MaskGitConfig config;
  private final Parameter labels;
  private final Parameter table;
  private final Parameter positions;
  private final @Nullable Parameter registers;
  private final List<HaltonBlock> blocks = new ArrayList<>();
  private final LayerNorm lastNorm;
  private final Linear lastModulation;
  private final Parameter bias;
  private final ParameterStore parameters;
  private final PlaceNumbers places;
  private DType activations;

  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public HaltonMaskGit(MaskGitConfig config, Stream stream, long seed, boolean training) {
    this.config = config;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    int width = config.width();
    long codes = config.codes() + 1L;
    labels = root.in("cls_emb").parameter("weight", SMALL, config.classes() + 1L, width);
    table = root.in("tok_emb").parameter("weight", SMALL, codes, width);
    positions = root.in("pos_emb").parameter("weight", SMALL, config.tokens(), width);
    registers =
        config.registers() == 0
            ? null
            : root.in("reg_tokens").parameter("weight", SMALL, config.registers(), width);
    for (int i = 0; i < config.depth(); i++) {
      blocks.add(new HaltonBlock(root.in("transformer.layers", i), config));
    }
    lastNorm = LayerNorm.affineRms(root.in("last_norm.norm_final"), width, HaltonBlock.EPS);
    lastModulation = Layers.linear(root.in("last_norm.mlp.1"), width, 2 * width);
    bias = root.in("head").parameter("bias", Init.ZEROS, codes);
    parameters = builder.build(stream, seed, training);
    places = new PlaceNumbers(stream.device());
    activations = stream.device().dtype();
  }

  @Override
  public MaskGitConfig config() {
    return config;
  }

  @Override
  public ParameterStore parameters() {
    return parameters;
  }

  @Override
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  @Override
  public void prepare(Stream stream, int samples) {
    places.of(stream, samples, config.tokens());
    if (registers != null) {
      places.of(stream, samples, config.registers());
    }
  }

  @Override
  public Tensor forward(Tape tape, Tensor tokens, @Nullable TokenDropout dropout) {
    PlaceNumbers.check(tokens, config);
    long n = tokens.shape().dim(0);
    int count = config.tokens();
    // token numbers: first the codes, then the labels
    Tensor all = tape.apply(new Concat(0), table.on(tape), labels.on(tape));
    Tensor embedded = tape.apply(new Embedding(), all, tokens); // [N, T + 1, D]
    Tensor y = tape.apply(new Narrow(1, count, 1), embedded);
    y = tape.apply(new Silu(), Layers.reshape(tape, y, n, config.width())); // [N, D]
    Tensor active = Layers.cast(tape, y, activations);
    Tensor x = tape.apply(new Narrow(1, 0, count), embedded);
    DType whole = x.dtype();
    x = tape.apply(new Add(), x, byPlace(tape, positions, n, count));
    if (registers != null) {
      x = tape.apply(new Concat(1), x, byPlace(tape, registers, n, config.registers()));
    }
    x = Layers.cast(tape, x, activations);
    for (int i = 0; i < blocks.size(); i++) {
      x = blocks.get(i).forward(tape, x, active, dropout, i);
    }
    x = tape.apply(new Narrow(1, 0, count), x); // without registers
    Tensor m = Layers.reshape(tape, lastModulation.forward(tape, active), n, 2, config.width());
    x = lastNorm.forward(tape, x, m);
    x = tape.apply(new io.github.eqvae.op.Linear(), x, table.on(tape), bias.on(tape));
    return Layers.cast(tape, x, whole); // [N, T, codes + 1]
  }

  /** The rows of a table for every sample; the samples' gradients are added. */
  private Tensor byPlace(Tape tape, Parameter rows, long n, int count) {
    return tape.apply(new Embedding(), rows.on(tape), places.of(tape.stream(), n, count));
  }

  @Override
  public void close() {
    places.close();
    parameters.close();
  }
}
