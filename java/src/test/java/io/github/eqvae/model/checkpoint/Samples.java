package io.github.eqvae.model.checkpoint;

import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Checkpoints of tiny autoencoders with random numbers, and files of them. */
final class Samples {
  private Samples() {}

  /** Two levels, attention on the second, quant convs that change the number of channels. */
  static AutoencoderArchitecture kl() {
    return new AutoencoderArchitecture(
        AutoencoderKind.KL, 3, 3, 4, List.of(4, 8), 1, List.of(1), 2, 2, 0, true, true, true);
  }

  static AutoencoderArchitecture vq() {
    return new AutoencoderArchitecture(
        AutoencoderKind.VQ, 3, 3, 4, List.of(4, 4, 8), 2, List.of(2), 6, 3, 10, true, true, true);
  }

  /** Random bits as numbers, for a test that moves bits only: NaN is among them. */
  static TorchTensor bits(TorchDtype dtype, long[] shape, SplittableRandom random) {
    long count = 1;
    for (long extent : shape) {
      count *= extent;
    }
    byte[] bytes = new byte[Math.toIntExact(count * dtype.width())];
    random.nextBytes(bytes);
    return TorchTensor.of(dtype, shape, MemorySegment.ofArray(bytes));
  }

  /** Finite numbers, by CompVis name. */
  static Map<String, TorchTensor> tensors(AutoencoderArchitecture architecture) {
    SplittableRandom random = new SplittableRandom(1);
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    architecture
        .tensors()
        .forEach(
            (name, shape) -> {
              float[] values = new float[Math.toIntExact(shape.elements())];
              for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
              }
              tensors.put(name, TorchTensor.of(values, shape.extents()));
            });
    return tensors;
  }

  /** The same under other names; diffusers' matrices are those of attention. */
  static Map<String, TorchTensor> renamed(
      Map<String, TorchTensor> tensors, KeyNaming naming, int levels) {
    Map<String, TorchTensor> renamed = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> {
          String theirs =
              new KeyMap(levels).translate(name, KeyNaming.COMPVIS, naming).orElseThrow();
          boolean matrix = theirs.contains(".attentions.") && tensor.shape().length == 4;
          long[] shape = tensor.shape();
          renamed.put(
              theirs, matrix ? TorchTensor.of(tensor.floats(), shape[0], shape[1]) : tensor);
        });
    return renamed;
  }

  static Map<String, TorchTensor> prefixed(Map<String, TorchTensor> tensors, String prefix) {
    Map<String, TorchTensor> all = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> all.put(prefix + name, tensor));
    return all;
  }

  static Path safetensors(Path file, Map<String, TorchTensor> tensors) throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    tensors.forEach(
        (name, t) ->
            entries.add(
                new SafetensorsWriter.Entry(
                    name,
                    switch (t.dtype()) {
                      case FLOAT16 -> "F16";
                      case BFLOAT16 -> "BF16";
                      case INT64 -> "I64";
                      default -> "F32";
                    },
                    t.shape(),
                    t.bytes())));
    SafetensorsWriter.write(file, entries, Map.of());
    return file;
  }

  static Path ckpt(Path file, Map<String, TorchTensor> tensors) throws IOException {
    TorchWriter.writeCheckpoint(file, tensors, Map.of());
    return file;
  }

  static TorchTensor zeros(long... shape) {
    long count = 1;
    for (long extent : shape) {
      count *= extent;
    }
    return TorchTensor.of(new float[Math.toIntExact(count)], shape);
  }

  static TorchTensor integers(long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return TorchTensor.of(
        TorchDtype.INT64, new long[] {values.length}, MemorySegment.ofBuffer(bytes));
  }
}
