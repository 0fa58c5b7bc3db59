package io.github.eqvae.generator.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/** Small networks of MaskGIT with random numbers, and files of them. */
public final class MaskGitSamples {
  private MaskGitSamples() {}

  /** Of Halton-MaskGIT, with two registers. */
  public static MaskGitConfig halton() {
    return new MaskGitConfig(MaskGitConfig.Kind.HALTON, 4, 20, 3, 32, 2, 4, 128, 2);
  }

  /** Finite numbers, by name. */
  public static Map<String, TorchTensor> tensors(MaskGitConfig config, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    MaskGitTensors.of(config)
        .forEach(
            (name, shape) -> {
              float[] values = new float[Math.toIntExact(shape.elements())];
              for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-0.5, 0.5);
              }
              tensors.put(name, TorchTensor.of(values, shape.extents()));
            });
    return tensors;
  }

  public static Path safetensors(
      Path file, Map<String, TorchTensor> tensors, Map<String, String> metadata)
      throws IOException {
    return GeneratorSamples.safetensors(file, tensors, metadata);
  }

  /** As the references' trainings save it: Halton-MaskGIT's with its table twice. */
  public static Path torch(Path file, MaskGitConfig config, long seed) throws IOException {
    Map<String, TorchTensor> tensors = tensors(config, seed);
    if (config.kind() == MaskGitConfig.Kind.HALTON) {
      tensors.put(MaskGitTensors.TIED, tensors.get(MaskGitTensors.TABLE));
    }
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put("iter", new TorchValue.PyInt(5));
    root.put("global_epoch", new TorchValue.PyInt(1));
    root.put("model_state_dict", TorchValue.PyDict.of(tensors));
    TorchWriter.write(file, TorchValue.PyDict.of(root));
    return file;
  }

  /** Writes a checkpoint in both formats and reads it back: the same numbers under all names. */
  public static void roundTrip(Path folder, MaskGitCheckpoint checkpoint) throws IOException {
    GeneratorWriter writer = new GeneratorWriter(Optional.empty());
    Path torch = folder.resolve("again.pth");
    Path safetensors = folder.resolve("again.safetensors");
    assertTrue(writer.writeTorch(torch, checkpoint).isEmpty());
    assertTrue(writer.writeSafetensors(safetensors, checkpoint).isEmpty());
    for (Path file : new Path[] {torch, safetensors}) {
      try (MaskGitCheckpoint again =
          MaskGitCheckpoint.open(file, Weights.AUTO, GeneratorHints.NONE)) {
        assertEquals(checkpoint.config(), again.config(), "said beside the tensors");
        assertEquals(checkpoint.tensors().keySet(), again.tensors().keySet());
        for (Map.Entry<String, StoredTensor> e : checkpoint.tensors().entrySet()) {
          assertArrayEquals(e.getValue().floats(), again.tensors().get(e.getKey()).floats());
        }
      }
    }
  }

  /** Numbers of a network by the names of its file. */
  public static long count(MaskGitConfig config) {
    return MaskGitTensors.of(config).values().stream().mapToLong(Shape::elements).sum();
  }
}
