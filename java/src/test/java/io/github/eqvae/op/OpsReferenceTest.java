package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.GeneratedPage;
import io.github.eqvae.testing.Javadoc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/reference/ops.md: from each operation to its files, cases and bound. */
class OpsReferenceTest {
  private static final Path ROOT = GeneratedPage.ROOT;

  /** Rows of numerics.md that are not called as the operation. */
  private static final Map<String, List<String>> BOUNDS =
      Map.ofEntries(
          Map.entry("Add", List.of("add, scale")),
          Map.entry("Attention", List.of("attention")),
          Map.entry("AvgPool2d", List.of("avg_pool2d")),
          Map.entry("Cast", List.of()),
          Map.entry("ChannelAffine", List.of("channel affine")),
          Map.entry("Concat", List.of("concat, narrow, permute, reshape")),
          Map.entry("Conv2d", List.of("conv2d", "conv2d with residual r, activation")),
          Map.entry("GanLoss", List.of("losses")),
          Map.entry("Gelu", List.of("gelu, exact", "gelu, tanh")),
          Map.entry("GroupNorm", List.of("group_norm, group_norm + silu")),
          Map.entry("LayerNorm", List.of("layer_norm, rms_norm")),
          Map.entry("LeakyRelu", List.of("relu, leaky relu")),
          Map.entry("Linear", List.of("linear", "linear with activation")),
          Map.entry("MaxPool2d", List.of("max_pool2d")),
          Map.entry("MaxPool2x2", List.of("2×2 max pooling")),
          Map.entry("Narrow", List.of("concat, narrow, permute, reshape")),
          Map.entry("Permute", List.of("concat, narrow, permute, reshape")),
          Map.entry("PixelLoss", List.of("losses")),
          Map.entry("Relu", List.of("relu, leaky relu")),
          Map.entry("Reshape", List.of("concat, narrow, permute, reshape")),
          Map.entry("Scale", List.of("add, scale")),
          Map.entry("Upsample2x", List.of("nearest 2× upsampling")),
          Map.entry("UpsampleConv2d", List.of("upsample_conv2d")),
          Map.entry("WeightedSum", List.of("weighted sum of three")));

  /** What computes without being an operation of the tape. */
  private static final List<Other> OTHERS =
      List.of(
          new Other(
              "adam",
              "One update of all weights by Adam or AdamW, with clipping, skipping and the moving"
                  + " average",
              "nn/AdamOptimizer",
              List.of("nn/OptimizerTest")),
          new Other(
              "adaptive_weight",
              "The weight of the adversarial loss: a bounded ratio of two norms of gradients",
              "equivariance/AdversarialLoss",
              List.of("nn/ReductionTest")),
          new Other(
              "pack_weights",
              "Copies of weights in bf16, in the order in which tensor cores read them",
              "op/PackedWeights",
              List.of("op/PackedWeightTest", "nn/PackedStoreTest")),
          new Other(
              "random",
              "Normal or uniform numbers that depend on seed, purpose and position alone (Philox)",
              "tensor/RandomFill",
              List.of("tensor/DeviceRandomTest", "tensor/PhiloxTest")));

  /**
   * A function that is not an operation.
   *
   * @param name its name, without {@code eqv_}
   * @param what what it computes
   * @param caller the Java class that calls it
   * @param tests the classes that test it
   */
  private record Other(String name, String what, String caller, List<String> tests) {}

  private static List<Path> files(String folder, String ending) throws IOException {
    try (Stream<Path> all = Files.walk(ROOT.resolve(folder))) {
      return all.filter(f -> f.toString().endsWith(ending)).sorted().toList();
    }
  }

  /** The functions of the C interface that an operation calls, without {@code eqv_}. */
  private static Set<String> functions(Class<?> op) throws IOException {
    if (op == Cast.class || op == Concat.class) {
      return Set.of("copy"); // which tensors call themselves
    }
    Set<String> all = new TreeSet<>();
    Matcher m =
        Pattern.compile("\\bFn\\.([A-Z0-9_]+)").matcher(Files.readString(Javadoc.source(op)));
    while (m.find()) {
      all.add(m.group(1).toLowerCase(Locale.ROOT));
    }
    return all;
  }

  /** The files that define any of the functions: not those that call it, nor empty ones. */
  private static Set<Path> defining(Collection<String> functions, List<Path> files)
      throws IOException {
    Set<Path> found = new LinkedHashSet<>();
    for (Path file : files) {
      String text = Files.readString(file);
      for (String f : functions) {
        if (Pattern.compile(
                "(?m)^(?:template.*|inline )?(?:void|eqv_status) " + f + "\\((?![^{;]*\\{\\})")
            .matcher(text)
            .find()) {
          found.add(file);
        }
      }
    }
    return found;
  }

