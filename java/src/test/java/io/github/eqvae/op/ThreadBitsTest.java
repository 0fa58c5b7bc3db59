package io.github.eqvae.op;

import io.github.eqvae.op.OpRunner.Result;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What transformers and autoencoders compute on the processor has the same bits on any number of
 * threads, whichever of them computes what, at sizes at which work is shared out: those of DiT-S at
 * 32×32×4, a batch of 8, of the demo, and of others. There are more threads than processors, and
 * {@link #aNeighbourChangesNoBit} takes the processors away.
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

  private static OpCase conv(int stride, int samples, int side, int in, int out, int kernel) {
    return of(
        new Conv2d(stride, kernel / 2),
        In.of(samples, side, side, in),
        In.of(out, in, kernel, kernel),
        In.of(out));
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
        of(new SampleError(), In.of(8, 32, 32, 4), In.of(8, 32, 32, 4)),
        conv(1, 32, 32, 16, 16, 3), // the demo's
        conv(1, 32, 16, 32, 32, 3),
        conv(1, 31, 9, 32, 32, 3),
        conv(2, 16, 32, 16, 32, 3),
        conv(1, 8, 32, 1, 16, 3),
        conv(1, 8, 32, 16, 1, 3),
        conv(1, 1, 64, 64, 128, 3), // one image: strips of rows
        conv(2, 1, 63, 64, 64, 3),
        conv(1, 1, 16, 256, 256, 3), // small and wide: blocks of channels
        conv(1, 1, 16, 256, 256, 1),
        conv(2, 4, 32, 64, 128, 4), // the discriminator's
        conv(1, 27, 16, 32, 32, 3),
        conv(1, 27, 32, 16, 16, 3),
        conv(1, 27, 16, 16, 32, 1),
        conv(1, 27, 32, 32, 16, 1),
        conv(1, 27, 16, 1, 32, 3),
        conv(1, 27, 16, 32, 2, 3),
        conv(1, 27, 16, 2, 2, 1),
        conv(1, 27, 32, 16, 1, 3),
        of(new UpsampleConv2d(), In.of(27, 16, 16, 32), In.of(32, 32, 3, 3), In.of(32)),
        of(new UpsampleConv2d(), In.of(2, 4, 4, 32), In.of(32, 32, 3, 3), In.of(32)),
        of(new GroupNorm(8, 1e-6, true), In.of(27, 16, 16, 32), In.of(32), In.of(32)),
        of(new GroupNorm(8, 1e-6, true), In.of(27, 32, 32, 16), In.of(16), In.of(16)),
        conv(1, 2, 4, 32, 32, 3),
        conv(1, 1, 12, 32, 32, 3),
        conv(1, 2, 8, 16, 16, 3));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void threadsChangeNoBit(OpCase c) {
    OpCase.Sample sample = c.sample();
    Result expected = one.run(c, sample);
    for (OpRunner runner : more) {
      runner.run(c, sample).assertBitsOf(expected, c);
    }
  }

  @Test
  void aNeighbourChangesNoBit() throws Exception {
    OpCase c = conv(1, 27, 32, 16, 16, 3);
    OpCase.Sample sample = c.sample();
    Result quiet = more.getFirst().run(c, sample);
    AtomicBoolean over = new AtomicBoolean();
    Runnable busy =
        () -> {
          while (!over.get()) {
            Thread.onSpinWait();
          }
        };
    List<Thread> neighbours = Stream.generate(() -> new Thread(busy)).limit(4).toList();
    neighbours.forEach(Thread::start);
    try {
      for (int round = 0; round < 10; round++) {
        more.getFirst().run(c, sample).assertBitsOf(quiet, c);
      }
    } finally {
      over.set(true);
      for (Thread neighbour : neighbours) {
        neighbour.join();
      }
    }
  }
}
