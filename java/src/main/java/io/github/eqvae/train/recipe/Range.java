package io.github.eqvae.train.recipe;

/**
 * An interval of numbers.
 *
 * @param min the lower end
 * @param minInside whether the lower end belongs to it
 * @param max the upper end
 * @param maxInside whether the upper end belongs to it
 */
public record Range(double min, boolean minInside, double max, boolean maxInside) {
  /** Above 0. */
  public static final Range POSITIVE = new Range(0, false, Double.POSITIVE_INFINITY, false);

  /** 0 or above. */
  public static final Range NOT_NEGATIVE = new Range(0, true, Double.POSITIVE_INFINITY, false);

  /** From 0 to 1. */
  public static final Range PROBABILITY = new Range(0, true, 1, true);

  boolean contains(double value) {
    return Double.isFinite(value)
        && (minInside ? value >= min : value > min)
        && (maxInside ? value <= max : value < max);
  }

  @Override
  public String toString() {
    if (max == Double.POSITIVE_INFINITY) {
      return min == Double.NEGATIVE_INFINITY
          ? "that is finite"
          : (minInside ? ">= " : "> ") + RecipeValues.shortText(min);
    }
    return "in "
        + (minInside ? "[" : "(")
        + RecipeValues.shortText(min)
        + ", "
        + RecipeValues.shortText(max)
        + (maxInside ? "]" : ")");
  }
}
