package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Writes generators with the references' tensor names. Numbers keep their bits unless another type
 * is chosen; then they are rounded to nearest, ties to even. Training state is not copied.
 *
 * @param dtype the type of all numbers; empty to keep each tensor's type
 */
public record GeneratorWriter(Optional<FloatType> dtype) {
  /** The key of the settings in a PyTorch file; other programs ignore it. */
  private static final String SETTINGS = "eqvae";

  /** The dictionary that the references' {@code find_model} looks for first. */
  private static final String DICTIONARY = "ema";

  /** The dictionary that MaskGIT's references load. */
  private static final String MASKGIT_DICTIONARY = "model_state_dict";

  /** Counters that MaskGIT's references read when they continue a training. */
  private static final List<String> COUNTERS = List.of("iter", "global_epoch");

  /** The source of a file: tensors in their order, and settings. */
  private record Source(
      String path,
      KeyReport report,
      Collection<String> names,
      Map<String, StoredTensor> tensors,
      Map<String, String> settings) {
    static Source of(GeneratorCheckpoint c) {
      return new Source(
          c.file().path().toString(),
          c.report(),
          c.expected().keySet(),
          c.tensors(),
          GeneratorWriter.settings(c));
    }

    /**
     * Files of other programs do not record whether guidance is possible; it is for the references'
     * networks.
     */
    static Source of(MaskGitCheckpoint c) {
      MaskGitMetadata metadata =
          c.metadata()
              .orElseGet(() -> new MaskGitMetadata(c.config(), true, Optional.empty(), List.of()));
      List<String> names = new ArrayList<>(c.expected().keySet());
      Map<String, StoredTensor> tensors = new LinkedHashMap<>(c.tensors());
      StoredTensor table = tensors.get(MaskGitTensors.TABLE);
      if (c.config().kind() == MaskGitConfig.Kind.HALTON && table != null) {
        names.add(MaskGitTensors.TIED);
        tensors.putIfAbsent(MaskGitTensors.TIED, table);
      }
      return new Source(c.file().path().toString(), c.report(), names, tensors, metadata.toMap());
    }
  }

  private record Converted(StoredTensor source, String name, FloatType type, MemorySegment bytes) {}

  /**
   * Writes a safetensors file.
   *
   * @param file the file; its directory must exist
   * @param source the generator
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeSafetensors(Path file, GeneratorCheckpoint source)
      throws IOException {
    return writeSafetensors(file, Source.of(source));
  }

  /**
   * Writes a safetensors file.
   *
   * @param file the file; its directory must exist
   * @param source the MaskGIT checkpoint
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeSafetensors(Path file, MaskGitCheckpoint source)
      throws IOException {
    return writeSafetensors(file, Source.of(source));
  }

  private Map<String, Long> writeSafetensors(Path file, Source source) throws IOException {
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
   * Writes a {@code .pt} file for the references' scripts, with the tensors under {@code ema} and
   * the settings under {@code eqvae}, which other programs ignore.
   *
   * @param file the file; its directory must exist
   * @param source the generator
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeTorch(Path file, GeneratorCheckpoint source) throws IOException {
    return writeTorch(file, Source.of(source), DICTIONARY, List.of());
  }

  /**
   * Writes a {@code .pth} file from which MaskGIT's references can continue, with the tensors under
   * {@code model_state_dict}, {@code iter} and {@code global_epoch} of 0, and the settings under
   * {@code eqvae}.
   *
   * @param file the file; its directory must exist
   * @param source the MaskGIT checkpoint
   * @return per tensor, the number of finite numbers that became infinite
   * @throws io.github.eqvae.EqvaeException.Argument if the source is not complete
   * @throws IOException if writing fails
   */
  public Map<String, Long> writeTorch(Path file, MaskGitCheckpoint source) throws IOException {
    return writeTorch(file, Source.of(source), MASKGIT_DICTIONARY, COUNTERS);
  }

  private Map<String, Long> writeTorch(
      Path file, Source source, String dictionary, List<String> counters) throws IOException {
    Map<String, Long> overflows = new LinkedHashMap<>();
    Map<String, TorchValue> root = new LinkedHashMap<>();
    counters.forEach(name -> root.put(name, new TorchValue.PyInt(0)));
    try (Arena arena = Arena.ofConfined()) {
      Map<String, TorchValue> tensors = new LinkedHashMap<>();
      for (Converted c : convert(source, arena, overflows)) {
        tensors.put(c.name, TorchTensor.of(c.type.torch(), c.source.shape(), c.bytes));
      }
      root.put(dictionary, TorchValue.PyDict.of(tensors));
      Map<String, TorchValue> texts = new LinkedHashMap<>();
      source.settings().forEach((key, value) -> texts.put(key, new TorchValue.PyStr(value)));
      root.put(SETTINGS, TorchValue.PyDict.of(texts));
      TorchWriter.write(file, TorchValue.PyDict.of(root));
    }
    return overflows;
  }

  /** The settings; empty if the diffusion process is unknown. */
  private static Map<String, String> settings(GeneratorCheckpoint source) {
    return source
        .process()
        .map(
            process ->
                new GeneratorMetadata(
                        source.config(),
                        process,
                        source.metadata().flatMap(GeneratorMetadata::latents),
                        source.metadata().map(GeneratorMetadata::classes).orElse(List.of()),
                        alignment(source))
                    .toMap())
        .orElse(Map.of());
  }

  private static Optional<AlignmentOrigin> alignment(GeneratorCheckpoint source) {
    return source
        .metadata()
        .flatMap(GeneratorMetadata::alignment)
        .or(() -> source.alignment().map(a -> new AlignmentOrigin(a, "", "")));
  }

  private List<Converted> convert(Source source, Arena arena, Map<String, Long> overflows) {
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
