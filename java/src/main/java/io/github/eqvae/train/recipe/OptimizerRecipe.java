package io.github.eqvae.train.recipe;

import io.github.eqvae.nn.AdamSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code optimizer}: how parameters are updated, the same for every network of a task.
 *
 * <p><strong>The learning rate is used exactly as written.</strong> The original code multiplies
 * its base rate by GPUs, batch size and accumulation ({@code scale_lr}, on by default): the
 * published 4.5e-6 means 7.2e-4 on 8 GPUs at batch 10 and accumulation 2. With that rule the KL of
 * some users exploded. Here nothing is multiplied, and the rate has no default: write the one that
 * is to be used. For fine-tuning, start with 1e-5 to 1e-4.
 *
 * @param kind {@code adam}, or {@code adamw}, which decouples weight decay; default {@code adam},
 *     for generators {@code adamw}. Source: autoencoders: released; generators: DiT, SiT, train.py;
 *     classifiers: ours, as autoencoders
 * @param learningRate {@code learning_rate}: step size; required
 * @param betas the two moment decays of Adam, each in [0, 1); default 0.5, 0.9, for generators 0.9,
 *     0.999, for MaskGIT 0.9, 0.96. Source: autoencoders: released, both optimisers; generators:
 *     PyTorch, as DiT and SiT; classifiers: ours, as autoencoders
 * @param eps added to the root of the second moment; default 1e-8. Source: PyTorch
 * @param weightDecay {@code weight_decay}: L2 gradient for {@code adam}, decoupled decay for {@code
 *     adamw}, as in PyTorch; default 0. Source: autoencoders: released (PyTorch's Adam);
 *     generators: DiT, SiT, train.py; classifiers: ours, as autoencoders
 * @param gradientClip {@code gradient_clip}: largest global L2 norm of the gradient, for each
 *     optimiser separately; default none. Source: released, DiT, SiT: there is none
 * @param accumulate batches per update; default 1. The gradient is their mean. Source: PyTorch
 *     Lightning (released: 2)
 * @param schedule how the rate changes: {@code constant}; {@code warmup}, which rises to it; {@code
 *     cosine}, which then also falls to 0 at {@code run.steps}; default {@code constant}. Source:
 *     released, DiT, SiT: constant
 * @param warmupSteps {@code warmup_steps}: updates over which {@code warmup} and {@code cosine}
 *     raise the rate linearly from 0; default 0. Source: released, DiT, SiT: no warm-up
 */
public record OptimizerRecipe(
    Kind kind,
    double learningRate,
    List<Double> betas,
    double eps,
    double weightDecay,
    Optional<Double> gradientClip,
    int accumulate,
    Schedule schedule,
    long warmupSteps) {

  /** Optimisers. */
  public enum Kind {
    /** Adam (Kingma and Ba), weight decay as an L2 gradient. */
    ADAM,
    /** AdamW (Loshchilov and Hutter), weight decay decoupled. */
    ADAMW
  }

  /** How the learning rate changes over the updates. */
  public enum Schedule {
    /** It does not. */
    CONSTANT,
    /** Linear from 0 over {@code warmup_steps} updates, constant afterwards. */
    WARMUP,
    /** As {@code warmup}, but falling from there to 0 at {@code run.steps} like half a cosine. */
    COSINE
  }

  /**
   * The schedule's factor of the learning rate.
   *
   * @param step updates made so far
   * @param steps updates of the whole run
   * @return a factor in [0, 1]
   */
  public double factor(long step, long steps) {
    double rise = warmupSteps == 0 ? 1 : Math.min(1, (step + 1) / (double) warmupSteps);
    return switch (schedule) {
      case CONSTANT -> 1;
      case WARMUP -> rise;
      case COSINE -> {
        double gone = Math.max(0, step - warmupSteps) / (double) Math.max(1, steps - warmupSteps);
        yield rise * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, gone)));
      }
    };
  }

  /**
   * The optimiser's settings.
   *
   * @return what every parameter group of the run is updated with
   */
  public AdamSettings adam() {
    return new AdamSettings(
        betas.get(0), betas.get(1), eps, weightDecay, kind == OptimizerRecipe.Kind.ADAMW);
  }

  /** Copies the list. Values are checked when the recipe is made. */
  public OptimizerRecipe {
    betas = List.copyOf(betas);
  }

  /**
   * Reads the section.
   *
   * @param in its fields
   * @return the section
   */
  public static OptimizerRecipe read(RecipeFields in) {
    return read(in, Kind.ADAM, List.of(0.5, 0.9));
  }

  /**
   * Reads the section with other defaults.
   *
   * @param in its fields
   * @param defaultKind of {@code kind}
   * @param defaultBetas of {@code betas}
   * @return the section
   */
  public static OptimizerRecipe read(RecipeFields in, Kind defaultKind, List<Double> defaultBetas) {
    OptimizerRecipe.Kind kind = in.choice("kind", defaultKind);
    double learningRate =
        in.requiredNumber(
            "learning_rate",
            Range.POSITIVE,
            1e-4,
            "the step size exactly as used (never scaled by batch or devices)");
    return new OptimizerRecipe(
        kind,
        learningRate,
        in.numbers("betas", defaultBetas, new Range(0, true, 1, false), 2),
        in.number("eps", 1e-8, Range.POSITIVE),
        in.number("weight_decay", 0, Range.NOT_NEGATIVE),
        in.optionalNumber("gradient_clip", Range.POSITIVE),
        in.integer("accumulate", 1, 1, 65_536),
        in.choice("schedule", Schedule.CONSTANT),
        in.longInteger("warmup_steps", 0, 0, Long.MAX_VALUE));
  }

  /**
   * Adds a problem for each contradiction between values.
   *
   * @param problems is told of it
   */
  public void check(RecipeProblems problems) {
    if (betas.size() != 2) {
      problems.add("optimizer.betas", betas.size() + " values; expected two, such as [0.9, 0.999]");
    }
    if (schedule == Schedule.WARMUP && warmupSteps == 0) {
      problems.add(
          "optimizer.warmup_steps",
          "0 with schedule warmup; give the number of updates, or use schedule constant");
    }
    if (schedule == Schedule.CONSTANT && warmupSteps > 0) {
      problems.add(
          "optimizer.warmup_steps",
          warmupSteps + " with schedule constant; add schedule: warmup or remove it");
    }
  }

  /**
   * The section as it is written.
   *
   * @return values by key, defaults included
   */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("learning_rate", learningRate);
    map.put("betas", betas);
    map.put("eps", eps);
    map.put("weight_decay", weightDecay);
    map.put("gradient_clip", gradientClip);
    map.put("accumulate", accumulate);
    map.put("schedule", RecipeFields.name(schedule));
    map.put("warmup_steps", warmupSteps);
    return map;
  }
}
