package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.ScriptArguments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * Writes files from which the references' {@code train.py} continues: {@code {model, ema, opt,
 * args, steps}} of DiT, SiT and REPA, {@code {iter, global_epoch, model_state_dict,
 * optimizer_state_dict}} of MaskGIT. Numbers keep their bits. {@code args} is a dictionary ({@code
 * vars(args)}), not an {@code argparse.Namespace}, which {@code torch.load} refuses by default.
 */
public final class TrainingWriter {
  /** The optimiser's state, of DiT, SiT and REPA. */
  public static final String OPTIMIZER = "opt";

  /** The count of updates, which REPA continues with. */
  public static final String STEPS = "steps";

  /** The weights as last trained, of DiT, SiT and REPA. */
  public static final String MODEL = "model";

  /** The average. */
  public static final String AVERAGE = "ema";

  /** The optimiser's state, of MaskGIT. */
  public static final String MASKGIT_OPTIMIZER = "optimizer_state_dict";

  /** The weights of MaskGIT. */
  public static final String MASKGIT_MODEL = "model_state_dict";

  /** The count of updates, of MaskGIT. */
  public static final String MASKGIT_STEPS = "iter";

  private static final String NO_OPTIMIZER =
      "it has no state of an optimiser, so the new file has no %s, and a training that reads that"
          + " stops. The folder of a run and the .pt of a training have one";

  private TrainingWriter() {}

  /**
   * Writes the file. That of MaskGIT is {@code current.pth}; its references keep the average in a
   * file of its own.
   *
   * @param file the file; its directory must exist
   * @param checkpoint a generator of latents or of codes, and what else its file has
   * @return what the source does not have, a sentence each
   * @throws EqvaeException.Argument if a set of weights is not complete, or it is no generator
   * @throws IOException if writing fails
   */
  public static List<String> write(Path file, NetworkCheckpoint checkpoint) throws IOException {
    NetworkSource network = NetworkSource.of(checkpoint);
    return checkpoint instanceof GeneratorCheckpoint latents
        ? writeLatents(file, latents, network)
        : writeCodes(file, checkpoint.file(), network);
  }

  private static List<String> writeLatents(
      Path file, GeneratorCheckpoint source, NetworkSource network) throws IOException {
    List<String> missing = new ArrayList<>();
    Optional<PyDict> trained = set(source, network, false);
    Optional<PyDict> average = set(source, network, true);
    if (trained.isEmpty() || average.isEmpty()) {
      missing.add("it has one set of weights, which is written as model and as ema");
    }
    PyDict any = trained.or(() -> average).orElseThrow();
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put(MODEL, trained.orElse(any));
    root.put(AVERAGE, average.orElse(any));
    Optional<PyDict> optimizer = dictionary(source.file().value(OPTIMIZER));
    optimizer.ifPresentOrElse(
        o -> root.put(OPTIMIZER, o), () -> missing.add(NO_OPTIMIZER.formatted(OPTIMIZER)));
    arguments(source)
        .ifPresentOrElse(
            a -> root.put(ScriptArguments.KEY, a),
            () -> missing.add("it does not say how it was trained, so the new file has no args"));
    OptionalLong steps = steps(source.file().value(STEPS), optimizer);
    if (steps.isPresent()) {
      root.put(STEPS, new TorchValue.PyInt(steps.getAsLong()));
    } else {
      missing.add("it does not say how many steps it was trained, so the new file has no steps");
    }
    root.put(GeneratorWriter.SETTINGS, GeneratorWriter.texts(network.settings()));
    TorchWriter.write(file, PyDict.of(root));
    return missing;
  }

