package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VisionTransformer;
import io.github.eqvae.generator.VitConfig;
import io.github.eqvae.model.ClassifierMetadata;
import io.github.eqvae.model.FiniteWeights;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.FloatType;
import io.github.eqvae.model.checkpoint.KeyReport;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * An open checkpoint of a DINOv2 vision transformer, with the names of torch.hub, timm or
 * transformers, or of another one with timm's names, such as MAE's. The network's shape is inferred
 * from the tensors; if there is no LayerScale, its scales are ones.
 */
public final class VitCheckpoint implements AutoCloseable {
  private final CheckpointFile file;
  private final VitNaming naming;
  private final Map<String, StoredTensor> tensors; // names without prefix
  private final VitConfig config;
  private final Map<String, VitNaming.Place> places;
  private final List<String> others;
  private final KeyReport report;

  private VitCheckpoint(CheckpointFile file, OptionalInt heads) {
    this.file = file;
    if (ClassifierMetadata.isThere(file.metadata())) {
      throw new EqvaeException.Argument(
          file.path()
              + " is a classifier of eqvae, which takes other pictures than the vision transformers"
              + " of libraries: `evaluate` takes it with --classifier");
    }
    Place place =
        Place.in(file)
            .orElseThrow(
                () ->
                    new EqvaeException.Argument(
                        file.path()
                            + " has no known vision transformer: one has tensors named"
                            + " patch_embed.proj.weight and blocks.0.attn.qkv.weight (torch.hub,"
                            + " timm), or embeddings.patch_embeddings.projection.weight and"
                            + " encoder.layer.0.layer_scale1.lambda1 (DINOv2 of transformers)"));
    String prefix = place.prefix();
    tensors = new LinkedHashMap<>();
    others = new ArrayList<>();
    for (Map.Entry<String, StoredTensor> e : file.tensors().entrySet()) {
      if (e.getKey().startsWith(prefix)) {
        String name = e.getKey().substring(prefix.length());
        tensors.put(
            place.naming() == VitNaming.TRANSFORMERS
                ? VitNaming.inFiles(name)
                : VitNaming.withoutChunk(name),
            e.getValue());
      } else {
        others.add(e.getKey());
      }
    }
    // files of `eqvae weights` have torch.hub's names, but no mask token
    boolean hub = tensors.containsKey("mask_token") || tensors.containsKey("register_tokens");
    naming =
        place.naming() == VitNaming.TRANSFORMERS
            ? VitNaming.TRANSFORMERS
            : hub ? VitNaming.HUB : VitNaming.TIMM;
    config = shape(heads);
    places = naming.places(config);
    if (tensors.keySet().stream().noneMatch(VitCheckpoint::isScale)) {
      places.keySet().removeIf(VitCheckpoint::isScale);
    }
    report = compare();
  }

  /** Whether this is a tensor of LayerScale, by our name or one of the libraries'. */
  private static boolean isScale(String name) {
    return name.endsWith(".gamma") || name.endsWith(".lambda1");
  }

  /** The network's location in a file; timm's names count as torch.hub's here. */
  private record Place(VitNaming naming, String prefix) {
    static Optional<Place> in(CheckpointFile file) {
      for (VitNaming candidate : VitNaming.values()) {
        String anchor = candidate.anchor();
        for (String name : file.tensors().keySet()) {
          String before = name.substring(0, Math.max(0, name.length() - anchor.length()));
          boolean whole = before.isEmpty() || before.endsWith(".");
          if (whole && name.endsWith(anchor) && isBeside(file, before, second(candidate))) {
            return Optional.of(new Place(candidate, before));
          }
        }
      }
      return Optional.empty();
    }

    private static boolean isBeside(CheckpointFile file, String prefix, String name) {
      String inChunk = name.replace("blocks.", "blocks.0.");
      return file.tensors().containsKey(prefix + name)
          || file.tensors().containsKey(prefix + inChunk);
    }

