package io.github.eqvae.train.recipe;

import java.util.function.Function;

/**
 * A kind of recipes. Key {@code task}, with which a recipe may begin, names it.
 *
 * @param task the name
 * @param reader makes a valid recipe of a tree, or throws a {@link RecipeException}
 * @param <R> the recipe
 */
public record RecipeKind<R>(String task, Function<RecipeNode.Section, R> reader) {
  /** The key that names the kind. */
  public static final String KEY = "task";
}