  private static List<String> writeCodes(Path file, CheckpointFile source, NetworkSource network)
      throws IOException {
    List<String> missing = new ArrayList<>();
    Optional<PyDict> optimizer = dictionary(source.value(MASKGIT_OPTIMIZER));
    OptionalLong steps = steps(source.value(MASKGIT_STEPS), optimizer);
    Map<String, TorchValue> root = new LinkedHashMap<>();
    root.put(MASKGIT_STEPS, new TorchValue.PyInt(steps.orElse(0)));
    TorchValue epoch = source.value("global_epoch").orElse(new TorchValue.PyInt(0));
    root.put("global_epoch", isPlain(epoch) ? epoch : new TorchValue.PyInt(0));
    root.put(MASKGIT_MODEL, network.toDict());
    optimizer.ifPresentOrElse(
        o -> root.put(MASKGIT_OPTIMIZER, o),
        () -> missing.add(NO_OPTIMIZER.formatted(MASKGIT_OPTIMIZER)));
    root.put(GeneratorWriter.SETTINGS, GeneratorWriter.texts(network.settings()));
    TorchWriter.write(file, PyDict.of(root));
    return missing;
  }

  /** One of the sets of weights. */
  private static Optional<PyDict> set(
      GeneratorCheckpoint source, NetworkSource network, boolean average) {
    return GeneratorTensors.find(source.file(), average, GeneratorTensors.DIT)
        .map(
            found ->
                new NetworkSource(
                        network.path() + (found.where().isEmpty() ? "" : ", " + found.where()),
                        KeyReport.of(found.tensors(), source.expected(), Set.of()),
                        network.names(),
                        found.tensors(),
                        Map.of())
                    .toDict());
  }

  private static Optional<PyDict> dictionary(Optional<TorchValue> value) {
    return value.filter(PyDict.class::isInstance).map(PyDict.class::cast);
  }

  /** Its own, or else those that its settings imply. */
  private static Optional<PyDict> arguments(GeneratorCheckpoint source) {
    Optional<PyDict> given =
        source
            .file()
            .value(ScriptArguments.KEY)
            .flatMap(value -> ScriptArguments.in(ScriptArguments.KEY, value));
    if (given.isPresent()) {
      Map<String, TorchValue> plain = new LinkedHashMap<>();
      for (PyDict.Entry entry : given.get().entries()) {
        if (entry.key() instanceof TorchValue.PyStr name && isPlain(entry.value())) {
          plain.put(name.value(), entry.value());
        }
      }
      return Optional.of(PyDict.of(plain));
    }
    return source
        .process()
        .map(p -> TrainingArguments.of(source.size(), source.config(), source.alignment(), p))
        .map(PyDict::of);
  }

  /** Whether a value needs no class of a program, such as a path. */
  private static boolean isPlain(TorchValue value) {
    return switch (value) {
      case TorchValue.Placeholder _, TorchValue.PyName _ -> false;
      case TorchValue.PyList list -> list.values().stream().allMatch(TrainingWriter::isPlain);
      case TorchValue.PyTuple tuple -> tuple.values().stream().allMatch(TrainingWriter::isPlain);
      case PyDict dict -> dict.entries().stream().allMatch(e -> isPlain(e.value()));
      default -> true;
    };
  }

  /** The count beside the weights, or else that of the optimiser. */
  private static OptionalLong steps(Optional<TorchValue> value, Optional<PyDict> optimizer) {
    if (value.orElse(TorchValue.PyNone.NONE) instanceof TorchValue.PyInt count) {
      return OptionalLong.of(count.value());
    }
    return optimizer.stream()
        .flatMap(o -> dictionary(o.get("state")).stream())
        .flatMap(state -> state.entries().stream())
        .flatMap(e -> dictionary(Optional.of(e.value())).stream())
        .flatMap(own -> own.get("step").stream())
        .flatMapToLong(
            step ->
                switch (step) {
                  case TorchValue.PyInt count -> LongStream.of(count.value());
                  case TorchTensor t when t.elements() == 1 -> LongStream.of((long) t.floats()[0]);
                  default -> LongStream.empty();
                })
        .findFirst();
  }
}
