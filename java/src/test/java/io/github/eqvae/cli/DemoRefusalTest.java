package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A demo replaces nothing that somebody may still want. */
class DemoRefusalTest extends CliFixture {
  private Path part(String name) throws IOException {
    Path part = Files.createDirectories(folder.resolve("runs/demo").resolve(name));
    Files.writeString(part.resolve("recipe.yaml"), "model:\n  ch: 16\n");
    return Files.writeString(part.resolve("model.safetensors"), name);
  }

  /** Seen: the command that the message shows for another folder lacked what was asked for. */
  @Test
  void aFinishedOneIsKeptAndTheSameCommandIsShownForAnotherFolder() throws Exception {
    List<Path> models = List.of(part("plain"), part("eq"));
    Outcome o =
        run("demo", "--seed=3", "--set", "data.path=my photos", "--recipe", "photos", "--steps=9");
    assertUserError(
        o,
        1,
        "runs/demo holds a demo",
        ": eqvae demo --recipe photos --set 'data.path=my photos' --seed 3 --steps 9"
            + " --out runs/demo-2; or add --overwrite");
    assertFalse(o.err().contains("Training"), o.err());
    assertUserError(run("demo"), 1, ": eqvae demo --out runs/demo-2; or");
    for (Path model : models) {
      assertEquals(
          String.valueOf(model.getParent().getFileName()), Files.readString(model), "untouched");
    }
  }

  @Test
  void oneInUseIsLeftAlone() throws Exception {
    Path model = part("plain");
    Path demo = folder.resolve("runs/demo");
    try (FolderLock _ = FolderLock.acquire(demo, "demo", _ -> {})) {
      assertUserError(run("demo", "--overwrite"), 1, "runs/demo is in use by `eqvae demo`");
    }
    assertTrue(Files.exists(model));
  }
}
