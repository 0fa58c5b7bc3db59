package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.ForeignFile;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.torch.TorchFile;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An open checkpoint of any model: all its tensors by name, from a safetensors file, a PyTorch
 * file, or a folder of diffusers with one or several of these. The format is recognised by a file's
 * first bytes, not by its name.
 */
public final class CheckpointFile implements AutoCloseable {
  /** Metadata key of our own files, for settings that tensors do not contain. */
  public static final String SETTINGS = "eqvae";

  /** The file that is in a run's folder from the start; {@link #RUN_MODEL} is there at the end. */
  private static final String RUN = "recipe.yaml";

  private static final String RUN_MODEL = "model.safetensors";

  /** In the recipe of a run, which is complete: its model holds the weights as last trained. */
  private static final Pattern NO_AVERAGE = Pattern.compile("(?m)^ +ema_decay: (null|none)$");

  /** The header's brace comes after 8 bytes with its length. */
  private static final int SAFETENSORS_BRACE = 8;

  private final Path path;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final List<String> beside = new ArrayList<>();
  private final Map<String, Map<String, StoredTensor>> sections = new LinkedHashMap<>();
  private final Map<String, String> arguments = new LinkedHashMap<>();
  private TorchValue.PyDict root = TorchValue.PyDict.of(Map.of());
  private String section = "";
  private boolean keepsAverage;
  private Optional<String> folderNote = Optional.empty();
  private String format = "";
  private Optional<Path> config = Optional.empty();

  private CheckpointFile(Path path) {
    this.path = path;
  }

  /**
   * Opens a file or a folder.
   *
   * @param path safetensors, a PyTorch checkpoint, a folder of diffusers, or that of a finished run
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it is not such a file or folder, or a part is missing
   * @throws IOException if it cannot be read, or a file violates its format
   */
  public static CheckpointFile open(Path path) throws IOException {
    return open(path, Weights.AUTO);
  }

