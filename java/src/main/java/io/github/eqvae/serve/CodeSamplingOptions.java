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
 * How MaskGIT is asked for codes.
 *
 * @param order which codes are given first
 * @param schedule how many codes a step gives, by {@link Order#CONFIDENCE}
 * @param steps how many; without, as many as the order has by default
 * @param guidance away from what the network says without a label: {@code (1 + w)·labelled −
 *     w·unlabelled}, 0 for none; by confidence it grows from 0 at the first step to w at the last.
 *     Without, as published
 * @param noise how much Gumbel noise confidences get at the first step, none at the last
 * @param sharpness what logits are multiplied with; the references call it a temperature
 * @param rolled whether Halton's order begins at another place in each picture
 */
public record CodeSamplingOptions(
    Order order,
    MaskSchedule schedule,
    OptionalInt steps,
    OptionalDouble guidance,
    double noise,
    double sharpness,
    boolean rolled) {
  /** Which codes are given first. */
  public enum Order {
    /** Those the network is surest of: 8 steps, guidance 3, as Maskgit-pytorch published. */
    CONFIDENCE(8, 3),
    /** Those of Halton's sequence: 32 steps, guidance 1, as Halton-MaskGIT published of its S. */
    HALTON(32, 1);

    private final int steps;
    private final double guidance;

    Order(int steps, double guidance) {
      this.steps = steps;
      this.guidance = guidance;
    }

    /** As it is written in options and results. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Of Maskgit-pytorch's published figures. */
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
   * As Maskgit-pytorch's published figures were made: by confidence, 8 steps, guidance 3.
   *
   * @return the defaults
   */
  public static CodeSamplingOptions defaults() {
    return DEFAULTS;
  }

  /**
   * In another order.
   *
   * @param value which codes are given first
   * @return the options
   */
  public CodeSamplingOptions withOrder(Order value) {
    return new CodeSamplingOptions(value, schedule, steps, guidance, noise, sharpness, rolled);
  }

  /**
   * With another number of steps.
   *
   * @param value how many
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
   * The sampler.
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
   * Everything that decides the samples of a network, for results.
   *
   * @param guided whether the network can be guided
   * @return names to values
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
