package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.Convolution;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.tape.Recorded;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * On devices that gain by it every group norm of an autoencoder gets the statistics of the
 * convolution it reads, and no convolution makes statistics that no norm reads.
 */
class NormFusionTest {
  /** Without attention, with attention at the highest resolution, and at all. */
  static List<List<Integer>> attention() {
    return List.of(List.of(), List.of(32), List.of(8, 16, 32));
  }

  @ParameterizedTest
  @MethodSource("attention")
  void everyNormHasTheStatisticsOfItsConvolution(List<Integer> resolutions) {
    AutoencoderConfig config =
        new AutoencoderConfig(
            3, 3, 8, List.of(1, 2, 2), 2, resolutions, 32, 2, 2, 4, true, !resolutions.isEmpty());
    try (Device device = Device.open("null");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step");
        AutoencoderKl vae = new AutoencoderKl(config, stream, 0, true)) {
      Tape encoded = new Tape(stream, arena, Tape.Mode.RECORD);
      vae.encode(encoded, arena.tensor(Shape.of(1, 32, 32, 3)));
      check(Recorded.of(encoded));
      Tape decoded = new Tape(stream, arena, Tape.Mode.RECORD);
      vae.decode(decoded, arena.tensor(Shape.of(1, 8, 8, 2)));
      check(Recorded.of(decoded));
    }
  }

  private static void check(List<Recorded.Call> calls) {
    Map<Tensor, Recorded.Call> producers = new IdentityHashMap<>();
    Set<Tensor> read = Collections.newSetFromMap(new IdentityHashMap<>());
    int norms = 0;
    for (Recorded.Call call : calls) {
      call.outputs().forEach(t -> producers.put(t, call));
      if (call.op() instanceof GroupNorm) {
        norms++;
        assertEquals(4, call.inputs().size(), "a norm that makes its own statistics");
        Tensor x = call.inputs().getFirst();
        Tensor statistics = call.inputs().getLast();
        assertTrue(producers.get(x).op() instanceof Convolution, "what a norm reads");
        assertEquals(producers.get(x), producers.get(statistics));
        read.add(statistics);
      }
    }
    assertTrue(norms > 10, "norms: " + norms);
    for (Recorded.Call call : calls) {
      if (call.op() instanceof Convolution c && c.statistics() != null) {
        assertTrue(read.contains(call.outputs().getLast()), "statistics that nobody reads");
      }
    }
  }
}
