package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Embedding;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MaskGIT's transformer (arXiv 2202.04200) as in valeoai/Maskgit-pytorch ({@code
 * Network/transformer.py}, arXiv 2310.14400). The input is the codes of a picture, some of them
 * masked, and a token for its label; the output is logits over the codebook for each position. The
 * token embedding is also the output layer's weight. Names and shapes of parameters are the
 * reference's.
 */
public final class MaskGit implements MaskedTransformer {
  private static final double EPS = 1e-12; // outside the blocks
  private static final Init SMALL = new Init.Normal(0, 0.02);

  private final MaskGitConfig config;
  private final Parameter table;
  private final Parameter positions;
  private final Parameter bias;
  private final Ends first;
  private final List<MaskGitBlock> blocks = new ArrayList<>();
  private final Ends last;
  private final ParameterStore parameters;
  private final PlaceNumbers places;
  private DType activations;

  /**
   * The layers before and after the blocks: norm, linear, GELU, norm; before the blocks one more
   * linear layer.
   */
  private static final class Ends {
    private final LayerNorm norm1;
    private final Linear product1;
    private final LayerNorm norm2;
    private final @Nullable Linear product2;

    Ends(Scope scope, int width, boolean before) {
      norm1 = LayerNorm.affine(scope.in("0"), width, EPS);
      product1 = Layers.linear(scope.in("2"), width, width, Activation.GELU);
      norm2 = LayerNorm.affine(scope.in("4"), width, EPS);
      product2 = before ? Layers.linear(scope.in("6"), width, width) : null;
    }

    Tensor forward(Tape tape, Tensor x, @Nullable TokenDropout dropout, int number) {
      Tensor h = TokenDropout.at(dropout, tape, number, 0, norm1.forward(tape, x));
      h = norm2.forward(tape, product1.forward(tape, h));
      return product2 == null
          ? h
          : product2.forward(tape, TokenDropout.at(dropout, tape, number, 1, h));
    }
  }

  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public MaskGit(MaskGitConfig config, Stream stream, long seed, boolean training) {
    this.config = config;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    int width = config.width();
    long tokens = config.tokens() + 1L;
    table = root.in("tok_emb").parameter("weight", SMALL, config.rows(), width);
    positions = root.parameter("pos_emb", SMALL, 1, tokens, width);
    first = new Ends(root.in("first_layer"), width, true);
    for (int i = 0; i < config.depth(); i++) {
      blocks.add(new MaskGitBlock(root.in("transformer.layers", i), config));
    }
    last = new Ends(root.in("last_layer"), width, false);
    bias = root.parameter("bias", Init.ZEROS, tokens, config.rows());
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
    places.of(stream, samples, config.tokens() + 1);
  }

  @Override
  public Tensor forward(Tape tape, Tensor tokens, @Nullable TokenDropout dropout) {
    PlaceNumbers.check(tokens, config);
    Tensor place = places.of(tape.stream(), tokens.shape().dim(0), config.tokens() + 1);
    Tensor table = this.table.on(tape);
    Tensor x = tape.apply(new Embedding(), table, tokens); // [N, T, D]
    x = tape.apply(new Add(), x, byPlace(tape, positions, config.width(), place));
    DType whole = x.dtype();
    x = first.forward(tape, Layers.cast(tape, x, activations), dropout, 0);
    for (int i = 0; i < blocks.size(); i++) {
      x = blocks.get(i).forward(tape, x, dropout, i + 1);
    }
    x = last.forward(tape, x, dropout, blocks.size() + 1);
    x = tape.apply(new io.github.eqvae.op.Linear(), x, table, null); // [N, T, rows]
    x = Layers.cast(tape, x, whole);
    x = tape.apply(new Add(), x, byPlace(tape, bias, config.rows(), place));
    x = tape.apply(new Narrow(1, 0, config.tokens()), x);
    return tape.apply(new Narrow(2, 0, config.codes() + 1L), x);
  }

  /** The rows of a table by position, for every sample; the samples' gradients are added. */
  private Tensor byPlace(Tape tape, Parameter rows, int columns, Tensor place) {
    Tensor flat = Layers.reshape(tape, rows.on(tape), config.tokens() + 1L, columns);
    return tape.apply(new Embedding(), flat, place);
  }

  @Override
  public void close() {
    places.close();
    parameters.close();
  }
}
