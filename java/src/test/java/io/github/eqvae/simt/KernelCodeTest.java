package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The machine code of the kernels that multiply matrices: the instructions they are written for
 * must be there, and registers must not have gone to memory. Figures are those in kernels/code.tsv;
 * to write it anew, run with {@code EQVAE_WRITE_GOLDEN=true} in the environment. Runs where there
 * is nvcc, the figures' part with that file's version of it; elsewhere it says that it did not, or
 * fails where {@code -Deqvae.require.nvcc=true} demands it.
 */
class KernelCodeTest {
  private static final Pattern ARCHITECTURE = Pattern.compile("(sm|compute)_(\\d+a?)\\.cubin$");

  /** Made for sm_90a only; for others there is code that ends the program. */
  private static final Pattern HOPPER = Pattern.compile("hopper");

  private static final Set<String> RECORDED = Set.of("sm_80", "sm_90a");

  private record Compiled(String architecture, String name, Cubin.Kernel kernel) {
    boolean multiplies() {
      return kernel.count("HGMMA") + kernel.count("HMMA") > 0;
    }

    String line() {
      return "%s\t%s\t%d\t%d\t%s"
          .formatted(architecture, name, kernel.registers(), kernel.shared(), kernel.counts());
    }
  }

  private static final Path CODE = Path.of(System.getProperty("eqvae.native.dir"), "..", "code");
  private static final List<Compiled> COMPILED = new ArrayList<>();

  /** Says what is not checked; with {@code -Deqvae.require.nvcc=true} that is a failure. */
  private static void checkedOnlyIf(boolean possible, String why) {
    if (!possible) {
      System.out.println("KernelCodeTest: machine code is not checked: " + why);
    }
    assertTrue(possible || !Boolean.getBoolean("eqvae.require.nvcc"), why);
    assumeTrue(possible, why);
  }

  @BeforeAll
  static void read() throws Exception {
    checkedOnlyIf(Files.exists(CODE.resolve("nvcc")), "there is no nvcc: no kernel was compiled");
    List<Path> files;
    try (Stream<Path> all = Files.list(CODE)) {
      files = all.filter(f -> f.toString().endsWith(".cubin")).sorted().toList();
    }
    List<Cubin.Kernel> kernels = new ArrayList<>();
    List<String> architectures = new ArrayList<>();
    for (Path file : files) {
      Matcher m = ARCHITECTURE.matcher(file.toString());
      assertTrue(m.find(), file + ": for which architecture?");
      for (Cubin.Kernel kernel : Cubin.read(file)) {
        kernels.add(kernel);
        architectures.add("sm_" + m.group(2));
      }
    }
    List<String> names = readable(kernels.stream().map(Cubin.Kernel::name).toList());
    for (int i = 0; i < kernels.size(); i++) {
      COMPILED.add(new Compiled(architectures.get(i), names.get(i), kernels.get(i)));
    }
  }

