package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A model that keeps packed weights computes with those that were loaded last. */
class PackedModelTest {
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), 8, 2, 2, 4, true, true);

  @TempDir Path folder;

  static List<String> devices() {
    return Devices.computing().stream().filter(d -> !"cpu".equals(d)).toList();
  }

  private static AutoencoderKl model(Stream stream, long seed, boolean packed) {
    AutoencoderKl model = new AutoencoderKl(CONFIG, stream, seed, false);
    model.computeIn(DType.BF16);
    if (packed) {
      model.parameters().keepPacked(stream);
    }
    return model;
  }

  private static float[] reconstruct(AutoencoderKl model, Stream stream) {
    try (TensorArena arena = new TensorArena(stream.device(), "step", true)) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor x = arena.tensor(Shape.of(1, 8, 8, 3));
      x.normal(stream, 1, 1, 0, 0.5);
      return model.decode(tape, model.mode(tape, model.encode(tape, x))).toFloats(stream);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void loadedWeightsAreTheOnesThatCount(String name) throws Exception {
    Path file = folder.resolve("model.safetensors");
    try (Device device = Device.open(name);
        Stream stream = new Stream(device);
        AutoencoderKl saved = model(stream, 1, false);
        AutoencoderKl ours = model(stream, 2, true);
        AutoencoderKl another = model(stream, 3, true)) {
      ModelFile.save(file, saved.parameters(), stream, Map.of("norm_num_groups", "4"));
      float[] expected = reconstruct(saved, stream);
      assertFalse(Arrays.equals(expected, reconstruct(ours, stream)));
      ModelFile.load(file, ours.parameters(), stream);
      assertArrayEquals(expected, reconstruct(ours, stream));
      try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(file)) {
        checkpoint.loadInto(another.parameters(), stream);
      }
      assertArrayEquals(expected, reconstruct(another, stream));
    }
  }
}
