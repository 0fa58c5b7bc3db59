package io.github.eqvae.cli;

/**
 * Runs commands that end soon, in one process. The launcher lets Java keep the classes that this
 * loads (its AOT cache), so that later starts find them loaded.
 */
final class Rehearsal {
  private Rehearsal() {}

  /**
   * Runs them; what they print does not matter.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    Main.execute("--help");
    Main.execute("recipes");
    Main.execute("train", "demo", "--dry-run");
  }
}
