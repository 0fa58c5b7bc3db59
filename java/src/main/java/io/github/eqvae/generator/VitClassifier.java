package io.github.eqvae.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ClassifierMetadata;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.Embedding;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A vision transformer that classifies images (ViT, arXiv 2010.11929; without distillation this is
 * DeiT, arXiv 2012.12877): patches and a class token with learned positions, blocks of attention
 * and an MLP, each after its norm, a last norm, and a linear layer on the class token. Names and
 * shapes of parameters are those of timm's {@code VisionTransformer}.
 */
public final class VitClassifier implements ImageClassifier {
  /** The largest number of channels of a head. */
  public static final int LARGEST_HEAD = 128;

  /** The largest number of blocks. */
  public static final int DEEPEST = 64;

  /** DeiT's {@code trunc_normal_(std=.02)}, without the cut at 100 deviations. */
  private static final Init SMALL = new Init.Normal(0, 0.02);

  private static final int MLP_RATIO = 4;

  /**
   * The architecture.
   *
   * @param channels of the images
   * @param side of the images
   * @param patch side of the square of pixels that becomes a token; divides the side
   * @param width channels of a token
   * @param depth number of blocks
   * @param heads of attention, of at most 128 channels; they divide the width
   * @param classes how many
   */
  public record Config(
      int channels, int side, int patch, int width, int depth, int heads, int classes)
      implements ClassifierConfig {
    /**
     * Checks the numbers.
     *
     * @throws EqvaeException.Argument when no such network can exist
     */
    public Config {
      if ((channels != 1 && channels != 3)
          || side < 1
          || side > LARGEST_SIDE
          || patch < 1
          || side % patch != 0
          || width < 1
          || width > WIDEST
          || depth < 1
          || depth > DEEPEST
          || heads < 1
          || width % heads != 0
          || width / heads > LARGEST_HEAD
          || classes < 2
          || classes > MOST_CLASSES) {
        throw new EqvaeException.Argument(
            ("A vit classifier takes images of 1 or 3 channels and at most %d pixels, which its"
                    + " patches divide, has a width of at most %d in heads of at most %d, at most"
                    + " %d blocks, and 2 to %d classes; got %d channels, side %d, patch %d, width"
                    + " %d, %d blocks, %d heads, %d classes")
                .formatted(
                    LARGEST_SIDE,
                    WIDEST,
                    LARGEST_HEAD,
                    DEEPEST,
                    MOST_CLASSES,
                    channels,
                    side,
                    patch,
                    width,
                    depth,
                    heads,
                    classes));
      }
    }

    @Override
    public int features() {
      return width;
    }

    @Override
    public int places() {
      return side / patch;
    }

    @Override
    public String title() {
      return "vit classifier";
    }

    @Override
    public String describe() {
      return "a vision transformer, width %d, depth %d, heads %d, patch %d"
          .formatted(width, depth, heads, patch);
    }

    @Override
    public ClassifierMetadata metadata() {
      return new ClassifierMetadata(
          ClassifierMetadata.VIT, List.of(channels, side, patch, width, depth, heads, classes));
    }

    @Override
    public VitClassifier build(Stream stream, long seed, boolean training) {
      return new VitClassifier(this, stream, seed, training);
    }
  }

  private final Config config;
  private final int tokens; // the class token and the patches
  private final Parameter classToken;
  private final Parameter positions;
  private final PatchEmbed patches;
  private final List<VitBlock> blocks = new ArrayList<>();
  private final LayerNorm norm;
  private final Linear head;
  private final ParameterStore parameters;
  private final PlaceNumbers numbers;

  /**
   * Builds the network with random weights.
   *
   * @param config its shape
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @param training whether to keep memory for gradients
   */
  public VitClassifier(Config config, Stream stream, long seed, boolean training) {
    this.config = config;
    tokens = 1 + config.places() * config.places();
    ParameterStore.Builder builder = new ParameterStore.Builder();
    Scope root = builder.root();
    int width = config.width();
    classToken = root.parameter("cls_token", SMALL, 1, 1, width);
    positions = root.parameter("pos_embed", SMALL, 1, tokens, width);
    patches = new PatchEmbed(root.in("patch_embed"), config.channels(), config.patch(), width);
    for (int i = 0; i < config.depth(); i++) {
      Scope block = root.in("blocks", i);
      blocks.add(VitBlock.plain(block, width, config.heads(), MLP_RATIO * width));
    }
    norm = LayerNorm.affine(root.in("norm"), width, Layers.EPS);
    head = Layers.linear(root.in("head"), width, config.classes());
    parameters = builder.build(stream, seed, training);
    numbers = new PlaceNumbers(stream.device());
  }

  @Override
  public Config config() {
    return config;
  }

  @Override
  public ParameterStore parameters() {
    return parameters;
  }

  @Override
  public void prepare(Stream stream, int images) {
    numbers.of(stream, images, 1);
    numbers.of(stream, images, tokens);
  }

  /** The result of the blocks: the class token, then the patches row by row. */
  private Tensor run(Tape tape, Tensor x) { // [N, side, side, C]
    long n = x.shape().dim(0);
    Tensor first = rows(tape, classToken, 1, n); // [N, 1, D]
    Tensor h = tape.apply(new Concat(1), first, patches.forward(tape, x)); // [N, 1 + T, D]
    h = tape.apply(new Add(), h, rows(tape, positions, tokens, n));
    for (VitBlock block : blocks) {
      h = tape.block(block::forward, h);
    }
    return h;
  }

  /** The rows of a table, for every image; the images' gradients are added. */
  private Tensor rows(Tape tape, Parameter table, int count, long n) {
    Tensor flat = Layers.reshape(tape, table.on(tape), count, config.width());
    return tape.apply(new Embedding(), flat, numbers.of(tape.stream(), n, count));
  }

  // The class token after the last norm.
  @Override
  public Tensor features(Tape tape, Tensor x) {
    return norm.forward(tape, Layers.part(tape, run(tape, x), 0)); // [N, D]
  }

  // The patch tokens after the last norm.
  @Override
  public Tensor places(Tape tape, Tensor x) {
    Tensor h = norm.forward(tape, Layers.parts(tape, run(tape, x), 1, tokens - 1)); // [N, T, D]
    return Layers.reshape(
        tape, h, x.shape().dim(0), config.places(), config.places(), config.width());
  }

  @Override
  public Tensor answers(Tape tape, Tensor features) {
    return head.forward(tape, features);
  }

  @Override
  public void close() {
    numbers.close();
    parameters.close();
  }
}