  /**
   * Opens a file or a folder.
   *
   * @param path as for {@link #open(Path)}
   * @param weights the variant in a folder of diffusers; a file has all sets
   * @return as for {@link #open(Path)}
   * @throws EqvaeException.Argument as for {@link #open(Path)}
   * @throws IOException as for {@link #open(Path)}
   */
  public static CheckpointFile open(Path path, Weights weights) throws IOException {
    CheckpointFile file = new CheckpointFile(path);
    try {
      if (Files.isRegularFile(path.resolve(RUN))) {
        Path model = path.resolve(RUN_MODEL);
        if (Files.isSymbolicLink(model) && !Files.exists(model)) {
          throw new EqvaeException.Argument(
              model + " is a link to nothing; copy the file that it pointed to");
        }
        if (!Files.exists(model)) {
          throw new EqvaeException.Argument(
              path
                  + " is the folder of a run that has not finished; at the end the run writes "
                  + RUN_MODEL
                  + ". To continue: "
                  + Invocation.command("train", "--resume", path));
        }
        if (weights == Weights.MODEL) {
          throw new EqvaeException.Argument(
              path
                  + " is the folder of a run. Its "
                  + RUN_MODEL
                  + " holds the average if the run keeps one; the weights as last trained are only"
                  + " in its checkpoints, where encode, decode, reconstruct, evaluate and convert"
                  + " find them");
        }
        file.keepsAverage =
            weights != Weights.EMA
                || !NO_AVERAGE.matcher(Files.readString(path.resolve(RUN))).find();
        file.format = "run, " + RUN_MODEL + " (" + file.add(model, Map.of()) + ")";
      } else if (TransformersFolder.weights(path).isPresent()) {
        Path model = TransformersFolder.weights(path).get();
        file.format =
            "transformers folder, " + model.getFileName() + " (" + file.add(model, Map.of()) + ")";
      } else if (Files.isDirectory(path)) {
        file.addFolder(DiffusersFolder.open(path, weights));
        file.keepsAverage = weights == Weights.EMA;
      } else if (DiffusersFolder.isIndex(path)) {
        file.addFolder(DiffusersFolder.ofIndex(path));
      } else {
        file.format = file.add(path, Map.of());
        Path sibling = path.toAbsolutePath().resolveSibling(DiffusersFolder.CONFIG);
        file.config = Optional.of(sibling).filter(Files::isRegularFile);
      }
      return file;
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /**
   * A checkpoint in memory, as {@link #open(Path)} would find it in a file of {@code torch.save}.
   *
   * @param path what a user named, for messages
   * @param format its format, in words
   * @param root the object that the file would hold
   * @param memory is closed with the checkpoint
   * @return the open checkpoint; the caller closes it
   */
  public static CheckpointFile of(
      Path path, String format, TorchValue.PyDict root, AutoCloseable memory) {
    CheckpointFile file = new CheckpointFile(path);
    file.open.push(memory);
    file.format = format;
    file.addAll(path, Map.of(), root, TorchSections.of(root));
    return file;
  }

  private void addFolder(DiffusersFolder folder) throws IOException {
    config = folder.config();
    folderNote = folder.note();
    for (Path part : folder.weights()) {
      format = add(part, folder.shards());
    }
    List<String> lost =
        folder.shards().keySet().stream().filter(name -> !tensors.containsKey(name)).toList();
    if (!lost.isEmpty()) {
      throw new EqvaeException.Argument(
          path
              + ": the index lists "
              + lost.size()
              + " tensors that are not in their shards: "
              + String.join(", ", lost));
    }
    int parts = folder.weights().size();
    format =
        "diffusers folder, "
            + folder.weights().getFirst().getFileName()
            + (parts > 1 ? " and " + (parts - 1) + " more" : "")
            + " ("
            + format
            + ")";
  }

  /** Adds the tensors of one file; returns what kind of file it is. */
  private String add(Path file, Map<String, Path> shards) throws IOException {
    byte[] start = start(file);
    if (start.length > SAFETENSORS_BRACE && start[SAFETENSORS_BRACE] == '{') {
      SafetensorsFile source = SafetensorsFile.open(file);
      open.push(source);
      for (String name : source.names()) {
        add(
            file,
            shards,
            new StoredTensor(
                name,
                source.info(name).dtype(),
                source.info(name).shape(),
                () -> source.segment(name)));
      }
      metadata.putAll(source.metadata());
      return "safetensors";
    }
    Optional<String> foreign = ForeignFile.what(start, Files.size(file));
    if (foreign.isPresent()) {
      throw new EqvaeException.Argument(file + " is no checkpoint: " + foreign.get());
    }
    TorchFile source = TorchFile.open(file);
    open.push(source);
    addAll(file, shards, source.root(), TorchSections.of(source));
    return source.format() == TorchFile.Format.ZIP ? "PyTorch zip archive" : "PyTorch before 1.6";
  }

  private static byte[] start(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(file.toString());
    }
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(ForeignFile.START_BYTES);
    }
  }

  private void addAll(Path file, Map<String, Path> shards, TorchValue all, TorchSections found) {
    section = found.name();
    sections.putAll(found.others());
    found.tensors().values().forEach(tensor -> add(file, shards, tensor));
    if (all instanceof TorchValue.PyDict dict) {
      root = dict;
      for (TorchValue.PyDict.Entry entry : dict.entries()) {
        if (!(entry.key() instanceof TorchValue.PyStr key)) {
          continue;
        }
        if (!(entry.value() instanceof TorchTensor tensor)) {
          beside(key.value(), entry.value());
        } else if (!section.isEmpty() || !tensors.containsKey(key.value())) {
          beside.add(
              key.value()
                  + " (tensor "
                  + TorchSections.stored(key.value(), tensor).dtype()
                  + Arrays.toString(tensor.shape())
                  + ")");
        }
      }
    }
  }

