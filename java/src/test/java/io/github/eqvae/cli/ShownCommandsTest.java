package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.generator.GeneratorRecipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** Commands and options that the documentation and the help show are there. */
class ShownCommandsTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final Pattern COMMAND =
      Pattern.compile("(?:\\./)?\\beqvae ([a-z]+)((?: [^`|#→]*)?)");
  private static final Pattern SETTING = Pattern.compile("--set[ =]([a-z][a-z_.0-9]+)=");
  private static final Pattern OPTION = Pattern.compile("(?<=\\s)--[a-z][a-z0-9-]*");

  private static List<Path> documents() throws IOException {
    List<Path> all = new ArrayList<>(List.of(ROOT.resolve("README.md")));
    for (String folder : List.of("docs", "bench")) {
      try (Stream<Path> docs = Files.list(ROOT.resolve(folder))) {
        all.addAll(docs.filter(f -> f.toString().endsWith(".md")).sorted().toList());
      }
    }
    return all;
  }

  /** Settings that are shown with {@code --set} are settings of a recipe. */
  @Test
  void everyShownSettingExists() throws IOException {
    Set<String> keys = new HashSet<>();
    Path recipes = ROOT.resolve("recipes");
    addKeys(AutoencoderRecipe.read(recipes.resolve("photos.yaml"), List.of()).toYaml(), keys);
    addKeys(GeneratorRecipe.read(recipes.resolve("sit-small.yaml"), List.of()).toYaml(), keys);
    addKeys(GeneratorRecipe.read(recipes.resolve("dit-small.yaml"), List.of()).toYaml(), keys);
    List<String> wrong = new ArrayList<>();
    int count = 0;
    for (Path doc : documents()) {
      Matcher setting = SETTING.matcher(Files.readString(doc));
      while (setting.find()) {
        count++;
        if (!keys.contains(setting.group(1))) {
          wrong.add(doc.getFileName() + ": " + setting.group(1));
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(count > 15, "only " + count + " settings were found");
  }

  /** All keys of a whole recipe, as {@code --set} names them. */
  private static void addKeys(String recipe, Set<String> keys) {
    String section = "";
    String inner = "";
    for (String line : recipe.lines().toList()) {
      String name = line.strip().replaceAll(":.*", "");
      int depth = line.indexOf(name);
      section = depth == 0 ? name + "." : section;
      inner = depth == 2 ? name + "." : inner;
      keys.add(depth == 0 ? name : section + (depth == 2 ? name : inner + name));
    }
  }

  @Test
  void everyShownCommandExists() throws IOException {
    CommandLine line = Commands.all();
    List<String> texts = new ArrayList<>();
    for (Path doc : documents()) {
      texts.addAll(Files.readString(doc).replaceAll("\\\\\n\\s*", " ").lines().toList());
    }
    for (CommandLine sub : line.getSubcommands().values()) {
      texts.addAll(List.of(sub.getCommandSpec().usageMessage().footer()));
      for (CommandLine inner : sub.getSubcommands().values()) {
        texts.addAll(List.of(inner.getCommandSpec().usageMessage().footer()));
      }
    }
    List<String> wrong = new ArrayList<>();
    int count = 0;
    for (String text : texts) {
      boolean shown = text.contains("./eqvae ") || text.matches("\\s{2,}eqvae .*");
      Matcher command = COMMAND.matcher(text);
      if (!shown || !command.find()) {
        continue;
      }
      count++;
      Map<String, CommandLine> subs = line.getSubcommands();
      CommandLine sub = subs.get(command.group(1));
      if (sub == null) {
        wrong.add(text + ": no command " + command.group(1));
        continue;
      }
      CommandLine inner = sub.getSubcommands().get(command.group(2).strip().split(" ")[0]);
      sub = inner == null ? sub : inner;
      Matcher option = OPTION.matcher(command.group(2));
      while (option.find()) {
        if (sub.getCommandSpec().findOption(option.group()) == null) {
          wrong.add(text + ": no option " + option.group());
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(count > 60, "only " + count + " commands were found");
  }
}
