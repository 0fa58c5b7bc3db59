package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A block of MaskGIT's transformer: attention and an MLP, each after a layer norm. The names are
 * those of PyTorch's {@code MultiheadAttention} inside {@code PreNorm}. Source:
 * valeoai/Maskgit-pytorch {@code Network/transformer.py}.
 */
final class MaskGitBlock {
  private static final double EPS = 1e-5;

  private static final int ATTENTION = 2; // the place of its dropout

  private final int heads;
  private final LayerNorm norm1;
  private final Parameter inWeight;
  private final Parameter inBias;
  private final Linear out;
  private final LayerNorm norm2;
  private final Linear first;
  private final Linear second;

  MaskGitBlock(Scope scope, MaskGitConfig config) {
    int width = config.width();
    heads = config.heads();
    Scope attention = scope.in("0");
    norm1 = LayerNorm.affine(attention.in("norm"), width, EPS);
    Scope mha = attention.in("fn.mha");
    inWeight =
        mha.parameter("in_proj_weight", Init.xavierUniform(width, 3 * width), 3L * width, width);
    inBias = mha.parameter("in_proj_bias", Init.ZEROS, 3L * width);
    out = Layers.linear(mha.in("out_proj"), width, width);
    Scope mlp = scope.in("1");
    norm2 = LayerNorm.affine(mlp.in("norm"), width, EPS);
    first = Layers.linear(mlp.in("fn.net.0"), width, config.hidden(), Activation.GELU);
    second = Layers.linear(mlp.in("fn.net.3"), config.hidden(), width);
  }

  Tensor forward(Tape tape, Tensor x, @Nullable TokenDropout dropout, int number) { // [N, T, D]
    return tape.block((t, h) -> run(t, h, dropout, number), x);
  }

  private Tensor run(Tape tape, Tensor x, @Nullable TokenDropout dropout, int number) {
    io.github.eqvae.op.Linear product = new io.github.eqvae.op.Linear();
    Tensor h = norm1.forward(tape, x);
    h = tape.apply(product, h, inWeight.on(tape), inBias.on(tape)); // [N, T, 3·D]
    h = out.forward(tape, TokenDropout.attention(dropout, tape, number, ATTENTION, heads, h));
    x = tape.apply(new Add(), x, h);
    h = first.forward(tape, norm2.forward(tape, x));
    h = second.forward(tape, TokenDropout.at(dropout, tape, number, 0, h));
    h = TokenDropout.at(dropout, tape, number, 1, h);
    return tape.apply(new Add(), x, h); // [N, T, D]
  }
}
