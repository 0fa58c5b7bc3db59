package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

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

  /** The files that define any of the functions; others may call them. */
  private static Set<Path> defining(Collection<String> functions, List<Path> files)
      throws IOException {
    Set<Path> found = new LinkedHashSet<>();
    for (Path file : files) {
      String text = Files.readString(file);
      for (String f : functions) {
        if (Pattern.compile("(?m)^(?:template.*|inline )?(?:void|eqv_status) " + f + "\\(")
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
    Map<String, String> bounds = bounds();
    StringBuilder out = new StringBuilder(HEAD);
    for (Class<?> op : OpGateTest.operations()) {
      Set<String> functions = functions(op);
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
    GeneratedPage.check("ops.md", out.toString());
  }

  private static final String HEAD =
      """
      # Operations

      Made by `OpsReferenceTest` of the sources; `-Deqvae.reference.write=true` makes it anew.

      Where to find what an operation has:

      - **Kernel, CPU code, reference** (the formula as plain loops): the links of its row.
      - **Gradient**: in the same files. `backward` is in the Java class; in native code its \
      functions end in `_bwd`, those of the forward pass in `_fwd`.
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

      A dash means that there is no such file: the operation is a view, or calls other operations. \
      Bounds are explained in [numerics.md](../numerics.md#ops): γ(k) = k·u/(1 − k·u), u = 2⁻²⁴.

      | operation | what it is | functions | checks | kernel | CPU | reference | cases | bound in single precision |
      |---|---|---|---|---|---|---|---|---|
      """;
}
