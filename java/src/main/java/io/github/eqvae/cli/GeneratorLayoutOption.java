package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import picocli.CommandLine.Option;

/** {@code --layout}: what a generator's PyTorch file has beside its weights. */
final class GeneratorLayoutOption {
  /** The layouts. */
  enum Layout {
    /** {@code {ema}}, of MaskGIT {@code {model_state_dict}}. */
    SAMPLING,
    /** The tensors at the root, as {@code state_dict()} returns them. */
    BARE,
    /** {@code {model, ema, opt, args, steps}}, of MaskGIT {@code current.pth}. */
    TRAINING
  }

  @Option(
      names = "--layout",
      paramLabel = "LAYOUT",
      description =
          "For a generator's .pt: sampling, the weights where sample.py of the references looks for"
              + " them (the default); bare, the tensors alone; training, also the state of the"
              + " training, so that train.py of the references can continue: {model, ema, opt,"
              + " args, steps}, of MaskGIT current.pth. SRC is the folder of a run, of one of its"
              + " checkpoints, or a training's .pt.")
  private Layout layout = Layout.SAMPLING;

  Layout layout() {
    return layout;
  }

  /** Refuses this option beside an autoencoder. */
  void requireNone() {
    if (layout != Layout.SAMPLING) {
      throw new EqvaeException.Argument("--layout is for files of generators: leave it out");
    }
  }
}
