package io.github.eqvae.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Peers whose times are compared must compute the same. */
class PeersAgreeTest {
  private static final List<Peer> BOTH = List.of(Peer.TORCH_NCHW, Peer.TORCH_NHWC);
  private static final ConvShape SHAPE = new ConvShape(2, 8, 12, 7);

  /** Whether libtorch's default memory format can be used as a peer on this machine. */
  private static final List<Peer> RIGHT = right();

  private static List<Peer> right() {
    return TorchGradients.hold() ? BOTH : List.of(Peer.TORCH_NHWC);
  }

  private static float[] convolution(ConvDirection direction, Peer peer) {
    try (Work work = Conv2dBenchmark.work(SHAPE, direction, peer)) {
      work.run();
      work.run(); // the second time as good as the first
      return work.result();
    }
  }

  private static void close(float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length);
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      double d = Math.abs(expected[i] - actual[i]);
      difference = d <= difference ? difference : d; // NaN is the worst
    }
    assertTrue(difference <= tolerance * largest, difference + " of " + largest);
  }

  @ParameterizedTest
  @EnumSource
  void convolutions(ConvDirection direction) {
    float[] ours = convolution(direction, Peer.EQVAE);
    for (Peer peer : direction == ConvDirection.INPUT_GRADIENT ? RIGHT : BOTH) {
      close(ours, convolution(direction, peer), 1e-5);
    }
  }

  private static float[] nearest(NearestCodeBenchmark.By by) {
    try (Work work = NearestCodeBenchmark.work(300, 700, 48, by)) {
      work.run();
      return work.result();
    }
  }

  /**
   * For random vectors the distances to the two nearest codes differ by more than rounding errors.
   */
  @Test
  void nearestCodes() {
    float[] ours = nearest(NearestCodeBenchmark.By.EQVAE);
    assertArrayEquals(nearest(NearestCodeBenchmark.By.TORCH_PRODUCT), ours);
    assertArrayEquals(nearest(NearestCodeBenchmark.By.TORCH_CDIST), ours);
  }

  private static float[] coding(CodingBenchmark.Direction direction, Peer peer) {
    try (Work work = CodingBenchmark.work("tiny", 16, direction, peer)) {
      work.run();
      work.run(); // the second time as good as the first
      return work.result();
    }
  }

  @ParameterizedTest
  @EnumSource
  void coding(CodingBenchmark.Direction direction) {
    float[] ours = coding(direction, Peer.EQVAE);
    close(ours, coding(direction, Peer.TORCH_NCHW), 1e-5);
    close(ours, coding(direction, Peer.TORCH_NHWC), 1e-5);
  }

  private static float[] step(String branch, Peer peer) {
    try (Work work = TrainingStepBenchmark.work(StepSetting.of("tiny", branch), peer)) {
      for (int i = 0; i < 3; i++) {
        work.run();
      }
      return work.result();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "eq-0.75"})
  void trainingSteps(String branch) {
    // Adam's first steps have the size of the learning rate for any gradient: rounding shows
    // where a gradient is nearly zero, at most twice the three steps. Most weights must agree.
    float[] ours = step(branch, Peer.EQVAE);
    for (Peer peer : RIGHT) {
      float[] theirs = step(branch, peer);
      assertEquals(ours.length, theirs.length);
      int apart = 0;
      for (int i = 0; i < ours.length; i++) {
        double d = Math.abs(ours[i] - theirs[i]);
        assertTrue(d <= 6.01 * StepSetting.LEARNING_RATE, "weight " + i + " is " + d + " apart");
        apart += d <= 0.01 * StepSetting.LEARNING_RATE ? 0 : 1;
      }
      assertTrue(apart < 0.01 * ours.length, apart + " of " + ours.length + " weights differ");
    }
  }

  private static float[] dit(boolean training, Peer peer) {
    try (Work work = DitBenchmark.work(DitSetting.of("tiny", 3, training), peer)) {
      for (int i = 0; i < 3; i++) {
        work.run();
      }
      return work.result();
    }
  }

  @Test
  void diffusionTransformersForward() {
    close(dit(false, Peer.EQVAE), dit(false, Peer.TORCH_NCHW), 1e-5);
  }

  /**
   * As for the autoencoder's steps: Adam's first steps have the same size for any size of the
   * gradient.
   */
  @Test
  void diffusionTransformersSteps() {
    float[] ours = dit(true, Peer.EQVAE);
    float[] theirs = dit(true, Peer.TORCH_NCHW);
    assertEquals(ours.length, theirs.length);
    int apart = 0;
    for (int i = 0; i < ours.length; i++) {
      double d = Math.abs(ours[i] - theirs[i]);
      assertTrue(d <= 6.01 * DitSetting.LEARNING_RATE, "weight " + i + " is " + d + " apart");
      apart += d <= 0.01 * DitSetting.LEARNING_RATE ? 0 : 1;
    }
    assertTrue(apart < 0.02 * ours.length, apart + " of " + ours.length + " weights differ");
  }
}
