package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.model.LatentScaling;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntToDoubleFunction;

/**
 * FLUX.2's batch norm of the latents. It is not a part of the network, but the scaling for its
 * generators, stored among the tensors. Source: black-forest-labs/flux2 {@code
 * src/flux2/autoencoder.py}; huggingface/diffusers {@code
 * models/autoencoders/autoencoder_kl_flux2.py}.
 */
final class LatentNorm {
  static final String CLASS_NAME = "AutoencoderKLFlux2";

  /** The same in both sources. */
  static final double EPS = 1e-4;

  static final int PATCH = 2;

  private static final String MEAN = "bn.running_mean";
  private static final String VARIANCE = "bn.running_var";
  private static final String COUNTER = "bn.num_batches_tracked";

  static final Set<String> NAMES = Set.of(MEAN, VARIANCE, COUNTER);

  private LatentNorm() {}

  /** Reads it; empty if there is none. */
  static Optional<LatentScaling> read(
      String file, Map<String, StoredTensor> statistics, AutoencoderArchitecture a, double eps) {
    if (statistics.isEmpty()) {
      return Optional.empty();
    }
    int channels = a.embedDim() * PATCH * PATCH;
    List<List<Double>> both = new ArrayList<>();
    for (String name : List.of(MEAN, VARIANCE)) {
      StoredTensor tensor = statistics.get(name);
      if (tensor == null || tensor.elements() != channels) {
        throw new EqvaeException.Argument(
            file
                + ": "
                + (tensor == null ? "there is no " + name : tensor.toString())
                + ", expected ["
                + channels
                + "]: the statistics of "
                + a.embedDim()
                + " channels in squares of 2×2");
      }
      List<Double> values = new ArrayList<>();
      for (float v : tensor.floats()) {
        values.add((double) v);
      }
      both.add(values);
    }
    try {
      return Optional.of(LatentScaling.batchNorm(both.get(0), both.get(1), PATCH, eps));
    } catch (EqvaeException.Argument e) {
      throw new EqvaeException.Argument(file + ": bn: " + e.getMessage());
    }
  }

  /** The tensors of it, for a file. */
  static List<CheckpointWriter.Converted> tensors(
      LatentScaling scaling, FloatType type, Arena arena) {
    int channels = scaling.mean().size();
    // the count of batches has no effect: these averages are not updated any more
    MemorySegment counter = arena.allocate(Long.BYTES, 64);
    return List.of(
        tensor(MEAN, type, channels, i -> scaling.mean().get(i), arena),
        tensor(VARIANCE, type, channels, scaling::variance, arena),
        new CheckpointWriter.Converted(COUNTER, "I64", TorchDtype.INT64, new long[0], counter));
  }

  private static CheckpointWriter.Converted tensor(
      String name, FloatType type, int channels, IntToDoubleFunction value, Arena arena) {
    MemorySegment bytes = arena.allocate((long) channels * type.width(), 64);
    for (int i = 0; i < channels; i++) {
      type.set(bytes, i, (float) value.applyAsDouble(i));
    }
    return new CheckpointWriter.Converted(
        name, type.name(), type.torch(), new long[] {channels}, bytes);
  }
}
