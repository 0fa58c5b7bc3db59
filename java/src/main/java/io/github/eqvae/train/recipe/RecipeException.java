package io.github.eqvae.train.recipe;

import io.github.eqvae.EqvaeException;
import java.util.List;

/**
 * A recipe that cannot be used. The message lists everything that is wrong with it at once, one
 * problem per line: where it was written, the key, what was found, what was expected and what to
 * do.
 */
public final class RecipeException extends EqvaeException.Argument {
  private static final long serialVersionUID = 1L;

  RecipeException(List<String> problems) {
    super(String.join("\n", problems));
  }

  RecipeException(String where, String problem) {
    this(List.of(where + ": " + problem));
  }

  /**
   * The problems one by one, in file order.
   *
   * @return at least one line of text
   */
  public List<String> problems() {
    return getMessage().lines().toList();
  }
}
