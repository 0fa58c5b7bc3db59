package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.ffi.HeaderSources;
import io.github.eqvae.testing.GeneratedPage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * docs/add-operation.md says which files an operation is written in. Those that name {@link
 * SoftmaxCrossEntropy}, which has all of them to itself, are these and no others; and so are those
 * that name {@link GatedUnit}, which takes bf16 and no fewer than two channels, and shares its
 * cases' and its CPU code's files with others.
 */
class AddOperationTest {
  private static final Path ROOT = GeneratedPage.ROOT;

  private static void namedIn(String folder, String snake, String camel, Set<String> found)
      throws IOException {
    try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String text = file + Files.readString(file);
        if (text.contains(snake) || text.contains(camel)) {
          found.add(ROOT.relativize(file).toString());
        }
      }
    }
  }

  /** The files that name an operation, but for what is generated. */
  private static Set<String> naming(String snake, String camel) throws IOException {
    Set<String> found = new TreeSet<>();
    for (String folder :
        new String[] {
          "CMakeLists.txt",
          "docs/c-abi.md",
          "docs/numerics.md",
          "java/src/main/java/io/github/eqvae/ffi",
          "java/src/main/java/io/github/eqvae/op",
          "java/src/main/java/io/github/eqvae/tensor",
          "java/src/test/java/io/github/eqvae/op",
          "kernels",
          "native"
        }) {
      namedIn(folder, snake, camel, found);
    }
    HeaderSources.of(ROOT).keySet().forEach(made -> found.remove(ROOT.relativize(made).toString()));
    found.remove("kernels/launches.tsv"); // OrderTest writes it
    found.remove("java/src/test/java/io/github/eqvae/op/AddOperationTest.java");
    return found;
  }

  @Test
  void anOperationIsWrittenInEightFiles() throws IOException {
    Set<String> found = naming("softmax_cross_entropy", "SoftmaxCrossEntropy");
    // Tests of what only this operation does; and the header of what its kernel and CPU code share.
    found.remove("java/src/test/java/io/github/eqvae/op/SoftmaxCrossEntropyTest.java");
    found.remove("kernels/softmax_cross_entropy/softmax_cross_entropy_ref.h");
    assertEquals(
        Set.of(
            "native/include/eqv.h",
            "native/core/api/softmax_cross_entropy.cpp",
            "kernels/softmax_cross_entropy/softmax_cross_entropy_ref.cpp",
            "native/cpu/softmax_cross_entropy.cpp",
            "kernels/softmax_cross_entropy/softmax_cross_entropy.cu",
            "java/src/main/java/io/github/eqvae/op/SoftmaxCrossEntropy.java",
            "java/src/test/java/io/github/eqvae/op/CrossEntropyCases.java",
            "docs/numerics.md"),
        found);
  }

  @Test
  void soIsOneThatTakesBf16() throws IOException {
    Set<String> found = naming("gated_unit", "GatedUnit");
    found.remove("CMakeLists.txt"); // kernels that are compiled in one go: only to build faster
    assertEquals(
        Set.of(
            "native/include/eqv.h",
            "native/core/api/gated_unit.cpp",
            "kernels/gated_unit/gated_unit_ref.cpp",
            "native/cpu/gated.cpp",
            "kernels/gated_unit/gated_unit.cu",
            "java/src/main/java/io/github/eqvae/op/GatedUnit.java",
            "java/src/test/java/io/github/eqvae/op/TransformerCases.java",
            "docs/numerics.md"),
        found);
  }
}
