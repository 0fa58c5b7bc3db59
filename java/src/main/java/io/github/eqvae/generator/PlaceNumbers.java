package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The position indices 0 to count − 1 for each sample of a batch; computed once for each size. */
final class PlaceNumbers implements AutoCloseable {
  private final Device device;
  private @Nullable TensorArena
      arena; // created on first use: a network that is only read or written needs no memory
  private final Map<Shape, Tensor> made = new HashMap<>();

  PlaceNumbers(Device device) {
    this.device = device;
  }

  /** {@code [n, count]} of I32. */
  Tensor of(Stream stream, long n, int count) {
    return made.computeIfAbsent(Shape.of(n, count), shape -> numbers(stream, shape, count));
  }

  private Tensor numbers(Stream stream, Shape shape, int count) {
    int[] numbers = new int[Math.toIntExact(shape.elements())];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = i % count;
    }
    if (arena == null) {
      arena = new TensorArena(device, "places", false);
    }
    Tensor out = arena.tensor(shape, DType.I32);
    out.setInts(stream, numbers);
    return out;
  }

  /** Checks that tokens are the codes of pictures with a label each. */
  static void check(Tensor tokens, MaskGitConfig config) {
    Shape expected = Shape.of(tokens.shape().dim(0), config.tokens() + 1L);
    if (!tokens.shape().equals(expected)) {
      throw new EqvaeException.Argument(
          "MaskGIT: tokens are %s, expected [N, %d]: %d×%d codes and a label"
              .formatted(tokens.shape(), expected.dim(1), config.side(), config.side()));
    }
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