  /** The formulas; where they go by another name, those beside the kernel. */
  private static Set<Path> references(Set<String> functions, Set<Path> kernels, List<Path> all)
      throws IOException {
    Set<Path> found = defining(functions, all);
    Set<Path> beside = kernels.stream().map(Path::getParent).collect(Collectors.toSet());
    return found.isEmpty()
        ? all.stream()
            .filter(f -> beside.contains(f.getParent()))
            .collect(Collectors.toCollection(LinkedHashSet::new))
        : found;
  }

  private static String link(Path file) {
    return "[" + file.getFileName() + "](../../" + ROOT.relativize(file) + ")";
  }

  private static String links(Set<Path> files) {
    return files.isEmpty()
        ? "–"
        : files.stream().map(OpsReferenceTest::link).collect(Collectors.joining(", "));
  }

  /** Kernels; of a folder that has more than those, the folder, and the page about it. */
  private static String kernels(Set<Path> files) throws IOException {
    StringBuilder out = new StringBuilder(links(files));
    Set<Path> folders = files.stream().map(Path::getParent).collect(Collectors.toSet());
    for (Path folder : new TreeSet<>(folders)) {
      long all = files("kernels/" + folder.getFileName(), ".cu").size();
      long named = files.stream().filter(f -> f.startsWith(folder)).count();
      if (all > named) {
        String place = "../../kernels/" + folder.getFileName();
        out.append(" and ").append(all - named).append(" more in [").append(folder.getFileName());
        out.append("/](").append(place).append(")");
      }
      String page = "kernels/" + folder.getFileName() + ".md";
      if (Files.exists(ROOT.resolve("docs").resolve(page))) {
        out.append(" ([explained](../").append(page).append("))");
      }
    }
    return out.toString();
  }

  private static Map<String, String> bounds() throws IOException {
    Map<String, String> rows = new LinkedHashMap<>();
    String last = "";
    String page = Files.readString(ROOT.resolve("docs/numerics.md"));
    for (String line : page.substring(page.indexOf("\n## Ops\n")).lines().toList()) {
      String[] cells = line.split("(?<!\\\\)\\|", -1);
      if (cells.length == 5) {
        String bound =
            cells[3].strip().replace("see below", "see [numerics.md](../numerics.md#ops)");
        boolean same = bound.equals("likewise") || bound.equals("the same");
        last = same ? last : bound;
        rows.put(cells[1].strip(), last);
      }
    }
    return rows;
  }

  private static String bound(String op, String snake, Map<String, String> rows) {
    List<String> names = BOUNDS.getOrDefault(op, List.of(snake));
    List<String> out = new ArrayList<>();
    for (String name : names) {
      String bound = rows.get(name);
      assertEquals(true, bound != null, () -> "docs/numerics.md has no row '" + name + "'");
      out.add(names.size() == 1 ? bound : "*" + name + "*: " + bound);
    }
    return out.isEmpty() ? "one rounding to the new dtype" : String.join("<br>", out);
  }

  /** Functions of the C interface; of two, {@code _fwd/bwd}. */
  private static String names(List<String> functions) {
    if (functions.isEmpty()) {
      return "–";
    }
    String all = functions.stream().map(f -> "`" + f + "`").collect(Collectors.joining(" "));
    return all.replaceAll("`(\\w+)_bwd` `\\1_fwd`", "`$1_fwd/bwd`");
  }

  private static Path casesOf(Class<?> op) throws IOException {
    for (Path file : files("java/src/test/java/io/github/eqvae/op", "Cases.java")) {
      if (Pattern.compile("\\b" + op.getSimpleName() + "(?:\\(|\\.\\w+|::new)")
          .matcher(Files.readString(file))
          .find()) {
        return file;
      }
    }
    throw new IOException("no file has cases of " + op);
  }

  /** The first words of the cases' names: they run these cases. */
  private static String words(List<String> names) {
    return names.stream()
        .map(name -> "`" + name.replaceFirst("[^\\w].*", "") + "`")
        .distinct()
        .collect(Collectors.joining(", "));
  }

