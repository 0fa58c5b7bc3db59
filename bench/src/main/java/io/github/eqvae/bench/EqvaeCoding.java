package io.github.eqvae.bench;

import io.github.eqvae.bench.CodingBenchmark.Direction;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Arena;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/** Encoding or decoding by eqvae: from an array on the heap to an array on the heap. */
final class EqvaeCoding implements Work {
  private final CodingSetting setting;
  private final Device device = Device.open("cpu", Peer.threads());
  private final Stream stream = new Stream(device);
  private final Arena inputs = new Arena(device, "inputs");
  private final Arena arena = new Arena(device, "step");
  private final AutoencoderKl vae;
  private final Tensor x;
  private final float[] numbers;
  private float[] result = {};

  EqvaeCoding(CodingSetting setting) {
    this.setting = setting;
    vae = new AutoencoderKl(setting.config(), stream, 1, false);
    x = inputs.tensor(setting.input());
    numbers = setting.numbers();
  }

  AutoencoderKl vae() {
    return vae;
  }

  Stream stream() {
    return stream;
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

  @Override
  public void close() {
    vae.close();
    arena.close();
    inputs.close();
    stream.close();
    device.close();
  }
}
