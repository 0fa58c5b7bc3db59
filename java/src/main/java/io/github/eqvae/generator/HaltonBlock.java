package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.GatedAdd;
import io.github.eqvae.op.GatedUnit;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A block of Halton-MaskGIT's transformer: attention and a SwiGLU MLP, each after an RMS norm and
 * before a gate. The label gives the scale and shift of the norm, and the gate (adaLN-Zero).
 * Queries and keys are normalised over their full width. Source: {@code Block} of
 * valeoai/Halton-MaskGIT {@code Network/transformer.py}.
 */
final class HaltonBlock {
  static final double EPS = 1e-5;

  /**
   * The MLP's hidden width is two thirds of the configured one, rounded up to a multiple of this.
   */
  private static final int MULTIPLE = 256;

  private static final int ATTENTION = 2; // the place of its dropout
  private static final int PARTS = 6; // shift, scale and gate, twice
  private static final LayerNorm FULL_WIDTH = LayerNorm.plainRms(EPS);

  private final int width;
  private final int heads;
  private final Linear modulation;
  private final LayerNorm norm1;
  private final Parameter query;
  private final Parameter key;
  private final Parameter value;
  private final Parameter out;
  private final LayerNorm norm2;
  private final Parameter gate;
  private final Parameter up;
  private final Parameter down;

  HaltonBlock(Scope scope, MaskGitConfig config) {
    width = config.width();
    heads = config.heads();
    modulation = Layers.zero(scope.in("mlp.1"), width, PARTS * width);
    norm1 = LayerNorm.rms(scope.in("ln1"), width, EPS);
    query = weight(scope.in("attn.wq"), width, width);
    key = weight(scope.in("attn.wk"), width, width);
    value = weight(scope.in("attn.wv"), width, width);
    out = weight(scope.in("attn.wo"), width, width);
    norm2 = LayerNorm.rms(scope.in("ln2"), width, EPS);
    int hidden = hidden(config);
    gate = weight(scope.in("ff.w1"), width, hidden);
    down = weight(scope.in("ff.w2"), hidden, width);
    up = weight(scope.in("ff.w3"), width, hidden);
  }

  /** The hidden width of the MLP. */
  static int hidden(MaskGitConfig config) {
    int two = (int) (2L * config.hidden() / 3);
    return MULTIPLE * ((two + MULTIPLE - 1) / MULTIPLE);
  }

  private static Parameter weight(Scope scope, int in, int out) {
    return scope.parameter("weight", Init.xavierUniform(in, out), out, in);
  }

  static Tensor product(Tape tape, Tensor x, Parameter weight) {
    return tape.apply(new io.github.eqvae.op.Linear(), x, weight.on(tape), null);
  }

  /** {@code active} is silu of the label's embedding, {@code [N, D]}. */
  Tensor forward(Tape tape, Tensor x, Tensor active, @Nullable TokenDropout dropout, int number) {
    return tape.block((t, h, a) -> run(t, h, a, dropout, number), x, active); // [N, T, D]
  }

  private Tensor run(
      Tape tape, Tensor x, Tensor active, @Nullable TokenDropout dropout, int number) {
    Tensor m = modulation.forward(tape, active); // [N, 6·D]
    m = Layers.reshape(tape, m, m.shape().dim(0), PARTS, width);
    Tensor h = norm1.forward(tape, x, Layers.parts(tape, m, 0, 2));
    h = attention(tape, h, dropout, number);
    h = TokenDropout.at(dropout, tape, number, 0, h);
    x = tape.apply(new GatedAdd(), x, Layers.part(tape, m, 2), h);
    h = norm2.forward(tape, x, Layers.parts(tape, m, 3, 2));
    h = tape.apply(new Concat(2), product(tape, h, gate), product(tape, h, up));
    h = TokenDropout.at(dropout, tape, number, 1, tape.apply(new GatedUnit(), h));
    return tape.apply(new GatedAdd(), x, Layers.part(tape, m, 5), product(tape, h, down));
  }

  private Tensor attention(Tape tape, Tensor x, @Nullable TokenDropout dropout, int number) {
    Tensor q = FULL_WIDTH.forward(tape, product(tape, x, query));
    Tensor k = FULL_WIDTH.forward(tape, product(tape, x, key));
    Tensor qkv = tape.apply(new Concat(2), q, k, product(tape, x, value)); // [N, T, 3·D]
    return product(tape, TokenDropout.attention(dropout, tape, number, ATTENTION, heads, qkv), out);
  }
}
