package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** What numbers say about standing in for another autoencoder. */
class DropInTest {
  private static void says(
      String start, double difference, double own, double swapped, double mine) {
    String verdict = new DropIn(64, false, difference, own, swapped, mine).verdict();
    assertTrue(verdict.startsWith(start), verdict);
  }

  @Test
  void whatItsDecoderLoses() {
    says("fits:", 0, 31, 31, 31);
    says("fits:", 0.3, 31, 30.6, 32);
    says("fits nearly:", 0.3, 31, 29.5, 32);
    says("does not fit:", 0.3, 31, 28, 32);
    assertEquals(0, new DropIn(1, false, 0, 1 / 0., 1 / 0., 1 / 0.).cost());
    says("fits:", 0, 1 / 0., 1 / 0., 1 / 0.);
  }

  /** Seen: a poor decoder loses nothing to another, whatever its latents are. */
  @Test
  void aPoorDecoderIsNoMeasure() {
    says("does not fit: the latents are 5.40 deviations", 5.4, 10.7, 10.6, 35);
    says("does not fit: this decoder reads the other's latents 24.40 dB", 0.9, 10.7, 10.6, 35);
    says("cannot be told, because the other reaches only 10.70 dB", 0.2, 10.7, 10.6, 11);
    says("cannot be told", 0.2, Double.NaN, 10.6, 11);
  }

  @Test
  void identicalWeightsNeedNoMeasure() {
    String verdict = new DropIn(64, true, 0, 10.7, 10.7, 10.7).verdict();
    assertTrue(verdict.startsWith("fits: both have the same weights"), verdict);
    // Equal weights with another padding decode to other pictures.
    says("cannot be told", 0, 10.7, 10.6, 11);
    verdict = new DropIn(64, true, 0.1, 10.7, 10.6, 11).verdict();
    assertTrue(verdict.startsWith("cannot be told"), verdict);
  }
}
