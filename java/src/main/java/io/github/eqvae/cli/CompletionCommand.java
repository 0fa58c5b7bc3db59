package io.github.eqvae.cli;

import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.recipe.ShippedRecipes;
import java.io.PrintWriter;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code eqvae completion}: a script that completes commands, options, recipes and settings. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    description = {
      "Prints a script for completion with the tab key.",
      "With it bash and zsh complete commands, options, names of recipes and the keys of --set."
          + " Load it in ~/.bashrc or, after bashcompinit, in ~/.zshrc."
    },
    footer = {"", "Examples:", "  source <(eqvae completion)", "  eqvae completion >> ~/.bashrc"})
final class CompletionCommand implements Callable<Integer> {
  private static final String NAME = "eqvae";

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter stdout = spec.commandLine().getOut();
    // no space after a key: its value follows
    stdout.print(AutoComplete.bash(NAME, spec.root().commandLine()));
    stdout.println(
        """

        function _eqvae_settings() {
          _complete_eqvae
          [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
          return 0
        }
        complete -F _eqvae_settings -o default eqvae\
        """);
    stdout.flush();
    return 0;
  }

  /** The values of {@code RECIPE}. */
  static final class Recipes implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return ShippedRecipes.names().iterator();
    }
  }

  /** The keys for {@code --set}. */
  static final class Settings implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return ShippedRecipes.names().stream()
          .map(name -> ShippedRecipes.folder().resolve(name + ".yaml"))
          .flatMap(file -> RecipeKinds.read(file, List.of()).settings().keySet().stream())
          .distinct() // every recipe of a kind has all its keys
          .map(key -> key + "=")
          .iterator();
    }
  }
}
