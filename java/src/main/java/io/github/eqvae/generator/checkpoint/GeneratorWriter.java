package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Writes generators with the references' tensor names. Numbers keep their bits unless another type
 * is chosen; then they are rounded to nearest, ties to even. The state of a training is not copied:
 * {@link TrainingWriter} does that.
 *
 * @param dtype the type of all numbers; empty to keep each tensor's type
 */
public record GeneratorWriter(Optional<FloatType> dtype) {
  /** The key of the settings in a PyTorch file; other programs ignore it. */
  static final String SETTINGS = "eqvae";

  /** The dictionary that the references' {@code find_model} looks for first. */
  private static final String DICTIONARY = "ema";

  /** The dictionary that MaskGIT's references load. */
  private static final String MASKGIT_DICTIONARY = "model_state_dict";

  /** Counters that MaskGIT's references read when they continue a training. */
  private static final List<String> COUNTERS = List.of("iter", "global_epoch");

  private record Converted(StoredTensor source, String name, FloatType type, MemorySegment bytes) {}

  /**
   * Writes a safetensors file.
   *
   * @param file the file; its directory must exist
   * @param checkpoint a generator of latents, or of codes
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete, or no generator
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeSafetensors(Path file, NetworkCheckpoint checkpoint)
      throws IOException {
    NetworkSource source = NetworkSource.of(checkpoint);
    Map<String, Long> overflows = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>(source.settings());
    metadata.put("format", "pt");
    try (Arena arena = Arena.ofConfined()) {
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      for (Converted c : convert(source, arena, overflows)) {
        entries.add(new SafetensorsWriter.Entry(c.name, c.type.name(), c.source.shape(), c.bytes));
      }
      SafetensorsWriter.write(file, entries, metadata);
    }
    return overflows;
  }

  /**
   * Writes a PyTorch file for the references' scripts, with the settings under {@code eqvae}, which
   * other programs ignore. The tensors are under {@code ema}; those of MaskGIT under {@code
   * model_state_dict}, with {@code iter} and {@code global_epoch} of 0.
   *
   * @param file the file; its directory must exist
   * @param checkpoint a generator of latents, or of codes
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete, or no generator
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeTorch(Path file, NetworkCheckpoint checkpoint) throws IOException {
    NetworkSource source = NetworkSource.of(checkpoint);
    boolean codes = checkpoint instanceof MaskGitCheckpoint;
    Map<String, Long> overflows = new LinkedHashMap<>();
    Map<String, TorchValue> root = new LinkedHashMap<>();
    if (codes) {
      COUNTERS.forEach(name -> root.put(name, new TorchValue.PyInt(0)));
    }
    try (Arena arena = Arena.ofConfined()) {
      root.put(
          codes ? MASKGIT_DICTIONARY : DICTIONARY,
          TorchValue.PyDict.of(tensors(source, arena, overflows)));
      root.put(SETTINGS, texts(source.settings()));
      TorchWriter.write(file, TorchValue.PyDict.of(root));
    }
    return overflows;
  }

  /**
   * Writes the tensors alone, as {@code torch.save(model.state_dict(), file)} does. The settings
   * are lost: such a file has no place for them.
   *
   * @param file the file; its directory must exist
   * @param checkpoint a generator of latents, or of codes
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete, or no generator
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeStateDict(Path file, NetworkCheckpoint checkpoint)
      throws IOException {
    Map<String, Long> overflows = new LinkedHashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      NetworkSource source = NetworkSource.of(checkpoint);
      TorchWriter.write(file, TorchValue.PyDict.of(tensors(source, arena, overflows)));
    }
    return overflows;
  }

  private Map<String, TorchValue> tensors(
      NetworkSource source, Arena arena, Map<String, Long> overflows) {
    Map<String, TorchValue> tensors = new LinkedHashMap<>();
    for (Converted c : convert(source, arena, overflows)) {
      tensors.put(c.name, TorchTensor.of(c.type.torch(), c.source.shape(), c.bytes));
    }
    return tensors;
  }

  static TorchValue.PyDict texts(Map<String, String> settings) {
    Map<String, TorchValue> texts = new LinkedHashMap<>();
    settings.forEach((key, value) -> texts.put(key, new TorchValue.PyStr(value)));
    return TorchValue.PyDict.of(texts);
  }

  private List<Converted> convert(NetworkSource source, Arena arena, Map<String, Long> overflows) {
    source.report().requireClean(source.path());
    List<Converted> all = new ArrayList<>();
    for (String name : source.names()) {
      StoredTensor tensor = Objects.requireNonNull(source.tensors().get(name));
      FloatType from = tensor.floatType();
      FloatType to = dtype.orElse(from);
      MemorySegment bytes = tensor.bytes();
      if (from != to) {
        bytes = arena.allocate(tensor.elements() * to.width(), 64);
        long overflowed = to.convert(tensor.bytes(), from, bytes);
        if (overflowed > 0) {
          overflows.put(name, overflowed);
        }
      }
      all.add(new Converted(tensor, name, to, bytes));
    }
    return all;
  }
}
