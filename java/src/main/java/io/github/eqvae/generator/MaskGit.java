package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
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
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * MaskGIT's transformer (arXiv 2202.04200) as valeoai/Maskgit-pytorch has it ({@code
 * Network/transformer.py}, arXiv 2310.14400): codes of a picture, some masked, and a token of its
 * label go in; for each code comes out how likely every entry of the codebook is. The table of
 * tokens is used at both ends. Names and shapes of parameters are the reference's.
 */
public final class MaskGit implements AutoCloseable {
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
  private final TensorArena constants;
  private final Map<Long, Tensor> places = new HashMap<>();

  /** What stands before and behind the blocks: norm, product, GELU, norm; before them a product. */
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

    Tensor forward(Tape tape, Tensor x) {
      Tensor h = product1.forward(tape, norm1.forward(tape, x));
      h = norm2.forward(tape, h);
      return product2 == null ? h : product2.forward(tape, h);
    }
  }

  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
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
    constants = new TensorArena(stream.device(), "places", false);
  }

  /**
   * Its shape.
   *
   * @return the config it was built with
   */
  public MaskGitConfig config() {
    return config;
  }

  /**
   * Its parameters.
   *
   * @return the store, closed with this
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * Runs the network.
   *
   * @param tape the tape
   * @param tokens {@code [N, side² + 1]} of {@code I32}: codes row by row, {@link
   *     MaskGitConfig#mask} where one is not known, then the label's {@link
   *     MaskGitConfig#labelToken}
   * @return {@code [N, side², codes + 1]}: logits; the last is that of the mask, which the
   *     reference keeps as a class
   */
  public Tensor forward(Tape tape, Tensor tokens) {
    long n = tokens.shape().dim(0);
    long count = config.tokens() + 1L;
    if (!tokens.shape().equals(Shape.of(n, count))) {
      throw new EqvaeException.Argument(
          "MaskGIT: tokens are %s, expected [N, %d]: %d×%d codes and a label"
              .formatted(tokens.shape(), count, config.side(), config.side()));
    }
    Tensor place = places.computeIfAbsent(n, k -> places(tape.stream(), k));
    Tensor table = this.table.on(tape);
    Tensor x = tape.apply(new Embedding(), table, tokens); // [N, T, D]
    x = tape.apply(new Add(), x, byPlace(tape, positions, config.width(), place));
    x = first.forward(tape, x);
    for (MaskGitBlock block : blocks) {
      x = block.forward(tape, x);
    }
    x = last.forward(tape, x);
    x = tape.apply(new io.github.eqvae.op.Linear(), x, table, null); // [N, T, rows]
    x = tape.apply(new Add(), x, byPlace(tape, bias, config.rows(), place));
    x = tape.apply(new Narrow(1, 0, config.tokens()), x);
    return tape.apply(new Narrow(2, 0, config.codes() + 1L), x);
  }

  /** The rows of a table of places, for every sample; gradients of samples are added up. */
  private Tensor byPlace(Tape tape, Parameter rows, int columns, Tensor place) {
    Tensor flat = Layers.reshape(tape, rows.on(tape), config.tokens() + 1L, columns);
    return tape.apply(new Embedding(), flat, place);
  }

  /** 0 to side², for n samples. */
  private Tensor places(Stream stream, long n) {
    int count = config.tokens() + 1;
    int[] numbers = new int[(int) n * count];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = i % count;
    }
    Tensor out = constants.tensor(Shape.of(n, count), DType.I32);
    out.setInts(stream, numbers);
    return out;
  }

  @Override
  public void close() {
    constants.close();
    parameters.close();
  }
}
