package io.github.eqvae.op;

import java.util.List;
import java.util.stream.Stream;

/**
 * All cases of all operations on both devices of the shim, as a program: for a library that a
 * sanitizer watches. Results are looked at elsewhere.
 */
public final class EveryKernel {
  private EveryKernel() {}

  /** Ends with 0 when the sanitizer has nothing to say. */
  public static void main(String[] args) {
    try (OpRunner runner = new OpRunner("simt")) {
      for (OpCase c : OpCases.all()) {
        runner.run(c, c.sample());
      }
    }
    for (String device : List.of("simt", "simt:1")) {
      try (OpRunner runner = new OpRunner(device, true)) {
        Stream.concat(OpCases.all().stream(), OpCases.tiled().stream())
            .filter(c -> Bf16Test.takesBf16(c.op()))
            .forEach(c -> runner.run(c, c.sample()));
      }
    }
  }
}
