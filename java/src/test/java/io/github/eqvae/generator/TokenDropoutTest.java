package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.op.Dropout;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.tape.Recorded;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Where MaskGIT's networks drop numbers in training. */
class TokenDropoutTest {
  private static final int DEPTH = 2;

  @ParameterizedTest
  @EnumSource
  void weightsOfAttentionAreDroppedInTrainingOnly(MaskGitConfig.Kind kind) {
    MaskGitConfig config = new MaskGitConfig(kind, 2, 5, 3, 8, DEPTH, 2, 16, 0);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        MaskedTransformer network = MaskedTransformer.of(config, stream, 1, true)) {
      Tensor counter = arena.tensor(Shape.SCALAR, DType.F64);
      counter.set(stream, 3);
      assertEquals(List.of(0.0, 0.0), rates(network, stream, arena, null));
      assertEquals(
          List.of(0.0, 0.0), rates(network, stream, arena, new TokenDropout(0, 7, counter)));
      assertEquals(
          List.of(0.25, 0.25), rates(network, stream, arena, new TokenDropout(0.25, 7, counter)));
    }
  }

  /** The rate of each attention; no two layers may draw the same numbers. */
  private static List<Double> rates(
      MaskedTransformer network, Stream stream, TensorArena arena, @Nullable TokenDropout dropout) {
    Tensor tokens = arena.tensor(Shape.of(1, 5), DType.I32);
    tokens.setInts(stream, new int[] {0, 1, 2, 3, network.config().labelToken(0)});
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    network.forward(tape, tokens, dropout);
    List<Double> rates = new ArrayList<>();
    List<Long> purposes = new ArrayList<>();
    for (Recorded.Call call : Recorded.of(tape)) {
      if (call.op() instanceof SelfAttention attention) {
        rates.add(attention.rate());
        purposes.addAll(attention.rate() > 0 ? List.of(attention.purpose()) : List.of());
      } else if (call.op() instanceof Dropout other) {
        purposes.add(other.purpose());
      }
    }
    assertEquals(purposes.size(), new HashSet<>(purposes).size());
    return rates;
  }
}
