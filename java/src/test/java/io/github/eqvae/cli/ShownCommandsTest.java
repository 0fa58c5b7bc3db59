package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
  private static final Pattern OPTION = Pattern.compile("(?<=\\s)--[a-z][a-z-]*");

  @Test
  void everyShownCommandExists() throws IOException {
    CommandLine line = new CommandLine(new Main());
    List<String> texts = new ArrayList<>();
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      for (Path doc : docs.filter(f -> f.toString().endsWith(".md")).toList()) {
        texts.addAll(Files.readAllLines(doc));
      }
    }
    texts.addAll(Files.readAllLines(ROOT.resolve("README.md")));
    for (CommandLine sub : line.getSubcommands().values()) {
      texts.addAll(List.of(sub.getCommandSpec().usageMessage().footer()));
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
      Matcher option = OPTION.matcher(command.group(2));
      while (option.find()) {
        if (sub.getCommandSpec().findOption(option.group()) == null) {
          wrong.add(text + ": no option " + option.group());
        }
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(count > 40, "only " + count + " commands were found");
  }
}