  private void beside(String key, TorchValue value) {
    if (!section.isEmpty() && (section.equals(key) || section.startsWith(key + "."))) {
      return; // the weights are in this one
    }
    if (section.isEmpty() && tensors.keySet().stream().anyMatch(n -> n.startsWith(key + "."))) {
      return; // one of the modules that were joined
    }
    if (value instanceof TorchValue.PyDict inner) {
      for (TorchValue.PyDict.Entry entry : inner.entries()) {
        if (key.equals(SETTINGS)
            && entry.key() instanceof TorchValue.PyStr name
            && entry.value() instanceof TorchValue.PyStr text) {
          metadata.put(name.value(), text.value());
        }
      }
    }
    ScriptArguments.in(key, value).map(ScriptArguments::texts).ifPresent(arguments::putAll);
    beside.add(
        switch (value) {
          case TorchValue.PyInt number -> key + " = " + number.value();
          case TorchValue.PyFloat number -> key + " = " + number.value();
          case TorchValue.PyDict dictionary ->
              key + " (" + dictionary.entries().size() + " entries)";
          case TorchValue.PyList list -> key + " (" + list.values().size() + " entries)";
          default -> key;
        });
  }

  private void add(Path file, Map<String, Path> shards, StoredTensor tensor) {
    Path home = shards.getOrDefault(tensor.name(), file);
    if (!home.equals(file) || tensors.putIfAbsent(tensor.name(), tensor) != null) {
      throw new EqvaeException.Argument(
          file + " holds " + tensor + ", which should only be in " + home);
    }
  }

  /**
   * The path that was opened.
   *
   * @return the file or folder
   */
  public Path path() {
    return path;
  }

  /**
   * The format of the checkpoint.
   *
   * @return in words
   */
  public String format() {
    return format;
  }

  /**
   * All tensors.
   *
   * @return tensors by their names in the file, in its order
   */
  public Map<String, StoredTensor> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /**
   * Other content of a PyTorch checkpoint, such as {@code epoch}.
   *
   * @return descriptions, in the order of the file
   */
  public List<String> beside() {
    return Collections.unmodifiableList(beside);
  }

  /**
   * The dictionary of a PyTorch checkpoint that {@link #tensors} are in.
   *
   * @return its name; empty for the root, and for other formats
   */
  public String section() {
    return section;
  }

  /**
   * Other dictionaries of tensors in a PyTorch checkpoint, such as {@code ema}.
   *
   * @return tensors by name, by the dictionary's name
   */
  public Map<String, Map<String, StoredTensor>> sections() {
    return Collections.unmodifiableMap(sections);
  }

  /**
   * A value beside the tensors of a PyTorch checkpoint, such as {@code opt}.
   *
   * @param key its key in the outermost dictionary
   * @return the value; empty if there is none, and for other formats
   */
  public Optional<TorchValue> value(String key) {
    return root.get(key);
  }

  /**
   * The arguments of the training script, if a PyTorch checkpoint has its {@code args}.
   *
   * @return values as text by name, such as {@code 1000} for {@code num_classes}
   */
  public Map<String, String> arguments() {
    return Collections.unmodifiableMap(arguments);
  }

  /**
   * Which weights of a diffusers folder were taken.
   *
   * @return a sentence; empty if there is one set of weights, or this is no folder
   */
  Optional<String> folderNote() {
    return folderNote;
  }

  /**
   * Whether the weights are an average although no name says so, as in files of eqvae's runs.
   *
   * @return true if they are
   */
  public boolean keepsAverage() {
    return keepsAverage;
  }

  /**
   * The metadata of a safetensors file.
   *
   * @return strings by name; empty if the format has none
   */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  /** The {@code config.json} that belongs to it, if it is diffusers'. */
  Optional<Path> config() {
    return config;
  }

  /** Unmaps the files. Tensors taken from it can no longer be used. */
  @Override
  public void close() {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new EqvaeException.Internal("closing a file failed", e);
      }
    }
  }
}
