package io.github.eqvae.equivariance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Translation and blending as τ: image and latent are changed alike, by whole latent pixels. */
class ShiftsAndBlendsTest {
  private static final int N = 3;
  private static final int SIDE = 16;
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), SIDE, 2, 2, 4, true, true);

  /**
   * (1 − share) of a sample and share of the next, then what is still in the frame after the shift.
   */
  private static float[] changed(float[] x, int side, double share, int down, int right) {
    int c = x.length / N / side / side;
    int height = side - Math.abs(down);
    int width = side - Math.abs(right);
    float[] out = new float[N * height * width * c];
    int at = 0;
    for (int n = 0; n < N; n++) {
      for (int y = Math.max(0, -down); y < side + Math.min(0, -down); y++) {
        for (int column = Math.max(0, -right); column < side + Math.min(0, -right); column++) {
          for (int k = 0; k < c; k++) {
            int within = (y * side + column) * c + k;
            float own = x[n * side * side * c + within];
            float next = x[(n + 1) % N * side * side * c + within];
            out[at++] = (float) ((1 - share) * own + share * next);
          }
        }
      }
    }
    assertEquals(out.length, at);
    return out;
  }

  @ParameterizedTest
  @CsvSource({"0, 2, -1", "0, -3, 0", "0.25, 0, 0", "0.375, 1, 2"})
  void imageAndLatentAreChangedAlike(double share, int down, int right) {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false)) {
      float[] images = new float[N * SIDE * SIDE * 3];
      Random random = new Random(5);
      for (int i = 0; i < images.length; i++) {
        images[i] = 2 * random.nextFloat() - 1;
      }
      Tensor x = arena.tensor(Shape.of(N, SIDE, SIDE, 3));
      x.set(stream, images);
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor mean = arena.tensor(Shape.of(N, SIDE / 2, SIDE / 2, 2));
      vae.mode(tape, vae.encode(tape, x)).copyTo(stream, mean);
      Draw draw =
          new Draw(Draw.Branch.EQUIVARIANT, SpatialTransform.IDENTITY.shifted(down, right), share);
      EqObjective.Noise none =
          (t, shape, group) -> {
            Tensor zero = t.arena().tensor(shape);
            zero.fill(stream, 0);
            return zero;
          };
      ForwardPasses forward =
          new ForwardPasses(
              vae, EqOptions.RELEASED, LossOptions.RELEASED, new Measures(null, null, null));
      Pass pass =
          forward
              .passes(tape, new EqObjective.Input(x, null), List.of(draw, draw, draw), none)
              .getFirst();
      float[] target = changed(images, SIDE, share, 2 * down, 2 * right);
      assertArrayEquals(target, pass.target().toFloats(stream), 1e-6f);
      float[] latent = changed(mean.toFloats(stream), SIDE / 2, share, down, right);
      assertArrayEquals(latent, pass.bottleneck().value().toFloats(stream), 1e-5f);
      assertEquals(pass.target().shape(), pass.reconstruction().shape());
    }
  }
}
