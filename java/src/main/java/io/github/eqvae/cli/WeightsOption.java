package io.github.eqvae.cli;

import io.github.eqvae.model.checkpoint.Weights;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --weights}: the average (EMA) or the weights as last trained. */
final class WeightsOption {
  /** The values of the option. */
  private enum Named {
    EMA(Weights.EMA),
    MODEL(Weights.MODEL);

    private final Weights weights;

    Named(Weights weights) {
      this.weights = weights;
    }
  }

  @Option(
      names = "--weights",
      paramLabel = "WHICH",
      description =
          "If there are two sets of weights: ema, the average (EMA), or model, as last trained."
              + " Default: ema if the average is complete. The output says which was used.")
  private Optional<Named> named = Optional.empty();

  @Option(names = "--raw-weights", hidden = true, description = "As --weights model.")
  private boolean raw;

  Weights choice() {
    return named.map(n -> n.weights).orElse(raw ? Weights.MODEL : Weights.AUTO);
  }

  /** Prints which weights were chosen, if the file has two sets. */
  static void say(PrintWriter err, Path model, Optional<String> note) {
    note.ifPresent(
        text -> {
          err.println("eqvae: note: " + model + ": " + text);
          err.flush();
        });
  }
}
