package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
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
  }

  @Test
  void onlyWhatAShellWouldChangeIsQuoted() {
    assertEquals("--set=data.path=~/a,b", Invocation.quote("--set=data.path=~/a,b"));
    for (String odd : new String[] {"", "a b", "$x", "a*", "a;b", "#", "\\", "ä\n"}) {
      assertEquals("'" + odd + "'", Invocation.quote(odd));
    }
  }
}
