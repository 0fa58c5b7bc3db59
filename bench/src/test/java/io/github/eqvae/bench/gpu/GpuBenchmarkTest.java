package io.github.eqvae.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * The GPU benchmark without a GPU: tiny cases on the shim, and a peer that computes nothing ({@code
 * FakePeer.java}, run from its source instead of bench/gpu/peer.py).
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class GpuBenchmarkTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));

  @TempDir Path folder;

  private List<String> run(String cases, String peer, String... more) throws Exception {
    Path out = folder.resolve("bench.jsonl");
    List<String> arguments =
        new ArrayList<>(
            List.of("--device", "simt", "--size", "tiny", "--peer-device", "cpu", "--rounds", "4"));
    arguments.addAll(List.of("--cases", cases, "--out", out.toString()));
    arguments.addAll(
        List.of("--python", Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    arguments.addAll(
        List.of("--script", ROOT.resolve("bench/src/test/peers/FakePeer.java").toString()));
    arguments.addAll(List.of("--modes", peer));
    arguments.addAll(List.of(more));
    GpuBenchmark.main(arguments.toArray(String[]::new));
    return Files.readAllLines(out);
  }

  private static List<JsonNode> measured(List<String> lines, String case1) throws Exception {
    List<JsonNode> out = new ArrayList<>();
    for (String line : lines) {
      JsonNode n = new ObjectMapper().readTree(line);
      if (n.has("score") && n.get("case").asText().startsWith(case1)) {
        out.add(n);
      }
    }
    return out;
  }

  /** One process for all samples; its newest line is what counts. */
  @Test
  void oneSamplerSaysWhatTheClocksAre() throws Exception {
    Path starts = folder.resolve("starts");
    Path goes = folder.resolve("goes");
    String script =
        "echo started >>"
            + starts
            + "; echo 1980 MHz; until [ -e "
            + goes
            + " ]; do sleep 0.02; done; echo 1200 MHz; exec sleep 60";
    try (NvidiaSmi sampler = NvidiaSmi.sampler(List.of("bash", "-c", script))) {
      awaitState(sampler, "1980 MHz");
      Files.createFile(goes);
      awaitState(sampler, "1200 MHz");
      assertEquals(1, Files.readAllLines(starts).size());
    }
    assertEquals("", NvidiaSmi.none().state());
    try (NvidiaSmi missing = NvidiaSmi.sampler(List.of(folder.resolve("no").toString()))) {
      assertEquals("", missing.state());
    }
  }

  private static void awaitState(NvidiaSmi sampler, String expected) throws Exception {
    for (int i = 0; i < 500 && !sampler.state().equals(expected); i++) {
      Thread.sleep(20);
    }
    assertEquals(expected, sampler.state());
  }

  /** Also as a graph: the second step is captured, and the third launches that graph. */
  @Test
  @Tag("full")
  void aStepOfATransformerRuns() throws Exception {
    for (String loss : List.of("dit", "sit")) {
      List<JsonNode> steps = measured(run(loss, "none", "--rounds", "1"), "dit_step " + loss);
      assertEquals(1, steps.size());
      assertTrue(steps.getFirst().get("tflops").asDouble() > 0);
      assertTrue(steps.getFirst().get("bytes").asLong() > 0);
    }
  }

  @Test
  void bothSidesTakeTurnsAndTheTableHasTheirRatio() throws Exception {
    List<String> lines = run("ceiling,ops", "eager,graph");
    List<JsonNode> attention = measured(lines, "attention FORWARD");
    List<String> order = attention.stream().map(n -> n.get("peer").asText()).toList();
    assertEquals(
        List.of("torch-eager", "eqvae", "eqvae", "torch-eager"),
        order.subList(0, 4),
        "the order changes from round to round");
    assertEquals(8, attention.size(), "two sides, four rounds; the peer cannot do graphs");
    assertTrue(attention.stream().allMatch(n -> n.get("score").asDouble() > 0));
    assertTrue(attention.getFirst().get("tflops").asDouble() > 0);
    String table = GpuTable.of(lines);
    assertTrue(
        table.contains("Ceilings of this run, of the faster side: a matrix product, "), table);
    String row =
        table.lines().filter(l -> l.startsWith("| group_norm_silu FORWARD")).findFirst().get();
    String[] cells = row.split("\\|");
    assertEquals("2.000", cells[3].strip(), "the fake peer always takes two milliseconds");
    assertTrue(cells[6].contains("**"), row);
    assertTrue(cells[7].contains("–"), row);
    assertTrue(cells[10].contains("%"), row);
  }

  @Test
  void withoutPyTorchOursIsMeasuredAlone() throws Exception {
    List<String> lines = run("ceiling,thin", "none", "--rounds", "2");
    assertEquals(4, measured(lines, "matmul size").size(), "in bf16 and TF32, what ours reaches");
    List<JsonNode> conv = measured(lines, "conv2d");
    assertEquals(3 * 2 * 2, conv.size(), "three directions, two shapes, two rounds");
    assertTrue(conv.stream().allMatch(n -> n.get("peer").asText().equals("eqvae")));
    String table = GpuTable.of(lines);
    assertTrue(table.contains("PyTorch absent"), table);
    assertTrue(table.contains("Ceilings of this run"), table);
  }

  @Test
  void aWrongPeerIsNotTimed() throws Exception {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class, () -> run("sweep", "eager", "--peer-device", "broken"));
    assertEquals("1 wrong results, 0 failed cases, see above", e.getMessage());
    assertEquals(0, measured(Files.readAllLines(folder.resolve("bench.jsonl")), "conv2d").size());
  }

  @Test
  void whatIsNotBegunInTimeIsNamed() throws Exception {
    List<String> lines = run("conv", "none", "--rounds", "1", "--seconds", "1");
    assertTrue(lines.getLast().contains("\"left_out\":"), lines::toString);
  }

  @Test
  void aPeerThatEndsLosesOneCaseOnly() throws Exception {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> run("thin", "eager", "--peer-device", "ends", "--rounds", "1"));
    assertEquals("0 wrong results, 1 failed cases, see above", e.getMessage());
    List<String> lines = Files.readAllLines(folder.resolve("bench.jsonl"));
    assertEquals(1, lines.stream().filter(l -> l.contains("\"failed\":")).count());
    assertEquals(2 * (3 * 2 - 1), measured(lines, "conv2d").size(), "both sides of the others");
  }

  /** The fake peer has no networks: those cases fail, and the others are still measured. */
  @Test
  @Tag("full")
  void tf32IsMeasuredBesideBf16() throws Exception {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class, () -> run("ceiling,tf32", "eager", "--rounds", "1"));
    assertEquals("0 wrong results, 2 failed cases, see above", e.getMessage());
    List<String> lines = Files.readAllLines(folder.resolve("bench.jsonl"));
    List<JsonNode> conv = measured(lines, "conv2d");
    assertEquals(3 * 2 * 2, conv.size(), "three directions, two shapes, two sides");
    assertTrue(conv.stream().allMatch(n -> n.get("case").asText().contains(" tf32 ")));
    String table = GpuTable.of(lines);
    assertTrue(table.contains(", in TF32 "), table);
  }

  /** Figures of the shim cannot be mistaken for those of a GPU, whatever the file is called. */
  @Test
  void aDryRunIsMarkedAndKeptOutOfTheTables() throws Exception {
    List<String> lines = run("sweep", "none", "--rounds", "1");
    assertTrue(lines.stream().allMatch(l -> l.startsWith("{\"dry_run\":true,")), lines::toString);
    assertTrue(GpuTable.of(lines).contains("Dry run"), () -> "no mark in the table");
    Path file = Path.of("2026-01-01-cuda-sweep.jsonl");
    assertThrows(IllegalArgumentException.class, () -> GpuTable.requireGpu(file, lines));
    List<String> unmarked = lines.stream().map(l -> l.replace("\"dry_run\":true,", "")).toList();
    assertThrows(IllegalArgumentException.class, () -> GpuTable.requireGpu(file, unmarked));
    List<String> real = unmarked.stream().map(l -> l.replace("\"simt\"", "\"cuda\"")).toList();
    GpuTable.requireGpu(file, real);
  }
}
