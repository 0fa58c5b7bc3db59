package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.recipe.ShippedRecipes;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code eqvae recipes}: lists the recipes. */
@Command(
    name = "recipes",
    mixinStandardHelpOptions = true,
    description = {
      "Lists the recipes that come with eqvae.",
      "Each can be named as it is here, from any folder. A recipe of your own may begin with"
          + " `extends: NAME` and say only what is different."
    },
    footer = {
      "",
      "Examples:",
      "  eqvae recipes",
      "  eqvae train photos --set data.path=pictures/",
      "  eqvae train photos --dry-run"
    })
final class RecipesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    PrintWriter stdout = spec.commandLine().getOut();
    List<String> names = ShippedRecipes.names();
    if (names.isEmpty()) {
      throw new EqvaeException.Environment(
          "There are no recipes in " + ShippedRecipes.folder() + "; start eqvae by its launcher");
    }
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    for (String name : names) {
      stdout.printf(
          Locale.ROOT,
          "%-" + width + "s  %s%n",
          name,
          cut(ShippedRecipes.summary(name), Main.HELP_WIDTH - width));
    }
    stdout.println();
    stdout.println("The files are in " + ShippedRecipes.folder());
    stdout.flush();
    return 0;
  }

  private static String cut(String text, int width) {
    int end = text.lastIndexOf(' ', width - 2);
    return text.length() <= width || end < 0 ? text : text.substring(0, end) + " …";
  }
}
