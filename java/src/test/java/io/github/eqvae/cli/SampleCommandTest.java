package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.GeneratorSamples;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.testing.KilledTraining;
import io.github.eqvae.testing.QuickStart;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code sample}, from a generator's file to images. */
class SampleCommandTest extends CliFixture {
  private static final int KILLS = KilledTraining.kills(6);

  @BeforeEach
  void models() throws IOException {
    Path autoencoder = TinyModels.kl(folder);
    DitConfig config = GeneratorSamples.dit().forLatents(2, 4);
    String hash;
    try (Device device = Device.open("cpu");
        Vae vae = Vae.load(autoencoder, device)) {
      hash = vae.weightsHash();
    }
    LatentsOrigin origin = new LatentsOrigin("kl.safetensors", hash, LatentScaling.of(0.5, 0.1));
    GeneratorMetadata metadata =
        new GeneratorMetadata(
            config, GeneratorProcess.SIT, Optional.of(origin), List.of("ant", "bee", "cat"));
    GeneratorSamples.safetensors(
        folder.resolve("sit.safetensors"), GeneratorSamples.tensors(config, 3), metadata.toMap());
    Files.copy(TinyModels.attentive(folder), folder.resolve("other.safetensors"));
  }

  /** Before anything is loaded; a folder may be called so. */
  @Test
  void otherFilesAreRefused() throws Exception {
    for (String out : List.of("a.tar", "a.tar.gz", "a.PNG")) {
      Outcome o = run("sample", "sit.safetensors", "--out", out, "--device", "cpu");
      assertEquals(1, o.code(), o.err());
      assertTrue(o.err().contains("a folder of PNG files"), o.err());
      assertTrue(Files.notExists(folder.resolve(out)), out);
    }
  }

