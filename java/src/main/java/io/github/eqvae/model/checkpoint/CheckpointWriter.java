package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.io.torch.TorchDtype;
import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchWriter;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Writes autoencoders in the formats of diffusers and CompVis. Numbers keep their bits unless
 * another type is requested; then they are rounded to nearest, ties to even. Training state beside
 * the autoencoder is not written.
 *
 * @param dtype the type of all numbers; empty to leave each as it is
 */
public record CheckpointWriter(Optional<FloatType> dtype) {
  /** Metadata that says that the tensors have PyTorch's layout, as diffusers writes it. */
  private static final Map<String, String> FORMAT = Map.of("format", "pt");

  /** The names of files of weights. */
  private static final Pattern FILE =
      Pattern.compile("(?s).*\\.(safetensors|ckpt|pt|pth|bin)", Pattern.CASE_INSENSITIVE);

  /**
   * The result of writing.
   *
   * @param files the files
   * @param overflows for each tensor the number of finite values that became infinite
   */
  public record Written(List<Path> files, Map<String, Long> overflows) {}

  /** One tensor, converted. */
  record Converted(String name, String type, TorchDtype torch, long[] shape, MemorySegment bytes) {}

  /**
   * Writes a folder that {@code from_pretrained} reads: {@code config.json} and {@code
   * diffusion_pytorch_model.safetensors}.
   *
   * @param folder the folder; made if it does not exist
   * @param source the autoencoder
   * @param settings what {@code config.json} says beside the architecture
   * @return what was written
   * @throws EqvaeException.Argument if the source lacks tensors
   * @throws EqvaeException.Unsupported if diffusers has no such architecture
   * @throws IOException if writing fails
   */
  public Written writeDiffusers(
      Path folder, AutoencoderCheckpoint source, AutoencoderSettings settings) throws IOException {
    return writeDiffusers(folder, source, settings, FolderLayout.DEFAULT);
  }

  /**
   * Writes a folder that {@code from_pretrained} reads.
   *
   * @param folder the folder; made if it does not exist
   * @param source the autoencoder
   * @param settings what {@code config.json} says beside the architecture
   * @param layout variant and shards
   * @return what was written
   * @throws EqvaeException.Argument if the source lacks tensors, or there is no such folder and its
   *     name is that of a file of weights
   * @throws EqvaeException.Unsupported if diffusers has no such architecture
   * @throws IOException if writing fails
   */
  public Written writeDiffusers(
      Path folder, AutoencoderCheckpoint source, AutoencoderSettings settings, FolderLayout layout)
      throws IOException {
    requireFolderName(folder);
    String config = DiffusersConfig.print(source.architecture(), settings);
    Map<String, Long> overflows = new LinkedHashMap<>();
    List<Path> written = new ArrayList<>();
    Path configFile = folder.resolve(DiffusersFolder.CONFIG);
    try (Arena arena = Arena.ofConfined()) {
      List<Converted> tensors = convert(source, settings, KeyNaming.DIFFUSERS, arena, overflows);
      Map<String, List<Converted>> files = layout.files(tensors, t -> t.bytes().byteSize());
      Files.createDirectories(folder);
      for (Map.Entry<String, List<Converted>> file : files.entrySet()) {
        written.add(folder.resolve(file.getKey()));
        SafetensorsWriter.write(written.getLast(), entries(file.getValue()), FORMAT);
      }
      if (files.size() > 1) {
        written.add(folder.resolve(layout.index()));
        AtomicFiles.write(written.getLast(), index(files));
      }
      AtomicFiles.write(configFile, config);
      written.addFirst(configFile);
      layout.removeOthers(folder, written);
    }
    return new Written(List.copyOf(written), overflows);
  }

  /**
   * Refuses a folder whose name is that of a file of weights.
   *
   * @param folder where diffusers' files are to go
   * @throws EqvaeException.Argument if there is no such folder and its name ends like a file's
   */
  public static void requireFolderName(Path folder) {
    if (!Files.isDirectory(folder) && FILE.matcher(folder.toString()).matches()) {
      throw new EqvaeException.Argument(
          folder + ": diffusers' format is a folder; name one, or write a file with --to compvis");
    }
  }