  @Test
  void thePageIsOfTheSources() throws Exception {
    List<Path> core = files("native/core", ".cpp");
    List<Path> cpu = files("native/cpu", ".cpp");
    List<Path> kernels = files("kernels", ".cu");
    List<Path> formulas = new ArrayList<>(files("kernels", "_ref.h"));
    formulas.addAll(files("kernels", "_ref.cpp"));
    formulas.addAll(files("native/ref", "_ref.cpp"));
    Map<String, String> bounds = bounds();
    StringBuilder out = new StringBuilder(HEAD);
    Set<String> called = new TreeSet<>();
    for (Class<?> op : OpGateTest.operations()) {
      Set<String> functions = functions(op);
      called.addAll(functions);
      String name = op.getSimpleName();
      String snake = name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
      List<String> cases =
          OpCases.all().stream().filter(c -> c.op().getClass() == op).map(OpCase::name).toList();
      List<String> exported = functions.stream().map(f -> "eqv_" + f).toList();
      out.append("| ").append(link(Javadoc.source(op)).replace(".java]", "]"));
      out.append(" | ").append(Javadoc.sentence(op).replace("|", "\\|"));
      out.append(" | ").append(names(exported));
      out.append(" | ").append(links(defining(exported, core)));
      out.append(" | ").append(kernels(defining(functions, kernels)));
      out.append(" | ").append(links(defining(functions, cpu)));
      out.append(" | ")
          .append(links(references(functions, defining(functions, kernels), formulas)));
      out.append(" | ").append(cases.size()).append(" in ").append(link(casesOf(op)));
      out.append(", ").append(words(cases));
      out.append(" | ").append(bound(name, snake, bounds)).append(" |\n");
    }
    out.append(OTHERS_HEAD);
    Set<String> rest = computing();
    rest.removeAll(called);
    assertEquals(OTHERS.stream().map(Other::name).toList(), List.copyOf(rest));
    for (Other other : OTHERS) {
      out.append(row(other, core, kernels, cpu, formulas));
    }
    GeneratedPage.check("ops.md", out.toString());
  }

  /** The checks of all functions that compute, but for copies and constants. */
  private static Set<String> computing() throws IOException {
    Set<String> all = new TreeSet<>();
    for (Path file : files("native/core/api", ".cpp")) {
      Matcher m = Pattern.compile("(?m)^eqv_status eqv_(\\w+)\\(").matcher(Files.readString(file));
      while (m.find()) {
        all.add(m.group(1));
      }
    }
    all.removeAll(Set.of("copy", "fill"));
    return all;
  }

  private static String row(
      Other other, List<Path> core, List<Path> kernels, List<Path> cpu, List<Path> formulas)
      throws IOException {
    Set<String> name = Set.of(other.name());
    Path caller = java("main", other.caller());
    String call = "Fn." + other.name().toUpperCase(Locale.ROOT);
    assertTrue(Files.readString(caller).contains(call), other.caller() + " has no " + call);
    Set<Path> tests = new LinkedHashSet<>();
    for (String test : other.tests()) {
      tests.add(java("test", test));
    }
    return String.join(
        " | ",
        "| " + link(caller).replace(".java]", "]"),
        other.what(),
        "`eqv_" + other.name() + "`",
        links(defining(Set.of("eqv_" + other.name()), core)),
        links(defining(name, kernels)),
        links(defining(name, cpu)),
        links(defining(name, formulas)),
        links(tests) + " |\n");
  }

  private static Path java(String tree, String type) {
    return ROOT.resolve("java/src/" + tree + "/java/io/github/eqvae/" + type + ".java");
  }

  private static final String OTHERS_HEAD =
      """

      ## Functions that are not operations

      They have no gradient: the tape does not record them. The comments in \
      [eqv.h](../../native/include/eqv.h) give formulas and shapes.

      | called by | what it computes | function | checks | kernel | CPU | reference | tests |
      |---|---|---|---|---|---|---|---|
      """;

  private static final String HEAD =
      """
      # Operations

      Made by `OpsReferenceTest` from the sources; `-Deqvae.reference.write=true` writes it again.

      Where to find what an operation has:

      - **Kernel, CPU code, reference** (the formula as plain loops): the links of its row.
      - **Gradient**: in the same files. `backward` is in the Java class; in native code its \
      functions end in `_bwd`, those of the forward pass in `_fwd`. If there is no `_bwd`, \
      `backward` calls the functions of the row with other arguments.
      - **Documentation**: the comment at the head of its Java class: formula, shapes, errors.
      - **Tests**: its cases, which these tests run. \
      [AgreementTest](../../java/src/test/java/io/github/eqvae/op/AgreementTest.java) compares \
      every device with the reference, and the reference with libtorch; \
      [Bf16Test](../../java/src/test/java/io/github/eqvae/op/Bf16Test.java) and \
      [Tf32Test](../../java/src/test/java/io/github/eqvae/op/Tf32Test.java) do so in those \
      precisions. [FiniteDifferenceTest](../../java/src/test/java/io/github/eqvae/op/FiniteDifferenceTest.java) \
      compares the reference's gradient with finite differences of its forward pass.

      To run the cases of one operation, take the name from the column *cases*, for example: \
      `mvn -pl java verify -Dsurefire.failIfNoSpecifiedTests=false -Dtest=AgreementTest \
      "-Deqvae.test.cases=group_norm"`. A part of a case's name works, too.

      Optimisers, random numbers and the like are in [a table of their own](#functions-that-are-not-operations).

      A dash means that there is no such file: the operation is a view, or the device has no such function. \
      Bounds are explained in [numerics.md](../numerics.md#ops): γ(k) = k·u/(1 − k·u), u = 2⁻²⁴.

      | operation | what it is | functions | checks | kernel | CPU | reference | cases | bound in single precision |
      |---|---|---|---|---|---|---|---|---|
      """;
}