  @Test
  void aGeneratorsFileBecomesImages() throws Exception {
    Outcome o =
        run(
            "sample",
            "sit.safetensors",
            "--out",
            "a.npz",
            "--count",
            "5",
            "--steps",
            "2",
            "--guidance",
            "2",
            "--classes",
            "cat",
            "--grid",
            "grid.png",
            "--json",
            "a.json",
            "--device",
            "cpu");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("5 images in a.npz, euler 2 steps, guidance 2.0, "), o.out());
    assertTrue(Files.size(folder.resolve("a.npz")) > 5 * 768, "an archive");
    assertEquals(3 * 16 + 4 * 2, Images.read(folder.resolve("grid.png")).width());
    JsonNode json = new ObjectMapper().readTree(folder.resolve("a.json").toFile());
    JsonNames.assertSnakeCase("sample", json);
    assertEquals("euler", json.path("sampler").asText());
    assertEquals(2, json.path("guided_channels").asInt());
    assertEquals(64, json.path("autoencoder_sha256").asText().length());
    assertUserError(
        run("sample", "sit.safetensors", "--out", "b.npz", "--vae", "other.safetensors"),
        1,
        "has other weights than the autoencoder of the training's latents",
        "--other-vae");
    assertUserError(
        run("sample", "sit.safetensors", "--out", "b.npz", "--sampler", "ddpm"),
        1,
        "this one was trained as SiT");
    assertUserError(
        run("sample", "sit.safetensors", "--out", "b.npz", "--eta", "1"), 1, "--eta does nothing");
    assertUserError(
        run("sample", "sit.safetensors", "--out", "b.npz", "--grid", "g.jpg"), 1, "--grid g.jpg");
    Files.move(folder.resolve("kl.safetensors"), folder.resolve("moved.safetensors"));
    assertUserError(
        run("sample", "sit.safetensors", "--out", "b.npz"), 1, "kl.safetensors", "add --vae");
  }

  private Outcome sample(String... more) throws Exception {
    List<String> all = new ArrayList<>(List.of("sample", "sit.safetensors", "--count", "3"));
    all.addAll(List.of("--steps", "2", "--device", "cpu"));
    all.addAll(List.of(more));
    return run(all.toArray(String[]::new));
  }

  /** Seen: each was ignored, or taken in the place of what the file says. */
  @Test
  void whatTheFileContradictsIsRefused() throws Exception {
    assertUserError(sample("--out", "b", "--trained-as", "dit"), 1, "--trained-as dit contradicts");
    assertUserError(sample("--out", "b", "--heads", "77"), 1, "--heads 77 contradicts");
    assertUserError(sample("--out", "b", "--codes", "4"), 1, "--codes is for MaskGIT");
    for (String command : List.of("inspect", "convert")) {
      List<String> all = new ArrayList<>(List.of(command, "sit.safetensors"));
      if (command.equals("convert")) {
        all.addAll(List.of("c.safetensors", "--to", "dit"));
      }
      all.addAll(List.of("--trained-as", "dit"));
      assertUserError(run(all.toArray(String[]::new)), 1, "--trained-as dit contradicts");
    }
    assertTrue(Files.notExists(folder.resolve("b")) && Files.notExists(folder.resolve("c")));
    assertEquals(0, sample("--out", "B.NPZ", "--trained-as", "sit").code());
    assertTrue(Files.isRegularFile(folder.resolve("B.NPZ")), "one file, whatever the case");
  }

  /** Seen: the grid replaced the first sample, or was measured as one more. */
  @Test
  void theGridIsNoSample() throws Exception {
    for (String grid : List.of("s/000000.png", "s/grid.png", "./s/sub/../grid.png")) {
      assertUserError(sample("--out", "s", "--grid", grid), 1, "would be taken for one of them");
    }
    assertEquals(0, sample("--out", "s", "--grid", "grid.png").code());
  }

  /**
   * Seen: any file was replaced. That of samples that are continued is replaced by the same one.
   */
  @Test
  void theGridReplacesNothing() throws Exception {
    Path mine = folder.resolve("mine.png");
    Files.writeString(mine, "mine");
    assertUserError(sample("--out", "t", "--grid", "mine.png"), 1, "mine.png is there already");
    assertEquals("mine", Files.readString(mine));
    assertFalse(Files.exists(folder.resolve("t")));
    Files.createDirectory(folder.resolve("t"));
    assertUserError(sample("--out", "t", "--grid", "mine.png"), 1, "mine.png is there already");
    assertEquals(0, sample("--out", "t", "--grid", "grid.png").code());
    assertEquals(0, sample("--out", "t", "--grid", "grid.png").code());
    assertEquals(0, sample("--out", "t", "--grid", "mine.png", "--overwrite").code());
  }

  /** Seen: --overwrite deleted pictures whose names begin with a digit, and kept others. */
  @Test
  void picturesOfOthersStay() throws Exception {
    assertEquals(0, sample("--out", "s").code());
    assertEquals(0, sample("--out", "s", "--seed", "1", "--overwrite").code());
    Path mine = folder.resolve("s/2024-holiday.png");
    Files.writeString(mine, "mine");
    for (String seed : List.of("2", "3")) {
      assertUserError(sample("--out", "s", "--seed", seed, "--overwrite"), 1, "2024-holiday.png");
    }
    assertTrue(Files.exists(mine) && Files.exists(folder.resolve("s/000002.png")));
  }

  private List<String> command(String out) {
    return List.of(
        "sample",
        "sit.safetensors",
        "--out",
        out,
        "--count",
        String.valueOf(KILLS * 320),
        "--steps",
        "2",
        "--device",
        "cpu");
  }

  private long parts() throws IOException {
    Path folder = this.folder.resolve("killed.npz.parts");
    if (!Files.isDirectory(folder)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.getFileName().toString().startsWith("part-")).count();
    }
  }

  /** SIGKILLs, each after one chunk more or two, somewhere in the next one. */
  @Test
  @Tag("full")
  void killsLeaveNoTrace() throws Exception {
    Path out = folder.resolve("out.txt");
    Path err = folder.resolve("err.txt");
    QuickStart java = new QuickStart(folder);
    Process whole = begin(java.first(command("whole.npz")), out, err);
    assertTrue(whole.waitFor(10, TimeUnit.MINUTES));
    assertEquals(0, whole.exitValue(), Files.readString(err));
    Random random = new Random(1);
    for (int kill = 0; kill < KILLS; kill++) {
      long before = parts();
      Process child = begin(java.again(command("killed.npz")), out, err);
      long least = before + 1 + random.nextInt(2);
      while (parts() < least) {
        assertTrue(child.isAlive(), "it came to its end after " + kill + " kills");
        Thread.sleep(1);
      }
      assertTrue(child.isAlive(), "it came to its end after " + kill + " kills");
      child.destroyForcibly();
      assertEquals(128 + 9, child.waitFor(), "not SIGKILL");
    }
    Process last = begin(java.again(command("killed.npz")), out, err);
    assertTrue(last.waitFor(10, TimeUnit.MINUTES));
    assertEquals(0, last.exitValue(), Files.readString(err));
    assertTrue(Files.readString(out).contains(" of them there before"), Files.readString(out));
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("whole.npz")),
        Files.readAllBytes(folder.resolve("killed.npz")));
  }
}
