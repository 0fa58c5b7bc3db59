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
 * SoftmaxCrossEntropy}, which has all of them to itself, are these and no others.
 */
class AddOperationTest {
  private static final Path ROOT = GeneratedPage.ROOT;

  private static void namedIn(String folder, Set<String> found) throws IOException {
    try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String text = file + Files.readString(file);
        if (text.contains("softmax_cross_entropy") || text.contains("SoftmaxCrossEntropy")) {
          found.add(ROOT.relativize(file).toString());
        }
      }
    }
  }

  @Test
  void anOperationIsWrittenInEightFiles() throws IOException {
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
      namedIn(folder, found);
    }
    HeaderSources.of(ROOT).keySet().forEach(made -> found.remove(ROOT.relativize(made).toString()));
    found.remove("kernels/launches.tsv"); // OrderTest writes it
    found.remove("java/src/test/java/io/github/eqvae/op/AddOperationTest.java");
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
}
