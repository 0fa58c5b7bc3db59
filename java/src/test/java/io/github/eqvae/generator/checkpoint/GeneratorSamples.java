package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/** Small generators with random numbers, and files of them. */
public final class GeneratorSamples {
  private GeneratorSamples() {}

  /** Latents of 4×4×3, three classes and a null class. */
  public static DitConfig dit() {
    return new DitConfig(3, 4, 2, 16, 2, 2, 4, 3, true, true, false, false, false, false, true);
  }

  /** With all of LightningDiT's options. */
  public static DitConfig lightning() {
    return new DitConfig(3, 4, 1, 24, 2, 3, 4, 3, true, false, true, true, true, true, false);
  }

  /** Finite numbers, by name. */
  public static Map<String, TorchTensor> tensors(DitConfig config, long seed) {
    return tensors(config, Optional.empty(), seed);
  }

  /** The same with REPA's projectors. */
  public static Map<String, TorchTensor> tensors(
      DitConfig config, Optional<Alignment> alignment, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    TensorList.of(config, alignment)
        .forEach(
            (name, shape) -> {
              float[] values = new float[Math.toIntExact(shape.elements())];
              for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-0.2, 0.2);
              }
              tensors.put(name, TorchTensor.of(values, shape.extents()));
            });
    return tensors;
  }

  public static Map<String, TorchTensor> prefixed(Map<String, TorchTensor> tensors, String prefix) {
    Map<String, TorchTensor> all = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> all.put(prefix + name, tensor));
    return all;
  }

  /** A safetensors file with whatever strings beside the tensors. */
  public static Path safetensors(
      Path file, Map<String, TorchTensor> tensors, Map<String, String> metadata)
      throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    tensors.forEach(
        (name, t) -> entries.add(new SafetensorsWriter.Entry(name, "F32", t.shape(), t.bytes())));
    SafetensorsWriter.write(file, entries, metadata);
    return file;
  }

  /** A PyTorch file of several dictionaries. */
  public static Path torch(Path file, Map<String, Map<String, TorchTensor>> dictionaries)
      throws IOException {
    Map<String, TorchValue> root = new LinkedHashMap<>();
    dictionaries.forEach((name, tensors) -> root.put(name, TorchValue.PyDict.of(tensors)));
    root.put("train_steps", new TorchValue.PyInt(7));
    TorchWriter.write(file, TorchValue.PyDict.of(root));
    return file;
  }
}
