package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class InvocationTest {
  @Test
  void commandsWorkWhereTheUserIs() {
    Path run = Path.of("my runs", "it's");
    String main = "io.github.eqvae.cli.Main train x";
    assertEquals(
        "../eqvae train --resume 'my runs/it'\\''s'",
        Invocation.line("../eqvae", main, "train", "--resume", run));
    assertEquals(
        "'/opt/my tools/eqvae' doctor", Invocation.line("/opt/my tools/eqvae", main, "doctor"));
    assertEquals("eqvae doctor", Invocation.line("", main, "doctor"));
    assertEquals(
        "java -jar lib/eqvae-0.1.0.jar doctor",
        Invocation.line("", "lib/eqvae-0.1.0.jar train x.yaml", "doctor"));
    assertEquals(
        "java -jar 'my lib/eqvae-0.1.0.jar' doctor",
        Invocation.line("", "my lib/eqvae-0.1.0.jar", "doctor"));
    assertEquals(
        "eqvae doctor",
        Invocation.line("", "/opt/viewer.jar cats", "doctor"),
        "a program that embeds the library");
  }

  /**
   * Messages that name a command take it from {@link Invocation}: who starts {@code ../eqvae} has
   * no {@code eqvae} on the path. Left out are comments, help, whose examples say the program's
   * name, and model cards, which are read elsewhere.
   */
  @Test
  void messagesNameNoOtherProgram() throws IOException {
    Path main = Path.of(System.getProperty("eqvae.root"), "java/src/main/java");
    Pattern left =
        Pattern.compile(
            "/\\*.*?\\*/|//[^\n"
                + "]*|@(Command|Option|Parameters)\\((?:[^()\"]|\"(?:\\\\.|[^\"\\\\])*+\"|\\([^()]*\\))*+\\)",
            Pattern.DOTALL);
    Pattern named = Pattern.compile("(`|: |then |see )(\\./)?eqvae [a-z]");
    int read = 0;
    List<String> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(main)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        if (file.endsWith("cli/ModelCard.java")) {
          continue;
        }
        read++;
        String text = left.matcher(Files.readString(file)).replaceAll("");
        String joined = text.replaceAll("\"\\s*\\+\\s*\"", "");
        named.matcher(joined).results().forEach(m -> found.add(file + ": " + m.group()));
      }
    }
    assertTrue(read > 100, "files read: " + read);
    assertEquals(List.of(), found);
  }

  @Test
  void onlyWhatAShellWouldChangeIsQuoted() {
    assertEquals("--set=data.path=~/a,b", Invocation.quote("--set=data.path=~/a,b"));
    for (String odd : new String[] {"", "a b", "$x", "a*", "a;b", "#", "\\", "ä\n"}) {
      assertEquals("'" + odd + "'", Invocation.quote(odd));
    }
  }
}
