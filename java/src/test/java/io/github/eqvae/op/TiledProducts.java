package io.github.eqvae.op;

import java.util.Comparator;
import java.util.List;

/**
 * The tiled products on both devices of the shim, as a program. Those whose names begin with an
 * argument come first.
 */
public final class TiledProducts {
  /** Exit code when a result is wrong. */
  public static final int WRONG = 3;

  private TiledProducts() {}

  /** Ends with 0 when all results are right. */
  public static void main(String[] args) {
    // The small ones first: of a faulty library the first wrong result is enough.
    List<OpCase> cases =
        OpCases.tiled().stream()
            .sorted(
                Comparator.comparing(
                        (OpCase c) -> List.of(args).stream().noneMatch(c.name()::startsWith))
                    .thenComparingLong(EveryKernel::multiplications))
            .toList();
    try (OpRunner ref = new OpRunner("ref");
        OpRunner first = new OpRunner("simt", true);
        OpRunner second = new OpRunner("simt:1", true)) {
      for (OpCase c : cases) {
        System.out.println(c.name()); // a faulty kernel may end the process
        Bf16Test.check(ref, List.of(first, second), c);
      }
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      System.exit(WRONG);
    }
  }
}
