package io.github.eqvae.op;

import java.util.List;

/** The tiled products on both devices of the shim, as a program. */
public final class TiledProducts {
  /** Exit code when a result is wrong. */
  public static final int WRONG = 3;

  private TiledProducts() {}

  /** Ends with 0 when all results are right. */
  public static void main(String[] args) {
    try (OpRunner ref = new OpRunner("ref")) {
      for (String device : List.of("simt", "simt:1")) {
        try (OpRunner runner = new OpRunner(device, true)) {
          for (OpCase c : OpCases.tiled()) {
            Bf16Test.check(ref, runner, c);
          }
        }
      }
    } catch (AssertionError e) {
      System.out.println(e.getMessage());
      System.exit(WRONG);
    }
  }
}
