package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What people are used to: the tab key, --quiet, notes that are said once, Ctrl-C's exit code. */
class HabitsTest extends CliFixture {
  /** What bash offers after a command line. */
  private List<String> offered(Path script, String... words) throws Exception {
    String line =
        "source "
            + script
            + "; COMP_WORDS=("
            + String.join(" ", words)
            + "); COMP_CWORD="
            + (words.length - 1)
            + "; _eqvae_settings; printf '%s\\n' \"${COMPREPLY[@]}\"";
    Process bash =
        new ProcessBuilder("bash", "--norc", "-c", line)
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String text = new String(bash.getInputStream().readAllBytes());
    assertTrue(bash.waitFor(10, TimeUnit.MINUTES));
    return text.lines().toList();
  }

  @Test
  void theTabKeyCompletesCommandsRecipesAndSettings() throws Exception {
    Outcome o = run("completion");
    assertEquals(0, o.code(), o.err());
    Path script = Files.writeString(folder.resolve("eqvae.bash"), o.out());
    assertTrue(offered(script, "eqvae", "rec").containsAll(List.of("recipes", "reconstruct")));
    assertTrue(offered(script, "eqvae", "train", "pho").contains("photos"));
    assertEquals(List.of("run.steps="), offered(script, "eqvae", "train", "--set", "run.ste"));
    assertTrue(offered(script, "eqvae", "train", "--res").contains("--resume"));
  }

  @Test
  @Tag("full")
  void quietSaysResultsAndErrorsOnly() throws Exception {
    recipe(3);
    Outcome o = run("train", "tiny.yaml", "--out=run", "--quiet");
    assertEquals(0, o.code(), o.err());
    assertEquals("", o.err());
    assertTrue(o.out().contains("report run/report.html"), o.out());
    o = run("train", "-q", "tiny.yaml", "--out=run");
    assertUserError(o, 1, "already holds a run");
    assertEquals(1, o.err().lines().count(), o.err());
    assertUserError(run("--quiet", "train", "gone.yaml"), 1, "no such recipe");
    assertUserError(run("train", "--quiet", "--stepz"), 2, "--stepz");
    // What only the command itself can see.
    assertUserError(run("-q"), 2, "Say what to do");
    assertUserError(run("-q", "train"), 2, "Name a recipe");
    assertUserError(run("train", "--resume", "r1", "demo", "-q"), 2, "leave out RECIPE");
  }

  /** A long command line can be kept in a file, which picocli reads in its place. */
  @Test
  void argumentsMayComeFromAFile() throws Exception {
    Files.writeString(folder.resolve("words.txt"), "recipes");
    Outcome o = run("@words.txt");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("\nphotos  "), o.out());
    Files.writeString(folder.resolve("words.txt"), "tiny --stepz");
    assertUserError(run("train", "@words.txt"), 2, "--stepz");
  }

  /** `train photos --set data.path=photos`, as the help has it, is called where photos lie. */
  @Test
  void aFolderDoesNotHideTheRecipeOfItsName() throws Exception {
    for (String name : List.of("photos", "demo", "empty")) {
      Files.createDirectory(folder.resolve(name));
    }
    Outcome o = run("train", "photos", "--dry-run", "--set", "data.path=photos");
    assertTrue(o.out().contains("kind: image_folder"), o.err());
    o = run("train", "demo", "--dry-run");
    assertEquals(0, o.code(), o.err());
    assertUserError(run("train", "empty", "--dry-run"), 1, "empty: a folder, not a recipe");
  }

  @Test
  void aNoteIsSaidOnce() {
    StringWriter text = new StringWriter();
    PrintWriter err = new PrintWriter(new Notes(text), true);
    for (int i = 0; i < 2; i++) {
      err.println("eqvae: note: a");
      err.println("eqvae: skipped");
      err.printf("eqvae: note: %s%n", "b");
    }
    err.print("half");
    err.flush();
    String n = System.lineSeparator();
    assertEquals(
        "eqvae: note: a"
            + n
            + "eqvae: skipped"
            + n
            + "eqvae: note: b"
            + n
            + "eqvae: skipped"
            + n
            + "half",
        text.toString());
  }

  /** `train && convert` must not go on after Ctrl-C; what was trained is saved all the same. */
  @Test
  @Tag("full")
  void controlCEndsWith130() throws Exception {
    Outcome o = interrupted("INT");
    assertEquals(130, o.code(), o.err());
    assertTrue(o.err().contains("and saved; go on with"), o.err());
    assertFalse(Files.exists(folder.resolve("run/model.safetensors")));
    assertEquals(0, run("train", "--resume=run", "--steps=20000", "--dry-run").code());
  }
}
