package io.github.eqvae.bench.gpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class GpuTableTest {
  private static void measured(List<String> lines, String peer, String against, double... ms) {
    for (int round = 0; round < ms.length; round++) {
      lines.add(
          String.format(
              "{\"case\": \"step\", \"peer\": \"%s\", \"against\": \"%s\", \"round\": %d,"
                  + " \"score\": %s}",
              peer, against, round, ms[round]));
    }
  }

  /**
   * The ratio is against PyTorch's fastest variant; if that is without autocast, the table says so.
   */
  @Test
  void theFastestModeCounts() throws Exception {
    List<String> lines = new ArrayList<>();
    lines.add(
        "{\"command\": \"c\", \"date\": \"d\", \"device\": \"g\", \"detail\": \"\", \"peer\": {}}");
    for (String mode : List.of("eager", "eager-bf16", "compile", "compile-bf16")) {
      measured(lines, "eqvae", mode, 4, 5, 6);
    }
    measured(lines, "torch-eager", "eager", 20, 20, 20);
    measured(lines, "torch-eager-bf16", "eager-bf16", 16, 16, 16);
    measured(lines, "torch-compile", "compile", 10, 10, 10);
    measured(lines, "torch-compile-bf16", "compile-bf16", 12, 12, 12);
    String table = GpuTable.of(lines);
    assertTrue(
        table.contains("| step | 5.000 | 16.000 bf16 | 10.000 |  | **0.50** | 0.45–0.55 |"), table);
  }
}
