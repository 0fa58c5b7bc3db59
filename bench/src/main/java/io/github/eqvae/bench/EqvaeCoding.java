package io.github.eqvae.bench;

import io.github.eqvae.bench.CodingBenchmark.Direction;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/** Encoding or decoding by eqvae: from an array on the heap to an array on the heap. */
final class EqvaeCoding extends EqvaeModelWork {
  private final CodingSetting setting;
  private final Tensor x;
  private final float[] numbers;
  private float[] result = {};

  EqvaeCoding(CodingSetting setting) {
    super(setting.config(), false);
    this.setting = setting;
    x = inputs.tensor(setting.input());
    numbers = setting.numbers();
  }

  @Override
  public void run() {
    x.set(stream, numbers);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    Tensor y = setting.direction() == Direction.ENCODE ? vae.encode(tape, x) : vae.decode(tape, x);
    result = y.toFloats(stream);
    arena.reset();
  }

  @Override
  public float[] result() {
    return result;
  }
}
