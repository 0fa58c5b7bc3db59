package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.testing.QuickStart;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.generator.TinyLatents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** Ranks as processes, as launchers start them: by mpirun, and by variables like torchrun's. */
@Tag("full")
class RankedProcessesTest {
  private static final int MINUTES = 10;

  /** Seconds on a quiet machine; a rank that hangs is not ended by this. */
  private static final int SECONDS_TO_END = 120;

  private static final int KILLS = Integer.getInteger("eqvae.ranks.kills", 3);

  @TempDir Path folder;
  @TempDir static Path classes;
  private static QuickStart java;

  private Path autoencoder;
  private Path generator;

  /** Several dozen processes start faster if one archives what it loads. */
  @BeforeAll
  static void archive() throws Exception {
    java = new QuickStart(classes);
    Path recipe = classes.resolve("generator.yaml");
    Files.writeString(recipe, TinyLatents.recipe(TinyLatents.folder(classes), 2, 5));
    String out = classes.resolve("run").toString();
    List<String> command = java.first(List.of("train", recipe.toString(), "--out", out));
    assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
  }

  @BeforeEach
  void recipes() throws IOException {
    autoencoder = folder.resolve("autoencoder.yaml");
    Files.writeString(autoencoder, TinyRun.recipe(TinyRun.images(folder), 12, 5));
    generator = folder.resolve("generator.yaml");
    Files.writeString(generator, TinyLatents.recipe(TinyLatents.folder(folder), 12, 5));
  }

  private static List<String> train(Path recipe, Path out, int accumulate, String... more) {
    List<String> all =
        new ArrayList<>(List.of("train", recipe.toString(), "--out", out.toString()));
    all.addAll(List.of("--set", "optimizer.accumulate=" + accumulate));
    all.addAll(List.of("--set", "run.threads=1"));
    if (recipe.endsWith("autoencoder.yaml")) {
      all.addAll(List.of("--set", "objective.gan.enabled=false"));
    }
    all.addAll(List.of(more));
    return all;
  }

