package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.nn.AdamSettings;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * PyTorch numbers an optimiser's state by the order of parameters; so it must be the references'.
 */
class ParameterOrderTest {
  /** What the references' networks say, recorded by {@code parameter_orders.py}. */
  private static List<String> recorded(String network) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(
            ParameterOrderTest.class.getResourceAsStream(
                "/io/github/eqvae/generator/parameter-orders.tsv"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(line -> List.of(line.split("\t")))
          .filter(line -> line.getFirst().equals(network))
          .map(line -> line.subList(1, line.size()))
          .findFirst()
          .orElseThrow();
    }
  }

  private static DitConfig network(boolean sigma, boolean qkNorm, boolean lightning) {
    return new DitConfig(
        3, 4, 2, 16, 2, 2, 4, 3, true, sigma, qkNorm, lightning, lightning, lightning, true);
  }

  @Test
  void itIsThatOfTheReferences() throws Exception {
    assertEquals(recorded("dit"), ParameterOrder.of(network(true, false, false), Optional.empty()));
    assertEquals(
        recorded("repa"),
        ParameterOrder.of(
            network(false, false, false), Optional.of(new Alignment(1, 24, List.of(12, 20)))));
    assertEquals(
        recorded("lightningdit"), ParameterOrder.of(network(false, true, true), Optional.empty()));
    assertEquals(recorded("maskgit"), ParameterOrder.of(MaskGitConfig.of(4, 20, 3, 32, 2, 4, 64)));
    assertEquals(recorded("halton"), ParameterOrder.of(MaskGitSamples.halton()));
  }

  @Test
  void theSettingsAreThoseOfPyTorch() throws Exception {
    AdamSettings adam = new AdamSettings(0.9, 0.999, 1e-8, 0, true);
    PyDict made = new TorchOptimizer(adam, 1e-4, 0).toDict(List.of("a"), Map.of());
    PyList groups = (PyList) made.get("param_groups").orElseThrow();
    PyDict group = (PyDict) groups.values().getFirst();
    assertEquals(
        recorded("AdamW").stream().sorted().toList(),
        group.entries().stream()
            .map(e -> ((io.github.eqvae.io.torch.TorchValue.PyStr) e.key()).value())
            .sorted()
            .toList());
    assertEquals(PyDict.of(Map.of()), made.get("state").orElseThrow(), "no update yet");
  }
}
