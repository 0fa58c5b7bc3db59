package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * No operation without its tests: each class of the package that implements {@link Op} must have
 * cases, and with them finite differences, libtorch, every device, and the shapes on which indices
 * go wrong.
 */
class OpGateTest {
  static List<Class<?>> operations()
      throws IOException, URISyntaxException, ClassNotFoundException {
    Path root = Path.of(Op.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<Class<?>> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(root.resolve("io/github/eqvae/op"))) {
      for (Path file : files.sorted().toList()) {
        String name = file.getFileName().toString().replace(".class", "");
        if (!file.toString().endsWith(".class") || name.contains("-")) {
          continue;
        }
        Class<?> type =
            Class.forName("io.github.eqvae.op." + name, false, Op.class.getClassLoader());
        if (Op.class.isAssignableFrom(type) && !Modifier.isAbstract(type.getModifiers())) {
          found.add(type);
        }
      }
    }
    return found;
  }

  /** What is missing for an operation; empty when nothing is. */
  private static List<String> missing(Class<?> type, List<OpCase> all) {
    List<OpCase> cases = all.stream().filter(c -> c.op().getClass() == type).toList();
    List<String> missing = new ArrayList<>();
    demand(cases, missing, "any case", c -> true);
    demand(
        cases,
        missing,
        "a case with a gradient (finite differences)",
        c -> c.inputs().stream().anyMatch(In::differentiable));
    demand(
        cases,
        missing,
        "a case with an odd size",
        c ->
            first(c).shape().rank() > 1
                && first(c).shape().dim(1) % 2 == 1
                && first(c).shape().dim(1) > 1);
    demand(cases, missing, "a case with batch 1", c -> first(c).shape().dim(0) == 1);
    long channels = OpCases.fewestChannels(type);
    demand(
        cases,
        missing,
        "a case with as few channels as it takes (one, or sink.needsChannels)",
        c -> first(c).shape().dim(-1) == channels);
    demand(
        cases,
        missing,
        "a case with a non-contiguous input",
        c -> c.inputs().stream().anyMatch(i -> i.layout() != In.Layout.DENSE && !i.isAbsent()));
    return missing;
  }

  private static In first(OpCase c) {
    return c.inputs().getFirst();
  }

  private static void demand(
      List<OpCase> cases, List<String> missing, String what, Predicate<OpCase> rule) {
    if (cases.stream().noneMatch(rule)) {
      missing.add(what);
    }
  }

  @Test
  void everyOperationHasItsCases() throws Exception {
    List<String> problems = new ArrayList<>();
    for (Class<?> type : operations()) {
      List<String> missing = missing(type, OpCases.all());
      if (!missing.isEmpty()) {
        problems.add(type.getSimpleName() + " lacks " + missing);
      }
    }
    assertEquals(List.of(), problems);
  }

  @Test
  void theGateSeesOperationsAndNoticesGaps() throws Exception {
    assertTrue(operations().contains(Conv2d.class));
    assertTrue(operations().size() >= 26, () -> "only part of the package was found");
    assertFalse(missing(Conv2d.class, List.of()).isEmpty());
  }

  @Test
  void everyOptionOfResamplingAndConvolutionIsTried() {
    for (Interpolation how : Interpolation.values()) {
      for (int turns = 0; turns < 4; turns++) {
        for (int flips = 0; flips < 4; flips++) {
          Resample wanted = new Resample(7, 9, how, turns, (flips & 1) == 1, (flips & 2) == 2);
          assertTrue(OpCases.all().stream().anyMatch(c -> c.op().equals(wanted)), wanted::toString);
        }
      }
    }
    for (int kernel : new int[] {1, 3, 4}) {
      for (int stride : new int[] {1, 2}) {
        Conv2d wanted = new Conv2d(stride, 0, 1, 0, 1);
        assertTrue(
            OpCases.all().stream()
                .anyMatch(c -> c.op().equals(wanted) && c.inputs().get(1).shape().dim(3) == kernel),
            () -> wanted + " with kernel " + kernel);
      }
    }
  }
}
