package io.github.eqvae.bench.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.junit.jupiter.api.Test;

/** LPIPS in its published size, with random weights, against libtorch's double precision. */
class LpipsOracleTest {
  private static final double RELATIVE = 1e-4;
  private static final int IMAGES = 2;
  private static final int SIDE = 64;

  @Test
  void distancesAreLibtorchs() {
    Shape shape = Shape.of(IMAGES, SIDE, SIDE, 3);
    float[] a = Twins.images(IMAGES, SIDE);
    float[] b = a.clone();
    Random random = new Random(1);
    for (int i = 0; i < b.length; i++) {
      b[i] = Math.clamp(b[i] + 0.2f * (float) random.nextGaussian(), -1, 1);
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard();
        Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        Lpips lpips = new Lpips(64, stream, 5)) {
      assertEquals(14_714_688 + 1472, lpips.parameters().count());
      for (Parameter p : lpips.parameters().all()) {
        if (p.name().startsWith("lin") || p.name().endsWith(".bias")) {
          p.value().set(stream, random.doubles(p.shape().elements(), 0, 1).toArray());
        }
      }
      Tensor x = arena.tensor(shape);
      Tensor y = arena.tensor(shape);
      x.set(stream, a);
      y.set(stream, b);
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      double[] actual = lpips.forward(tape, x, y).toDoubles(stream);
      TorchParameters parameters =
          new TorchParameters(lpips.parameters(), stream, new TorchOptions(true, false));
      double[] expected =
          Twins.values(
              new TorchLpips(parameters).distance(Twins.nchw(a, shape), Twins.nchw(b, shape)));
      assertEquals(IMAGES, actual.length);
      for (int i = 0; i < IMAGES; i++) {
        assertEquals(expected[i], actual[i], RELATIVE * expected[i]);
      }
    }
  }
}