  /**
   * Writes a safetensors file with CompVis' names. The settings go into its metadata.
   *
   * @param file the file; its directory must exist
   * @param source the autoencoder
   * @param settings what the tensors do not tell
   * @return what was written
   * @throws EqvaeException.Argument if the source lacks tensors
   * @throws IOException if writing fails
   */
  public Written writeSafetensors(
      Path file, AutoencoderCheckpoint source, AutoencoderSettings settings) throws IOException {
    Map<String, Long> overflows = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>(settings.metadata());
    metadata.putAll(FORMAT);
    try (Arena arena = Arena.ofConfined()) {
      List<Converted> tensors = convert(source, settings, KeyNaming.COMPVIS, arena, overflows);
      SafetensorsWriter.write(file, entries(tensors), metadata);
    }
    return new Written(List.of(file), overflows);
  }

  /**
   * Writes a {@code .ckpt}: CompVis' names under {@code state_dict}, the settings under {@code
   * eqvae}, which other programs ignore.
   *
   * @param file the file; its directory must exist
   * @param source the autoencoder
   * @param settings what the tensors do not tell
   * @return what was written
   * @throws EqvaeException.Argument if the source lacks tensors
   * @throws IOException if writing fails
   */
  public Written writeCkpt(Path file, AutoencoderCheckpoint source, AutoencoderSettings settings)
      throws IOException {
    Map<String, Long> overflows = new LinkedHashMap<>();
    Map<String, TorchValue> texts = new LinkedHashMap<>();
    settings.metadata().forEach((key, value) -> texts.put(key, new TorchValue.PyStr(value)));
    try (Arena arena = Arena.ofConfined()) {
      Map<String, TorchTensor> dict = new LinkedHashMap<>();
      for (Converted t : convert(source, settings, KeyNaming.COMPVIS, arena, overflows)) {
        dict.put(t.name(), TorchTensor.of(t.torch(), t.shape(), t.bytes()));
      }
      TorchWriter.writeCheckpoint(
          file, dict, Map.of(CheckpointFile.SETTINGS, TorchValue.PyDict.of(texts)));
    }
    return new Written(List.of(file), overflows);
  }

  private static String index(Map<String, List<Converted>> files) throws IOException {
    TreeMap<String, Object> where = new TreeMap<>();
    long total = 0;
    for (Map.Entry<String, List<Converted>> file : files.entrySet()) {
      for (Converted tensor : file.getValue()) {
        where.put(tensor.name(), file.getKey());
        total += tensor.bytes().byteSize();
      }
    }
    return Json.print(Map.of("metadata", Map.of("total_size", total), "weight_map", where));
  }

  private static List<SafetensorsWriter.Entry> entries(List<Converted> tensors) {
    return tensors.stream()
        .map(t -> new SafetensorsWriter.Entry(t.name(), t.type(), t.shape(), t.bytes()))
        .toList();
  }

  private List<Converted> convert(
      AutoencoderCheckpoint source,
      AutoencoderSettings settings,
      KeyNaming naming,
      Arena arena,
      Map<String, Long> overflows) {
    source.report().requireClean(source.file().path().toString());
    KeyMap map = new KeyMap(source.architecture().levels());
    List<Converted> tensors = new ArrayList<>();
    for (Map.Entry<String, Shape> e : source.architecture().tensors().entrySet()) {
      StoredTensor tensor = source.tensors().get(e.getKey());
      FloatType from = tensor.floatType();
      FloatType to = dtype.orElse(from);
      String name = map.translate(e.getKey(), KeyNaming.COMPVIS, naming).orElseThrow();
      MemorySegment bytes = tensor.bytes();
      if (from != to) {
        MemorySegment converted = arena.allocate(e.getValue().elements() * to.width(), 64);
        long overflowed = to.convert(bytes, from, converted);
        if (overflowed > 0) {
          overflows.put(name, overflowed);
        }
        bytes = converted;
      }
      tensors.add(
          new Converted(name, to.name(), to.torch(), shape(name, naming, e.getValue()), bytes));
    }
    settings
        .scaling()
        .filter(LatentScaling::gathers)
        .ifPresent(s -> tensors.addAll(LatentNorm.tensors(s, dtype.orElse(FloatType.F32), arena)));
    return tensors;
  }

  /** diffusers keeps the projections of attention as matrices. */
  private static long[] shape(String name, KeyNaming naming, Shape shape) {
    boolean projection = name.matches(".*\\.attentions\\.\\d+\\.to_(q|k|v|out\\.0)\\.weight");
    return naming == KeyNaming.DIFFUSERS && projection
        ? new long[] {shape.dim(0), shape.dim(1)}
        : shape.extents();
  }
}