    /**
     * A tensor that other networks with the same anchor lack. Only DINOv2 has LayerScale in
     * transformers, where a plain ViT has other names.
     */
    private static String second(VitNaming naming) {
      return naming.block(0)
          + (naming == VitNaming.TRANSFORMERS ? "layer_scale1.lambda1" : "attn.qkv.weight");
    }
  }

  /**
   * Whether a file has such a network.
   *
   * @param file the file
   * @return true if {@link #of} can find it
   */
  public static boolean isThere(CheckpointFile file) {
    return Place.in(file).isPresent();
  }

  /**
   * Finds the network in an open file.
   *
   * @param file the file, which the result closes
   * @param heads number of attention heads, which cannot be inferred; empty for heads of 64
   *     channels
   * @return the network in it
   * @throws EqvaeException.Argument if there is none
   */
  public static VitCheckpoint of(CheckpointFile file, OptionalInt heads) {
    return new VitCheckpoint(file, heads);
  }

  /**
   * Opens a file.
   *
   * @param path safetensors or a PyTorch checkpoint, or a folder of transformers
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it has no such network
   * @throws IOException if it cannot be read, or violates its format
   */
  public static VitCheckpoint open(Path path) throws IOException {
    return open(path, OptionalInt.empty());
  }

  /**
   * Opens a file of a network whose heads do not have 64 channels.
   *
   * @param path safetensors or a PyTorch checkpoint, or a folder of transformers
   * @param heads number of attention heads, which cannot be inferred
   * @return the open checkpoint; the caller closes it
   * @throws EqvaeException.Argument if it has no such network
   * @throws IOException if it cannot be read, or violates its format
   */
  public static VitCheckpoint open(Path path, OptionalInt heads) throws IOException {
    CheckpointFile file = CheckpointFile.open(path);
    try {
      return new VitCheckpoint(file, heads);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** The number of heads: the user's, or else that in eqvae's own files. */
  private OptionalInt heads(OptionalInt asked) {
    String stored = file.metadata().get(Dinov2Weights.HEADS);
    if (asked.isPresent() || stored == null) {
      return asked;
    }
    try {
      return OptionalInt.of(Integer.parseInt(stored));
    } catch (NumberFormatException e) {
      throw new EqvaeException.Argument(
          file.path() + ": " + Dinov2Weights.HEADS + " is " + stored + ", expected a number");
    }
  }

  private VitConfig shape(OptionalInt asked) {
    OptionalInt heads = heads(asked);
    if (tensors.containsKey(naming.block(0) + "mlp.w12.weight")
        || tensors.containsKey(naming.block(0) + "mlp.weights_in.weight")) {
      throw new EqvaeException.Unsupported(
          file.path()
              + " is a vision transformer with SwiGLU, such as DINOv2's giant; only the small, base"
              + " and large ones are supported");
    }
    long[] patches = extents(naming.anchor(), 4);
    boolean three = naming == VitNaming.TRANSFORMERS;
    long[] positions = extents(three ? "embeddings.position_embeddings" : "pos_embed", 3);
    long[] hidden = extents(naming.block(0) + "mlp.fc1.weight", 2);
    int registers =
        tensors.containsKey(naming.registers()) ? (int) extents(naming.registers(), 3)[1] : 0;
    long places = positions[1] - (naming.foldsClassPosition(registers) ? 0 : 1);
    int side = (int) Math.round(Math.sqrt(places));
    int depth = 0;
    while (tensors.containsKey(naming.block(depth) + "norm1.weight")) {
      depth++;
    }
    int width = (int) patches[0];
    if (heads.isEmpty() && width % VitConfig.HEAD_SIZE != 0) {
      throw new EqvaeException.Argument(
          file.path()
              + ": a width of "
              + width
              + " does not divide into heads of 64 channels; give the number of heads");
    }
    return new VitConfig(
        (int) patches[2],
        side,
        width,
        depth,
        heads.orElse(width / VitConfig.HEAD_SIZE),
        (int) hidden[0],
        registers);
  }

  private long[] extents(String name, int rank) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new EqvaeException.Argument(file.path() + " lacks the tensor " + name);
    }
    if (tensor.shape().length != rank) {
      throw new EqvaeException.Argument(
          file.path() + ": " + tensor + " does not have " + rank + " dimensions");
    }
    return tensor.shape();
  }

