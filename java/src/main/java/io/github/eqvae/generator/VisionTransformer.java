package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.TorchBicubic;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.ChannelAffine;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * DINOv2's vision transformer (arXiv 2304.07193), frozen, with or without registers: it extracts
 * features, also those for REPA. Names and shapes of parameters are those of
 * facebookresearch/dinov2 {@code vision_transformer.py}, without {@code mask_token}, which only its
 * training uses. It has no gradients.
 */
public final class VisionTransformer implements AutoCloseable {
  private static final int CHANNELS = 3;
  private static final Init TOKENS = new Init.Normal(0, 1e-6);
  private static final Init POSITIONS = new Init.Normal(0, 0.02);

  private final VitConfig config;
  private final PositionResize resize;
  private final PatchEmbed patches;
  private final List<Parameter> prefix = new ArrayList<>(); // class token, then registers
  private final Parameter positions;
  private final List<VitBlock> blocks = new ArrayList<>();
  private final LayerNorm norm;
  private final ParameterStore parameters;
  private final TensorArena tables;
  private final Map<List<Integer>, Tensor> offsets = new HashMap<>();
  private DType activations;

  /**
   * The tokens after the last norm.
   *
   * @param prefix {@code [N, 1 + registers, D]}: the class token, then the registers
   * @param patches {@code [N, H/patch · W/patch, D]}, row by row
   */
  public record Tokens(Tensor prefix, Tensor patches) {}

  /**
   * Builds a network with random weights.
   *
   * @param config its shape
   * @param resize how position embeddings are interpolated to the pictures' size
   * @param stream orders the work; its device holds the parameters
   * @param seed seed of the random weights
   */
  public VisionTransformer(VitConfig config, PositionResize resize, Stream stream, long seed) {
    this.config = config;
    this.resize = resize;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    int width = config.width();
    prefix.add(root.parameter("cls_token", TOKENS, 1, 1, width));
    positions =
        root.parameter("pos_embed", POSITIONS, 1, 1L + config.side() * config.side(), width);
    if (config.registers() > 0) {
      prefix.add(root.parameter("register_tokens", TOKENS, 1, config.registers(), width));
    }
    patches = new PatchEmbed(root.in("patch_embed"), CHANNELS, config.patch(), width);
    for (int i = 0; i < config.depth(); i++) {
      blocks.add(new VitBlock(root.in("blocks", i), config));
    }
    norm = LayerNorm.affine(root.in("norm"), width, Layers.EPS);
    parameters = builder.build(stream, seed, false);
    tables = new TensorArena(stream.device(), "positions", false);
    activations = stream.device().dtype();
  }

  /**
   * The network's shape.
   *
   * @return the config it was built with
   */
  public VitConfig config() {
    return config;
  }

  /**
   * The network's parameters.
   *
   * @return the store; after writing to it, call {@link #weightsChanged}
   */
  public ParameterStore parameters() {
    return parameters;
  }

  /**
   * Discards values that were computed from the weights. Call it after writing to {@link
   * #parameters}.
   */
  public void weightsChanged() {
    offsets.clear();
    tables.reset();
  }

  /**
   * Chooses the dtype of activations.
   *
   * @param dtype a dtype that the device can compute in
   */
  public void computeIn(DType dtype) {
    activations = dtype;
  }

  /**
   * Runs the network.
   *
   * @param tape an inference tape
   * @param images {@code [N, H, W, 3]}, prepared by {@link FeaturePixels}
   * @return tokens in the images' dtype
   * @throws EqvaeException.Argument if the size is not a multiple of the patch size
   */
  public Tokens forward(Tape tape, Tensor images) {
    Shape s = images.shape();
    int patch = config.patch();
    if (s.rank() != 4
        || s.dim(3) != CHANNELS
        || s.dim(1) % patch != 0
        || s.dim(2) % patch != 0
        || s.dim(1) == 0
        || s.dim(2) == 0) {
      throw new EqvaeException.Argument(
          "vision transformer: images are %s, expected [N, H, W, 3] with H and W multiples of %d"
              .formatted(s, patch));
    }
    Tensor x = Layers.cast(tape, embed(tape, images), activations); // [N, prefix + h·w, D]
    for (VitBlock block : blocks) {
      x = block.forward(tape, x);
    }
    x = Layers.cast(tape, norm.forward(tape, x), images.dtype());
    int first = config.prefix();
    return new Tokens(x.narrow(1, 0, first), x.narrow(1, first, x.shape().dim(1) - first));
  }

  /**
   * Patch tokens with space for the prefix tokens before them, plus the offset of each position.
   */
  private Tensor embed(Tape tape, Tensor images) {
    Tensor tokens = patches.forward(tape, images); // [N, h·w, D]
    long n = tokens.shape().dim(0);
    int first = config.prefix();
    long count = first + tokens.shape().dim(1);
    Tensor x = tape.arena().tensor(Shape.of(n, count, config.width()), tokens.dtype());
    x.fill(tape.stream(), 0);
    tokens.copyTo(tape.stream(), x.narrow(1, first, tokens.shape().dim(1)));
    int h = images.shape().size(1) / config.patch();
    int w = images.shape().size(2) / config.patch();
    Tensor table = offsets.computeIfAbsent(List.of(h, w), k -> offsets(tape.stream(), h, w));
    Tensor rows = Layers.reshape(tape, x, n, count * config.width());
    return Layers.reshape(
        tape, tape.apply(new ChannelAffine(), rows, null, table), n, count, config.width());
  }

  /**
   * The offset of each position: class token plus its position embedding, registers, position
   * embeddings.
   */
  private Tensor offsets(Stream stream, int h, int w) {
    int width = config.width();
    float[] table = new float[(config.prefix() + h * w) * width];
    int at = 0;
    for (Parameter p : prefix) {
      float[] values = p.value().toFloats(stream);
      System.arraycopy(values, 0, table, at, values.length);
      at += values.length;
    }
    float[] fitted = positions(stream, h, w);
    for (int c = 0; c < width; c++) {
      table[c] += fitted[c];
    }
    System.arraycopy(fitted, width, table, at, fitted.length - width);
    Tensor out = tables.tensor(Shape.of(table.length), positions.value().dtype());
    out.set(stream, table);
    return out;
  }

  /**
   * Position embeddings {@code [1 + h·w, D]}: the class token's, then those of h rows and w
   * columns.
   */
  float[] positions(Stream stream, int h, int w) {
    float[] stored = positions.value().toFloats(stream);
    int side = config.side();
    if (h == side && w == side) {
      return stored;
    }
    int width = config.width();
    boolean registers = config.registers() > 0;
    float[] fitted =
        TorchBicubic.resize(
            Arrays.copyOfRange(stored, width, stored.length),
            resize.along(side, h, registers),
            resize.along(side, w, registers),
            width);
    float[] all = Arrays.copyOf(stored, width + fitted.length);
    System.arraycopy(fitted, 0, all, width, fitted.length);
    return all;
  }

  @Override
  public void close() {
    tables.close();
    parameters.close();
  }
}
