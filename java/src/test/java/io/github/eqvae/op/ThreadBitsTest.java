package io.github.eqvae.op;

import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.testing.Compare;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a transformer computes on the processor has the same bits on any number of threads, at sizes
 * at which libraries share the work out: those of DiT-S at 32×32×4, a batch of 8, and of others.
 */
@ExtendWith(CaseExtension.class)
class ThreadBitsTest {
  private static final List<Integer> THREADS = List.of(2, 3, 8);

  private static OpRunner one;
  private static List<OpRunner> more = List.of();

  @BeforeAll
  static void open() {
    one = OpRunner.withThreads(1);
    more = THREADS.stream().map(OpRunner::withThreads).toList();
  }

  @AfterAll
  static void close() {
    one.close();
    more.forEach(OpRunner::close);
  }

  private static OpCase linear(int rows, int in, int out, Activation activation) {
    Linear op = new Linear(activation);
    return new OpCase(
        "%s of %d rows, %d to %d".formatted(op, rows, in, out),
        op,
        List.of(In.of(rows, in), In.of(out, in), In.of(out)),
        Oracles::linear,
        ErrorBound.EXACT);
  }

  private static OpCase of(Op op, In... inputs) {
    String name = op + " of " + inputs[0].shape();
    return new OpCase(name, op, List.of(inputs), in -> in[0], ErrorBound.EXACT);
  }

  static Stream<OpCase> cases() {
    int rows = 8 * 256;
    return Stream.of(
        linear(rows, 384, 1152, Activation.IDENTITY),
        linear(rows, 384, 384, Activation.IDENTITY),
        linear(rows, 384, 1536, Activation.GELU_TANH),
        linear(rows, 1536, 384, Activation.IDENTITY),
        linear(rows, 16, 384, Activation.IDENTITY), // patches to tokens
        linear(rows, 384, 32, Activation.IDENTITY), // tokens to patches
        linear(8, 384, 6 * 384, Activation.IDENTITY), // modulation
        linear(8, 256, 384, Activation.SILU), // times
        linear(1, 384, 6 * 384, Activation.IDENTITY),
        linear(8 * 64, 768, 2304, Activation.IDENTITY), // DiT-B/4
        linear(256, 1152, 3456, Activation.IDENTITY), // DiT-XL/2, one image
        linear(1031, 257, 131, Activation.IDENTITY), // nothing divides anything
        of(new SelfAttention(6), In.of(8, 256, 3 * 384).with(In.uniform(-0.5, 0.5))),
        of(
            new LayerNorm(1e-6, false),
            In.of(8, 256, 384),
            In.absent(),
            In.absent(),
            In.of(8, 2, 384)),
        of(new GatedAdd(), In.of(8, 256, 384), In.of(8, 384), In.of(8, 256, 384)),
        of(new SampleError(), In.of(8, 32, 32, 4), In.of(8, 32, 32, 4)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void threadsChangeNoBit(OpCase c) {
    OpCase.Sample sample = c.sample();
    Result expected = one.run(c, sample);
    for (OpRunner runner : more) {
      Result actual = runner.run(c, sample);
      Compare.bitwise(c.name(), c.output(), expected.y(), actual.y());
      for (int i = 0; i < c.inputs().size(); i++) {
        if (c.inputs().get(i).differentiable()) {
          Compare.bitwise(
              c.name() + " gradient of input " + i,
              c.inputs().get(i).shape(),
              expected.gradients()[i],
              actual.gradients()[i]);
        }
      }
    }
  }
}
