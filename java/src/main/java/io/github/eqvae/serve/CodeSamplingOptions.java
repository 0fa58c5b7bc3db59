package io.github.eqvae.serve;

import io.github.eqvae.diffusion.ConfidenceSampler;
import io.github.eqvae.diffusion.HaltonSampler;
import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.diffusion.MaskedSampler;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Options for sampling codes with MaskGIT.
 *
 * @param order the order in which positions get codes
 * @param schedule the number of codes that each step keeps, for {@link Order#CONFIDENCE}
 * @param steps number of steps; empty for the order's default
 * @param guidance guidance scale w of {@code (1 + w)·labelled − w·unlabelled}, 0 for none; with
 *     {@link Order#CONFIDENCE} it grows from 0 at the first step to w at the last one; empty for
 *     the published scale
 * @param noise factor of the Gumbel noise on confidences at the first step; it falls to 0 at the
 *     last step
 * @param sharpness factor of the logits; the references call it a temperature
 * @param rolled whether the Halton order of each picture begins at a random offset
 */
public record CodeSamplingOptions(
    Order order,
    MaskSchedule schedule,
    OptionalInt steps,
    OptionalDouble guidance,
    double noise,
    double sharpness,
    boolean rolled) {
  /** The order in which positions get codes. */
  public enum Order {
    /** Highest confidence first: 8 steps, guidance 3, as published for Maskgit-pytorch. */
    CONFIDENCE(8, 3),
    /** A Halton sequence: 32 steps, guidance 1, as published for Halton-MaskGIT's size S. */
    HALTON(32, 1);

    private final int steps;
    private final double guidance;

    Order(int steps, double guidance) {
      this.steps = steps;
      this.guidance = guidance;
    }

    /** The name in options and results. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** The noise of Maskgit-pytorch's published results. */
  private static final double NOISE = 4.5;

  private static final CodeSamplingOptions DEFAULTS =
      new CodeSamplingOptions(
          Order.CONFIDENCE,
          MaskSchedule.ARCCOS,
          OptionalInt.empty(),
          OptionalDouble.empty(),
          NOISE,
          1,
          false);

  /**
   * The settings of Maskgit-pytorch's published results: by confidence, 8 steps, guidance 3.
   *
   * @return the defaults
   */
  public static CodeSamplingOptions defaults() {
    return DEFAULTS;
  }

  /**
   * With another order.
   *
   * @param value the order
   * @return the options
   */
  public CodeSamplingOptions withOrder(Order value) {
    return new CodeSamplingOptions(value, schedule, steps, guidance, noise, sharpness, rolled);
  }

  /**
   * With another number of steps.
   *
   * @param value the number
   * @return the options
   */
  public CodeSamplingOptions withSteps(int value) {
    return new CodeSamplingOptions(
        order, schedule, OptionalInt.of(value), guidance, noise, sharpness, rolled);
  }

  /**
   * With another guidance.
   *
   * @param value w; 0 for none
   * @return the options
   */
  public CodeSamplingOptions withGuidance(double value) {
    return new CodeSamplingOptions(
        order, schedule, steps, OptionalDouble.of(value), noise, sharpness, rolled);
  }

  /**
   * Creates the sampler.
   *
   * @param guided whether the network can be guided; if not, the default is no guidance
   * @return the sampler
   * @throws io.github.eqvae.EqvaeException.Argument when a number is out of range
   */
  public MaskedSampler sampler(boolean guided) {
    int count = steps.orElse(order.steps);
    double w = guidance.orElse(guided ? order.guidance : 0);
    return switch (order) {
      case CONFIDENCE -> new ConfidenceSampler(schedule, count, w, noise, sharpness, false);
      case HALTON -> new HaltonSampler(count, w, HaltonSampler.Sharpness.of(sharpness), 0, rolled);
    };
  }

  /**
   * All settings that a network's samples depend on, for results.
   *
   * @param guided whether the network can be guided
   * @return values by name
   */
  public Map<String, Object> describe(boolean guided) {
    MaskedSampler sampler = sampler(guided);
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("sampler", order.toString());
    map.put("steps", sampler.steps());
    if (order == Order.CONFIDENCE) {
      map.put("mask_schedule", schedule.name().toLowerCase(Locale.ROOT));
      map.put("gumbel_noise", noise);
    } else {
      map.put("rolled", rolled);
    }
    map.put("sharpness", sharpness);
    map.put("guidance", sampler.guidance());
    map.put("guidance_rule", "(1 + w) labelled - w unlabelled");
    return map;
  }
}
