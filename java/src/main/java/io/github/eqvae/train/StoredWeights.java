package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.checkpoint.Checkpoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The weights of a network in a checkpoint, without what only training needs. */
public final class StoredWeights {
  private StoredWeights() {}

  /**
   * Reads them.
   *
   * @param checkpoint where they are
   * @param network the name of the group they belong to, for what is not learned
   * @param weights the blob: {@code NETWORK.weights}, as last trained, or {@code NETWORK.ema}
   * @param store of the same network; receives the weights
   * @param stream orders the work
   * @throws IOException when a file cannot be read or has changed
   * @throws EqvaeException.Argument when the device computes in another dtype than the checkpoint's
   */
  public static void read(
      Checkpoint checkpoint, String network, String weights, ParameterStore store, Stream stream)
      throws IOException {
    String dtype = store.values().dtype().name();
    if (!dtype.equals(checkpoint.state("dtype", String.class))) {
      throw new EqvaeException.Argument(
          checkpoint.directory()
              + " holds "
              + checkpoint.state("dtype", String.class)
              + ", this device computes in "
              + dtype
              + "; load model.safetensors instead, which the run writes at its end");
    }
    List<String> names = new ArrayList<>();
    List<Tensor> targets = new ArrayList<>();
    names.add(weights);
    targets.add(store.values());
    for (Parameter buffer : store.buffers()) {
      names.add(network + ".buffer." + buffer.name());
      targets.add(buffer.value());
    }
    try (Arena arena = Arena.ofConfined()) {
      for (int i = 0; i < names.size(); i++) {
        Tensor target = targets.get(i);
        MemorySegment host = arena.allocate(target.bytes(), 64);
        checkpoint.read(names.get(i), host);
        target.copyFrom(stream, host);
        stream.sync();
      }
    }
    store.repack(stream);
  }
}
