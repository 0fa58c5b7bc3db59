package io.github.eqvae.bench.torch;

import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** A model's parameters as libtorch tensors, by their CompVis names. */
public final class TorchParameters {
  private final Map<String, Tensor> all = new LinkedHashMap<>();
  private final List<String> learned = new ArrayList<>();

  /**
   * Copies the values of eqvae's parameters, so that both sides start from the same numbers.
   *
   * @param store eqvae's parameters
   * @param stream orders the reads
   * @param options precision and memory format
   */
  public TorchParameters(ParameterStore store, Stream stream, TorchOptions options) {
    for (Parameter p : store.all()) {
      Tensor t;
      try (Tensor made = Tensor.create(p.value().toFloats(stream), p.shape().extents());
          Tensor typed = made.to(options.type())) {
        t = typed.clone(); // of a large model there is no room for both
      }
      if (p.shape().rank() == 4) {
        t = t.contiguous(options.format());
      }
      if (!p.isBuffer() && store.isTrainable()) {
        t.requires_grad_(true);
        learned.add(p.name());
      }
      all.put(p.name(), t);
    }
  }

  /** The tensor of this name. */
  Tensor get(String name) {
    Tensor t = all.get(name);
    if (t == null) {
      throw new IllegalArgumentException(
          "There is no parameter " + name + " among " + all.keySet());
    }
    return t;
  }

  boolean has(String name) {
    return all.containsKey(name);
  }

  TensorOptional optional(String name) {
    return has(name) ? new TensorOptional(get(name)) : new TensorOptional();
  }

  /**
   * Names of what is learned.
   *
   * @return in the model's order
   */
  public List<String> learned() {
    return List.copyOf(learned);
  }

  /**
   * A parameter.
   *
   * @param name its name
   * @return the live tensor
   */
  public Tensor value(String name) {
    return get(name);
  }

  /** Turns learning on or off, as Lightning does around each optimiser's step. */
  void setTrainable(boolean value) {
    learned.forEach(n -> get(n).requires_grad_(value));
  }

  /** Changes every number by so much of its size, normally distributed. */
  void disturb(double relative) {
    if (relative == 0) {
      return;
    }
    try (var guard = new org.bytedeco.pytorch.NoGradGuard()) {
      all.values().forEach(t -> t.addcmul_(t, torch.randn_like(t), Layers.scalar(relative)));
    }
  }

  /** Forgets the gradients. */
  void zeroGrad() {
    try (var guard = new org.bytedeco.pytorch.NoGradGuard()) {
      for (String n : learned) {
        Tensor g = get(n).grad();
        if (g.defined()) {
          g.zero_();
        }
      }
    }
  }

  /** What libtorch computes in by default: set by the caller, read here for clarity. */
  static int threads() {
    return torch.get_num_threads();
  }
}
