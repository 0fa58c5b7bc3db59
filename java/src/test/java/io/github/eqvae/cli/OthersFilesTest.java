package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that eqvae did not write, where a command would write its own of the same names. */
class OthersFilesTest extends CliFixture {
  private static final String MINE = "mine";

  private Path mine(String name) throws Exception {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, MINE);
    return file;
  }

  /** Seen: all of these were replaced by those of the run, and the training ended with 0. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.safetensors",
        "report.html",
        "evaluation.json",
        "metrics.jsonl",
        "command.txt",
        "samples/step-000001.png",
        "checkpoints/notes.txt"
      })
  void aRunReplacesNothing(String name) throws Exception {
    recipe(1);
    Path file = mine("own/" + name);
    String taken = Path.of(name).getName(0).toString();
    Outcome planned = run("train", "tiny.yaml", "--out", "own", "--dry-run");
    assertEquals(0, planned.code(), planned.err());
    assertTrue(planned.err().contains("own is not the folder of a run"), planned.err());
    assertUserError(
        run("train", "tiny.yaml", "--out", "own"), 1, "own is not the folder of a run", taken);
    assertEquals(MINE, Files.readString(file));
    assertFalse(Files.exists(folder.resolve("own/recipe.yaml")));
  }

  /** As when checkpoints go to a larger disk. */
  @Test
  void otherNamesAndEmptyFoldersAreNotInTheWay() throws Exception {
    recipe(1);
    Path file = mine("own/notes.txt");
    Files.createDirectories(folder.resolve("disk"));
    Files.createSymbolicLink(folder.resolve("own/checkpoints"), folder.resolve("disk"));
    Outcome o = run("train", "tiny.yaml", "--out", "own");
    assertEquals(0, o.code(), o.err());
    assertEquals(MINE, Files.readString(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"report.html", "result.json"})
  void aDemoReplacesNothing(String name) throws Exception {
    recipe(1);
    Path file = mine("own/" + name);
    assertUserError(run("demo", "--recipe", "tiny.yaml", "--out", "own"), 1, "own/" + name);
    assertUserError(run("demo", "generators", "--out", "own"), 1, "own/" + name);
    assertEquals(MINE, Files.readString(file));
  }

  /** Statistics of other programs are kept, too: who made a file of ours can be read in it. */
  @Test
  void statisticsReplaceOnlyOurs() throws Exception {
    Files.createDirectories(folder.resolve("pictures"));
    Path text = mine("text.npz");
    Path images = folder.resolve("images.npz");
    NpzFile.write(images, Map.of("mu", NpyArray.longs(new long[] {1}, 1)));
    byte[] before = Files.readAllBytes(images);
    for (String name : new String[] {"text.npz", "images.npz"}) {
      Outcome o =
          run("evaluate", "pictures", "--write-statistics", name, "--classifier", "nowhere");
      assertUserError(o, 1, name + " exists and holds no statistics that eqvae wrote");
    }
    assertEquals(MINE, Files.readString(text));
    assertArrayEquals(before, Files.readAllBytes(images));
  }
}
