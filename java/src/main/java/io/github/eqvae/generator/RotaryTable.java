package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.tensor.Tensor;

/** Cosines and sines of the rotary positions, which are saved with the model. */
final class RotaryTable {
  private final Parameter cos;
  private final Parameter sin;

  RotaryTable(Scope scope, DitConfig config) {
    int size = config.headSize();
    int side = config.side() / config.patch();
    cos =
        scope.buffer(
            "freqs_cos",
            new Init.Table(Positions.rotary(size, side, false)),
            config.tokens(),
            size);
    sin =
        scope.buffer(
            "freqs_sin", new Init.Table(Positions.rotary(size, side, true)), config.tokens(), size);
  }

  Tensor cos() {
    return cos.value();
  }

  Tensor sin() {
    return sin.value();
  }
}