  private Process start(List<String> command, Map<String, String> environment, String output)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("OMP_NUM_THREADS", "1"); // the test shares the machine
    builder.environment().putAll(environment);
    builder.redirectOutput(folder.resolve(output).toFile());
    return builder.start();
  }

  /** Ranks of one run, which meet over TCP. */
  private List<Process> ranks(int size, List<List<String>> arguments) throws IOException {
    int port = TestRanks.port();
    List<Process> all = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      List<String> mine = arguments.get(Math.min(r, arguments.size() - 1));
      all.add(start(java.again(mine), TestRanks.environment(r, size, port), r + ".txt"));
    }
    return all;
  }

  private void finish(Process process, String output) throws Exception {
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      fail("it does not end:\n" + text(output));
    }
    assertEquals(0, process.exitValue(), () -> text(output));
  }

  private String text(String output) {
    try {
      return Files.readString(folder.resolve(output));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private Map<String, String> alone(Path recipe, int accumulate) throws Exception {
    Path out = folder.resolve("alone");
    here(train(recipe, out, accumulate));
    return CheckpointHashes.latest(out, 4);
  }

  /** What no other rank takes part in needs no process of its own. */
  private static void here(List<String> arguments) {
    StringWriter said = new StringWriter();
    CommandLine line = Commands.of(new Main(), arguments.toArray(String[]::new));
    line.setCaseInsensitiveEnumValuesAllowed(true); // as Main does
    line.setOut(new PrintWriter(said, true));
    line.setErr(new PrintWriter(said, true));
    assertEquals(0, line.execute(arguments.toArray(String[]::new)), said::toString);
  }

  static boolean hasMpi() throws Exception {
    Path library = Path.of(System.getProperty("eqvae.native.dir"), "libeqv_mpi.so");
    try {
      Process version = new ProcessBuilder("mpirun", "--version").start();
      boolean open = new String(version.getInputStream().readAllBytes()).contains("Open MPI");
      return version.waitFor() == 0 && open && Files.exists(library);
    } catch (IOException e) {
      return false;
    }
  }

  private void mpirun(int size, int bucket, List<String> arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("mpirun", "-n", "" + size));
    command.addAll(List.of("--bind-to", "none", "--oversubscribe"));
    command.addAll(java.again(arguments));
    Map<String, String> variables =
        Map.of(
            "OMPI_ALLOW_RUN_AS_ROOT",
            "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
            "1",
            "EQVAE_RANKS_BUCKET",
            "" + bucket);
    finish(start(command, variables, "mpi.txt"), "mpi.txt");
    String said = text("mpi.txt");
    assertEquals(1, said.lines().filter(l -> l.contains("ranks train together")).count(), said);
  }

  /**
   * With three ranks in two parts, whose buckets differ. In one process {@code RankedTrainingTest}
   * has all combinations; {@code docs/ranks.sh} has them with mpirun and larger recipes.
   */
  @ParameterizedTest
  @CsvSource({"2,3108", "3,65536", "4,4194304"})
  void mpirunHasTheBitsOfOneRank(int size, int bucket) throws Exception {
    assumeTrue(
        hasMpi(),
        "no mpirun of Open MPI, or no libeqv_mpi.so: apt-get install openmpi-bin"
            + " libopenmpi-dev, and build again");
    Path recipe = size == 2 ? autoencoder : generator;
    Path out = folder.resolve("mpi");
    if (size == 3) {
      mpirun(size, bucket, train(recipe, out, 1, "--steps", "5"));
      mpirun(size, 3108, List.of("train", "--resume", out.toString(), "--steps", "12"));
    } else {
      mpirun(size, bucket, train(recipe, out, 1));
    }
    assertEquals(alone(recipe, size), CheckpointHashes.latest(out, 4));
  }

  /** Whichever rank is killed, whenever: the others end, one says it, and the run goes on. */
  @Test
  void aKilledRankEndsTheOthersAndTheRunGoesOn() throws Exception {
    int size = 3;
    List<String> longer = List.of("--set", "run.steps=2000", "--set", "run.save_every=20");
    Path out = folder.resolve("killed");
    List<String> begin = new ArrayList<>(train(generator, out, 1));
    begin.addAll(longer);
    Random random = new Random(7);
    for (int k = 0; k < KILLS; k++) {
      boolean begun = Files.exists(out.resolve("recipe.yaml"));
      List<String> resume = List.of("train", "--resume", out.toString());
      List<Process> all = ranks(size, List.of(begun ? resume : begin));
      long before = lines(out);
      long end = before + 1 + random.nextInt(10);
      while (all.stream().allMatch(Process::isAlive) && lines(out) < end) {
        Thread.sleep(2);
      }
      int victim = k == 0 ? 0 : random.nextInt(size);
      assertTrue(all.get(victim).isAlive(), () -> text("0.txt"));
      String gone = "process " + all.get(victim).pid() + ") is gone";
      all.get(victim).destroyForcibly();
      for (Process other : all) {
        assertTrue(other.waitFor(SECONDS_TO_END, TimeUnit.SECONDS), "rank still runs");
        assertFalse(other.exitValue() == 0);
      }
      int said = 0;
      for (int r = 0; r < size; r++) {
        said += (int) text(r + ".txt").lines().filter(l -> l.contains(gone)).count();
      }
      assertEquals(1, said, text("0.txt") + text("1.txt") + text("2.txt"));
    }
    int steps = Math.toIntExact(lines(out) * 5 + 50); // each fifth step is logged
    List<String> rest = List.of("train", "--resume", out.toString(), "--steps", "" + steps);
    List<Process> all = ranks(size, List.of(rest));
    for (int r = 0; r < size; r++) {
      finish(all.get(r), r + ".txt");
    }
    List<String> one = new ArrayList<>(train(generator, folder.resolve("alone"), size));
    one.addAll(List.of("--steps", "" + steps));
    here(one);
    assertEquals(
        CheckpointHashes.latest(folder.resolve("alone"), 4), CheckpointHashes.latest(out, 4));
  }

  private static long lines(Path out) throws IOException {
    Path log = out.resolve("metrics.jsonl");
    if (!Files.exists(log)) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(log)) {
      return lines.count();
    }
  }

  /** Nothing is written, and one line says why. */
  @Test
  void ranksThatDifferAreRefused() throws Exception {
    Path out = folder.resolve("differs");
    List<Process> all =
        ranks(2, List.of(train(generator, out, 1), train(generator, out, 1, "--seed", "6")));
    for (Process each : all) {
      assertTrue(each.waitFor(MINUTES, TimeUnit.MINUTES));
      assertEquals(1, each.exitValue());
    }
    assertTrue(
        text("0.txt").contains("they differ in the recipe's run.seed: '6' in rank 1"),
        text("0.txt"));
    assertEquals("", text("1.txt"));
    assertFalse(Files.exists(out));
  }

  /** The first rank refuses; the others do not wait for it. */
  @Test
  void aFolderThatIsTakenEndsAll() throws Exception {
    Path out = folder.resolve("taken");
    Files.createDirectories(out);
    Files.writeString(out.resolve("recipe.yaml"), "of another run");
    List<Process> all = ranks(2, List.of(train(generator, out, 1)));
    for (Process each : all) {
      assertTrue(each.waitFor(MINUTES, TimeUnit.MINUTES));
      assertEquals(1, each.exitValue());
    }
    assertTrue(text("0.txt").contains("taken"), text("0.txt"));
    assertEquals("", text("1.txt"));
  }

  private static Map<String, byte[]> files(Path tree) throws IOException {
    Map<String, byte[]> all = new TreeMap<>();
    try (Stream<Path> paths = Files.list(tree)) {
      for (Path each : paths.toList()) {
        all.put(each.getFileName().toString(), Files.readAllBytes(each));
      }
    }
    return all;
  }

  private static void assertSameFiles(Path expected, Path actual) throws IOException {
    Map<String, byte[]> theirs = files(actual);
    Map<String, byte[]> ours = files(expected);
    assertEquals(ours.keySet(), theirs.keySet());
    ours.forEach((name, bytes) -> assertArrayEquals(bytes, theirs.get(name), name));
  }

  private Path pictures(int count) throws IOException {
    byte[] pixels = new byte[count * 16 * 16];
    new Random(2).nextBytes(pixels);
    ByteBuffer all = ByteBuffer.allocate(16 + pixels.length);
    all.putInt(0x803).putInt(count).putInt(16).putInt(16).put(pixels);
    byte[] labels = new byte[count];
    for (int i = 0; i < count; i++) {
      labels[i] = (byte) (i % 10);
    }
    ByteBuffer classes = ByteBuffer.allocate(8 + count).putInt(0x801).putInt(count).put(labels);
    Files.write(folder.resolve("t-labels-idx1-ubyte"), classes.array());
    return Files.write(folder.resolve("t-images-idx3-ubyte"), all.array());
  }

  /** Shards are dealt to the ranks; the folder is that of one rank, also after a kill. */
  @Test
  void latentsByRanksAreTheFilesOfOne() throws Exception {
    alone(autoencoder, 1);
    String model = folder.resolve("alone").resolve("model.safetensors").toString();
    String images = pictures(3000).toString();
    for (String format : List.of("tar")) {
      List<String> common = new ArrayList<>(List.of("encode", model, images));
      List<String> more =
          List.of("--shard-size", "200", "--format", format, "--posterior", "sample");
      Path one = folder.resolve("one-" + format);
      List<String> arguments = new ArrayList<>(common);
      arguments.add(one.toString());
      arguments.addAll(more);
      here(arguments);
      Path shared = folder.resolve("shared-" + format);
      arguments.set(common.size(), shared.toString());
      if (format.equals("tar")) {
        List<Process> all = ranks(3, List.of(arguments));
        while (all.stream().allMatch(Process::isAlive)
            && (!Files.exists(shared) || shared.toFile().list().length < 6)) {
          Thread.sleep(2);
        }
        all.get(1).destroyForcibly();
        for (Process each : all) {
          assertTrue(each.waitFor(SECONDS_TO_END, TimeUnit.SECONDS), "rank still runs");
        }
      }
      List<Process> all = ranks(3, List.of(arguments));
      for (int r = 0; r < all.size(); r++) {
        finish(all.get(r), r + ".txt");
      }
      assertEquals("", text("1.txt"));
      assertSameFiles(one, shared);
    }
  }

  /**
   * Chunks of 64 samples are dealt to the ranks, and so are the batches in which the samples are
   * then measured; that goes on after a kill. {@code SampleJobTest} has archives of samples.
   */
  @Test
  void samplesAndFiguresByRanksAreTheFilesOfOne() throws Exception {
    alone(generator, 1);
    Path run = folder.resolve("alone");
    Path vae = folder.resolve("vae");
    here(train(autoencoder, vae, 1));
    String model = vae.resolve("model.safetensors").toString();
    List<String> sample =
        List.of("sample", run.toString(), "--count", "150", "--steps", "2", "--vae", model);
    List<String> more = List.of("--other-vae", "--scaling-factor", "1", "--device", "cpu");
    Path one = Files.createDirectories(folder.resolve("one"));
    Path shared = Files.createDirectories(folder.resolve("shared"));
    for (Path place : List.of(one, shared)) {
      List<String> arguments = new ArrayList<>(sample);
      arguments.addAll(more);
      arguments.addAll(List.of("--out", place.resolve("pictures").toString()));
      together(place.equals(one), arguments);
    }
    assertSameFiles(one.resolve("pictures"), shared.resolve("pictures"));
    List<String> evaluate =
        List.of("evaluate", model, "--data", one.resolve("pictures").toString(), "--json");
    Path kept = shared.resolve("figures.json.parts");
    for (Path place : List.of(one, shared)) {
      List<String> arguments = new ArrayList<>(evaluate);
      arguments.addAll(List.of(place.resolve("figures.json").toString(), "--device", "cpu"));
      if (place.equals(shared)) {
        List<Process> all = ranks(3, List.of(arguments));
        while (all.stream().allMatch(Process::isAlive)
            && (!Files.exists(kept) || kept.toFile().list().length < 6)) {
          Thread.sleep(2);
        }
        all.get(1).destroyForcibly();
        for (Process each : all) {
          assertTrue(each.waitFor(SECONDS_TO_END, TimeUnit.SECONDS), "rank still runs");
        }
        assertTrue(kept.toFile().list().length >= 6, text("0.txt"));
      }
      together(place.equals(one), arguments);
    }
    assertEquals(figures(one), figures(shared));
    assertFalse(Files.exists(kept));
  }

  /** All but the machine: of the processors, each rank has a share. */
  private static JsonNode figures(Path place) throws IOException {
    ObjectNode all =
        (ObjectNode) new ObjectMapper().readTree(place.resolve("figures.json").toFile());
    assertTrue(all.remove("machine") != null && !all.findPath("psnr").isMissingNode(), "" + all);
    return all;
  }

  /** By one process, or by three. */
  private void together(boolean byOne, List<String> arguments) throws Exception {
    if (byOne) {
      here(arguments);
      return;
    }
    List<Process> processes = ranks(3, List.of(arguments));
    for (int r = 0; r < processes.size(); r++) {
      finish(processes.get(r), r + ".txt");
    }
    assertEquals("", text("1.txt"));
  }

  /** Two processes would write the same files. */
  @Test
  void commandsOfOneProcessAreDoneByTheFirst() throws Exception {
    List<Process> all = ranks(2, List.of(List.of("recipes")));
    for (int r = 0; r < 2; r++) {
      finish(all.get(r), r + ".txt");
    }
    assertTrue(text("0.txt").contains("`eqvae recipes` is the work of one"), text("0.txt"));
    assertTrue(text("0.txt").contains("demo"));
    assertEquals("", text("1.txt"));
  }
}
