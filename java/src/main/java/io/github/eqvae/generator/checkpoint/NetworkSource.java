package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A network to be written: its tensors in the order of the references, and settings.
 *
 * @param path where it is from, for messages
 * @param report whether it is complete
 * @param names names of the tensors to write, in the order of the references
 * @param tensors tensors by name
 * @param settings entries for the metadata of a file
 */
record NetworkSource(
    String path,
    KeyReport report,
    Collection<String> names,
    Map<String, StoredTensor> tensors,
    Map<String, String> settings) {

  /**
   * A generator as it is written.
   *
   * @throws EqvaeException.Argument if it is none
   */
  static NetworkSource of(NetworkCheckpoint checkpoint) {
    return switch (checkpoint) {
      case GeneratorCheckpoint latents -> of(latents);
      case MaskGitCheckpoint codes -> of(codes);
      default ->
          throw new EqvaeException.Argument(checkpoint.file().path() + " holds no generator");
    };
  }

  private static NetworkSource of(GeneratorCheckpoint c) {
    return new NetworkSource(
        c.file().path().toString(), c.report(), c.expected().keySet(), c.tensors(), settings(c));
  }

  /**
   * Files of other programs do not record whether guidance is possible; it is for the references'
   * networks.
   */
  private static NetworkSource of(MaskGitCheckpoint c) {
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
    return new NetworkSource(
        c.file().path().toString(), c.report(), names, tensors, metadata.toMap());
  }

  /** The tensors with the types they have, for {@code torch.save}. */
  TorchValue.PyDict toDict() {
    report.requireClean(path);
    Map<StoredTensor, TorchTensor> made = new LinkedHashMap<>();
    Map<String, TorchValue> all = new LinkedHashMap<>();
    for (String name : names) {
      StoredTensor tensor = Objects.requireNonNull(tensors.get(name));
      FloatType type = tensor.floatType();
      all.put(
          name,
          made.computeIfAbsent(tensor, t -> TorchTensor.of(type.torch(), t.shape(), t.bytes())));
    }
    return TorchValue.PyDict.of(all);
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
}