  /** Names as in the source, without parameters and without the compiler's numbers. */
  private static List<String> readable(List<String> mangled) throws Exception {
    Path list = Files.createTempFile("kernels", ".txt");
    Files.write(list, mangled);
    Process p = new ProcessBuilder("c++filt").redirectInput(list.toFile()).start();
    String text = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, p.waitFor(), "c++filt");
    Files.delete(list);
    return text.lines()
        .map(
            name ->
                name.replaceAll(
                        "(eqv::gpu::|eqv::dtype::|_GLOBAL__N__\\w+::|\\(anonymous namespace\\)::)",
                        "")
                    .replaceAll("\\((int|bool)\\)", "")
                    .replaceAll("> (?=>)", ">")
                    .replaceAll(
                        "\\(eqv_stream_s[^)]*\\)::\\{lambda\\([^)]*\\)#(\\d)\\}", " lambda $1")
                    .replaceFirst("^void ", "")
                    .replaceFirst("\\(.*", ""))
        .toList();
  }

  @Test
  void nothingIsSpilled() {
    assertFalse(COMPILED.isEmpty());
    for (Compiled c : COMPILED) {
      assertEquals(0, c.kernel.count("LDL") + c.kernel.count("STL"), c.line());
      assertEquals(0, c.kernel.frame(), c.line());
    }
  }

  @Test
  void hopperKernelsUseWarpgroupProductsAndTensorCopies() {
    List<Compiled> found =
        COMPILED.stream()
            .filter(c -> "sm_90a".equals(c.architecture) && HOPPER.matcher(c.name).find())
            .filter(c -> !c.name.startsWith("each_kernel"))
            .toList();
    assertTrue(
        found.size() >= 10,
        "forward with six tilings, two with an activation, weight gradient alone and in pairs");
    for (Compiled c : found) {
      assertTrue(c.kernel.count("HGMMA") >= 4, c.line());
      if (c.name.startsWith("conv") || c.name.startsWith("linear")) {
        assertTrue(c.kernel.count("UTMALDG.MULTICAST") >= 1, "weights to both blocks: " + c.line());
        assertTrue(c.kernel.count("UTMASTG") >= 4, "results from boxes: " + c.line());
        assertTrue(c.kernel.count("STSM") >= 16, c.line());
      } else if (c.name.contains("<2>")) {
        assertTrue(c.kernel.count("UTMALDG.MULTICAST") >= 1, c.line());
        assertTrue(c.kernel.count("UTMALDG.IM2COL.MULTICAST") >= 1, c.line());
      } else {
        assertTrue(c.kernel.count("UTMALDG") >= 1, c.line());
      }
      String pixels = c.name.contains("Slab") ? "UTMALDG" : "UTMALDG.IM2COL";
      assertTrue(c.kernel.count(pixels) >= 1, c.line());
      assertEquals(0, c.kernel.count("HMMA"), c.line());
      assertEquals(168, c.kernel.registers(), "65536 for 384 threads: " + c.line());
    }
  }

  /**
   * Products of a warpgroup run while the next are given to it. Where the compiler cannot see that
   * nobody touches the sums meanwhile it waits after each product, which ptxas reports as no more
   * than information (C7510 and its like). So: four products, one wait; and one for all at the end.
   */
  @Test
  void warpgroupProductsAreNotSerialized() {
    List<Compiled> found = COMPILED.stream().filter(c -> c.kernel.count("HGMMA") > 0).toList();
    assertTrue(found.size() >= 6, "kernels with products of warpgroups: " + found.size());
    for (Compiled c : found) {
      int groups = c.kernel.count("HGMMA") / 4;
      assertEquals(groups, c.kernel.count("WARPGROUP.ARRIVE"), "fences: " + c.line());
      assertEquals(groups + 1, c.kernel.count("WARPGROUP.DEPBAR"), "waits: " + c.line());
    }
  }

  @Test
  void tensorCoreKernelsUseMatrixLoadsAndAsynchronousCopies() {
    List<Compiled> found =
        COMPILED.stream()
            .filter(c -> "sm_80".equals(c.architecture) && c.kernel.count("HMMA") > 0)
            .filter(c -> !c.name.startsWith("from_few")) // gathers straight into registers
            .toList();
    assertTrue(found.size() >= 6, "three directions of the convolution, attention: " + found);
    for (Compiled c : found) {
      // What lies across the depth, of 32 bits, is nothing that matrix loads can turn.
      boolean across =
          c.name.contains("GradientChannels<float>") || c.name.contains("Across<Scores<float>>");
      assertTrue(across || c.kernel.count("LDSM") >= 1, c.line());
      assertTrue(c.kernel.count("LDGSTS") >= 1, c.line());
    }
  }

  @Test
  void figuresAreTheRecordedOnes() throws IOException {
    Path golden = Path.of(System.getProperty("eqvae.root"), "kernels", "code.tsv");
    TreeSet<String> lines = new TreeSet<>();
    COMPILED.stream()
        .filter(c -> RECORDED.contains(c.architecture))
        .filter(Compiled::multiplies)
        .map(Compiled::line)
        .forEach(lines::add);
    String compiler = Files.readString(CODE.resolve("nvcc"));
    String text =
        "# nvcc "
            + compiler
            + "\n# architecture\tkernel\tregisters\tstatic shared memory\tinstructions\n"
            + String.join("\n", lines)
            + "\n";
    if ("true".equals(System.getenv("EQVAE_WRITE_GOLDEN"))) {
      Files.writeString(golden, text);
    }
    String recorded = Files.readString(golden);
    checkedOnlyIf(
        recorded.startsWith("# nvcc " + compiler + "\n"),
        "figures are of "
            + recorded.lines().findFirst().orElse("").substring(2)
            + ", here is "
            + compiler
            + ", which may do otherwise");
    assertEquals(recorded, text, "what the compiler makes of the kernels changed");
  }
}
