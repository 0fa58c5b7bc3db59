package io.github.eqvae.model.checkpoint;

import io.github.eqvae.io.torch.TorchValue;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The options of a training script in its checkpoint: an {@code argparse.Namespace}, or a
 * dictionary ({@code vars(args)}) with the name {@code args}.
 */
public final class ScriptArguments {
  /** The name under which training scripts save their command-line options. */
  public static final String KEY = "args";

  private ScriptArguments() {}

  /**
   * The options in a value of a checkpoint.
   *
   * @param key the value's name
   * @param value the value
   * @return the options; empty if the value is something else
   */
  public static Optional<TorchValue.PyDict> in(String key, TorchValue value) {
    return switch (value) {
      case TorchValue.Placeholder args
          when args.name().equals("argparse.Namespace")
              && args.state() instanceof TorchValue.PyDict given ->
          Optional.of(given);
      case TorchValue.PyDict given when key.equals(KEY) -> Optional.of(given);
      default -> Optional.empty();
    };
  }

  /** The texts and whole numbers among the options, as text. */
  static Map<String, String> texts(TorchValue.PyDict options) {
    Map<String, String> all = new LinkedHashMap<>();
    for (TorchValue.PyDict.Entry entry : options.entries()) {
      if (entry.key() instanceof TorchValue.PyStr name) {
        switch (entry.value()) {
          case TorchValue.PyStr text -> all.put(name.value(), text.value());
          case TorchValue.PyInt number -> all.put(name.value(), Long.toString(number.value()));
          default -> {}
        }
      }
    }
    return all;
  }
}
