package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.testing.DeviceFixture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * What native code says of wrong arguments: the operation, the argument as eqv.h calls it, what it
 * was, what it should be.
 */
class NativeChecksTest extends DeviceFixture {
  private Tensor tensor(long... shape) {
    return arena.tensor(Shape.of(shape));
  }

  NativeChecksTest() {
    super("cpu", 1);
  }

  private static void says(String text, Executable call) {
    assertEquals(text, assertThrows(EqvaeException.Argument.class, call).getMessage());
  }

  private Launch conv(int stride, int padLeft, int groups) {
    return stream
        .launch(Fn.CONV2D_FWD, Struct.CONV2D_PARAMS)
        .i32(stride)
        .i32(0)
        .i32(0)
        .i32(padLeft)
        .i32(0)
        .i32(0)
        .f32(0)
        .i32(groups)
        .f32(1e-6);
  }

  @Test
  void numbersAreShownBesideWhatIsAllowed() {
    Tensor x = tensor(1, 4, 4, 2);
    Tensor w = tensor(3, 2, 3, 3);
    Tensor y = tensor(1, 2, 2, 3);
    says(
        "conv2d: stride is 3; use 1 or 2",
        () -> conv(3, 0, 0).run(x, w, null, null, null, y, null));
    says(
        "conv2d: pad_left is -1; use 0 or more",
        () -> conv(1, -1, 0).run(x, w, null, null, null, y, null));
    says(
        "conv2d: groups is 2; choose a divisor of the 3 channels",
        () -> conv(1, 0, 2).run(x, w, null, null, null, y, tensor(1, 2, 2)));
    Tensor a = tensor(2);
    says(
        "loss: kind is 9; use one of 0 to 7: see EQV_L1 in eqv.h",
        () -> stream.launch(Fn.LOSS_FWD, Struct.LOSS_PARAMS).i32(9).f64(1).f64(0).run(a, a, a));
    says(
        "loss: epsilon is 1e-13; use at least 1e-12; 1e-3 is usual",
        () -> stream.launch(Fn.LOSS_FWD, Struct.LOSS_PARAMS).i32(7).f64(1).f64(1e-13).run(a, a, a));
  }

  @Test
  void argumentsThatBelongTogetherAreNamed() {
    Tensor x = tensor(1, 4, 4, 2);
    Tensor w = tensor(3, 2, 3, 3);
    Tensor y = tensor(1, 2, 2, 3);
    says(
        "conv2d: stats is NULL; groups is 3: pass both, or NULL and 0",
        () -> conv(1, 0, 3).run(x, w, null, null, null, y, null));
    Tensor a = tensor(2);
    says(
        "loss: b is NULL; this kind compares two tensors: pass the target",
        () -> stream.launch(Fn.LOSS_FWD, Struct.LOSS_PARAMS).i32(0).f64(1).f64(0).run(a, null, a));
  }

  @Test
  void shapesAreShownWithThoseTheyMustFit() {
    says(
        "conv2d: x has shape [1, 2, 4, 2]; with its padding it is smaller than the kernel of w,"
            + " [3, 2, 3, 3]: use a larger image or more padding",
        () ->
            conv(1, 0, 0)
                .run(
                    tensor(1, 2, 4, 2),
                    tensor(3, 2, 3, 3),
                    null,
                    null,
                    null,
                    tensor(1, 1, 2, 3),
                    null));
    says(
        "linear_bwd_input: dy has shape [5, 4]; its last axis must be the outputs of w{O,I},"
            + " [3, 2]",
        () ->
            stream.launch(Fn.LINEAR_BWD_INPUT).run(tensor(5, 4), tensor(3, 2), null, tensor(5, 2)));
    says(
        "reduce: out has shape [2]; it must hold one value: pass a scalar",
        () ->
            stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(0).f64(1).run(tensor(2), tensor(2)));
  }

  /** Where several arguments have one rule, the one that breaks it is named. */
  @Test
  void oneOfSeveralIsNamed() {
    Tensor x = tensor(1, 2, 2, 4);
    says(
        "batch_norm_bwd: dgamma has shape [3], expected [4]",
        () ->
            stream
                .launch(Fn.BATCH_NORM_BWD, Struct.BATCH_NORM_PARAMS)
                .f32(1e-5)
                .f32(0.1)
                .i32(1)
                .run(x, x, tensor(4), tensor(4, 2), tensor(1, 2, 2, 4), tensor(3), tensor(4)));
    says(
        "gated_unit: y has shape [2, 4], expected [2, 2] to match x [2, 4]",
        () -> stream.launch(Fn.GATED_UNIT_FWD).run(tensor(2, 4), tensor(2, 4)));
  }
}