  private KeyReport compare() {
    List<String> missing = new ArrayList<>();
    List<String> misshaped = new ArrayList<>();
    List<String> mistyped = new ArrayList<>();
    TreeSet<String> unexpected = new TreeSet<>(tensors.keySet());
    unexpected.removeAll(naming.unused());
    places
        .values()
        .forEach(
            place -> {
              int parts = place.names().size();
              long[] expected = place.shape().extents();
              expected[0] /= parts;
              for (String name : place.names()) {
                unexpected.remove(name);
                StoredTensor tensor = tensors.get(name);
                if (tensor == null) {
                  missing.add(name + " " + java.util.Arrays.toString(expected));
                } else if (FloatType.of(tensor.dtype()).isEmpty()) {
                  mistyped.add(tensor + FloatType.advice(tensor.dtype()));
                } else if (!java.util.Arrays.equals(tensor.shape(), expected)) {
                  misshaped.add(tensor + ", expected " + java.util.Arrays.toString(expected));
                }
              }
            });
    // a classifier's head is not part of the network
    unexpected.removeIf(name -> name.startsWith("head.") || name.startsWith("fc_norm."));
    return new KeyReport(missing, List.copyOf(unexpected), misshaped, mistyped);
  }

  /**
   * The network's shape.
   *
   * @return the shape, inferred from the tensors
   */
  public VitConfig config() {
    return config;
  }

  /**
   * The library whose names the file has.
   *
   * @return {@code torch.hub}, {@code timm} or {@code transformers}
   */
  public String naming() {
    return naming.title();
  }

  /**
   * Tensors that are missing, unexpected or of a wrong shape.
   *
   * @return the report
   */
  public KeyReport report() {
    return report;
  }

  /**
   * Tensors that do not belong to the network.
   *
   * @return their names
   */
  public List<String> others() {
    return List.copyOf(others);
  }

  /**
   * The tensors of the network.
   *
   * @return tensors by the file's own names
   */
  public Map<String, StoredTensor> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /**
   * Builds the network and reads its weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @param resize how position embeddings are interpolated to the pictures' size
   * @return the network; the caller closes it
   * @throws EqvaeException.Argument if the report is not clean, or numbers are not finite
   */
  public VisionTransformer load(Stream stream, PositionResize resize) {
    report.requireClean(file.path().toString());
    List<String> notFinite = new ArrayList<>();
    VisionTransformer vit = new VisionTransformer(config, resize, stream, 0);
    try {
      for (Parameter p : vit.parameters().all()) {
        if (!places.containsKey(p.name())) {
          continue; // a scale of a network without LayerScale: ones, as built
        }
        float[] values = values(p);
        int bad = 0;
        for (float v : values) {
          bad += Float.isFinite(v) ? 0 : 1;
        }
        if (bad > 0) {
          notFinite.add(FiniteWeights.line(p.name(), bad, values.length));
        }
        p.value().set(stream, values);
      }
      FiniteWeights.require(file.path().toString(), notFinite);
      vit.weightsChanged();
      return vit;
    } catch (RuntimeException | Error e) {
      vit.close();
      throw e;
    }
  }

  private float[] values(Parameter p) {
    VitNaming.Place place = places.get(p.name());
    float[] values = new float[(int) p.shape().elements()];
    // if the table lacks the class token's row, zeros are used: timm added the row to the token
    int at = values.length - (int) place.shape().elements();
    for (String name : place.names()) {
      float[] part = tensors.get(name).floats();
      System.arraycopy(part, 0, values, at, part.length);
      at += part.length;
    }
    return values;
  }

  @Override
  public void close() {
    file.close();
  }
}
