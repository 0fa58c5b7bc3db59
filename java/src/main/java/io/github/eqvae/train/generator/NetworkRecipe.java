package io.github.eqvae.train.generator;

import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code model}: the network. DiT, SiT and LightningDiT are one network; {@code kind} says
 * how it is trained and which defaults its options have.
 *
 * @param kind {@code dit}, trained in the steps of a diffusion (section {@code diffusion}); {@code
 *     sit} or {@code lightningdit}, trained along a path (section {@code transport}); {@code repa},
 *     SiT on REPA's clock (section {@code repa}) with its alignment (section {@code alignment});
 *     default {@code dit}. Source: ours: the oldest of them
 * @param size {@code s}, {@code b}, {@code l} or {@code xl}, which sets the defaults of {@code
 *     width}, {@code depth} and {@code heads}; default {@code b}. Source: ours: the smallest in
 *     table 2 of the paper
 * @param width channels of a token; default by {@code size}. Source: DiT: table 1 of its paper
 * @param depth number of blocks; default by {@code size}. Source: DiT: table 1 of its paper
 * @param heads attention heads; default by {@code size}. Source: DiT: table 1 of its paper
 * @param mlpRatio {@code mlp_ratio}: width of a block's perceptron as a multiple of {@code width};
 *     default 4. Source: DiT and SiT: models.py
 * @param patch side of the square of latent pixels that becomes a token; default 2. Source: DiT and
 *     SiT: models.py
 * @param channels channels of a latent as the network sees it; default 4. Source: DiT and SiT:
 *     models.py, for SD-VAE
 * @param side side of a latent, in latent pixels; default 32. Source: DiT and SiT: models.py, for
 *     256 px
 * @param classes number of labels; 0 for none; default 1000. Source: DiT and SiT: models.py, for
 *     ImageNet
 * @param classDropout {@code class_dropout}: probability with which a label is replaced by the null
 *     class; default 0.1; with 0 the network has no null class and cannot be guided. Source: DiT
 *     and SiT: models.py
 * @param learnSigma {@code learn_sigma}: the network has twice as many output channels as the
 *     latent. For DiT the second half is the variance; SiT has it, too, and ignores it; default
 *     true, false for {@code lightningdit} and {@code repa}. Source: DiT and SiT: models.py;
 *     LightningDiT: its configurations; REPA: models/sit.py
 * @param qkNorm {@code qk_norm}: normalise queries and keys; default false. Source: DiT and SiT:
 *     there is none
 * @param rmsNorm {@code rms_norm}: RMS norms with a weight instead of layer norms; default true for
 *     {@code lightningdit}, else false. Source: LightningDiT: its configurations
 * @param swiglu SwiGLU perceptrons; default true for {@code lightningdit}, else false. Source:
 *     LightningDiT: its configurations
 * @param rope rotary embedding of queries and keys by row and column; default true for {@code
 *     lightningdit}, else false. Source: LightningDiT: its configurations
 * @param shift adaLN has a shift as well as a scale; default true. Source: DiT and SiT: models.py
 * @param initFrom {@code init_from}: a checkpoint of this network that training starts from, of the
 *     references or of this library; default none: random weights. Source: DiT and SiT: random
 *     weights
 * @param initWeights {@code init_weights}: which weights of {@code init_from}: {@code ema}, {@code
 *     model} for the current weights, or {@code auto}, the average if there is one; default {@code
 *     auto}. Source: DiT and SiT: find_model loads the average
 */
public record NetworkRecipe(
    Kind kind,
    Size size,
    int width,
    int depth,
    int heads,
    double mlpRatio,
    int patch,
    int channels,
    int side,
    int classes,
    double classDropout,
    boolean learnSigma,
    boolean qkNorm,
    boolean rmsNorm,
    boolean swiglu,
    boolean rope,
    boolean shift,
    Optional<Path> initFrom,
    Weights initWeights) {

  /** How a network is trained. */
  public enum Kind {
    /** Peebles and Xie, arXiv 2212.09748. */
    DIT,
    /** Ma et al., arXiv 2401.08740. */
    SIT,
    /** Yao and Wang, arXiv 2501.01423. */
    LIGHTNINGDIT,
    /** SiT as Yu et al., arXiv 2410.06940, train it. */
    REPA
  }

  /** The sizes of DiT's table 1. */
  public enum Size {
    /** 12 blocks of 384 channels. */
    S,
    /** 12 blocks of 768 channels. */
    B,
    /** 24 blocks of 1024 channels. */
    L,
    /** 28 blocks of 1152 channels. */
    XL;

    DitSize numbers() {
      return DitSize.valueOf(name());
    }
  }

  static NetworkRecipe read(RecipeFields in) {
    Kind kind = in.choice("kind", Kind.DIT);
    boolean lightning = kind == Kind.LIGHTNINGDIT;
    boolean sigma = kind == Kind.DIT || kind == Kind.SIT;
    Size size = in.choice("size", Size.B);
    DitSize numbers = size.numbers();
    return new NetworkRecipe(
        kind,
        size,
        in.integer("width", numbers.width(), 4, 1 << 16),
        in.integer("depth", numbers.depth(), 1, 1024),
        in.integer("heads", numbers.heads(), 1, 1024),
        in.number("mlp_ratio", 4, new Range(0, false, 64, true)),
        in.integer("patch", 2, 1, 64),
        in.integer("channels", 4, 1, 1024),
        in.integer("side", 32, 1, 4096),
        in.integer("classes", 1000, 0, 1 << 20),
        in.number("class_dropout", 0.1, new Range(0, true, 1, false)),
        in.flag("learn_sigma", sigma),
        in.flag("qk_norm", false),
        in.flag("rms_norm", lightning),
        in.flag("swiglu", lightning),
        in.flag("rope", lightning),
        in.flag("shift", true),
        in.optionalPath("init_from"),
        in.choice("init_weights", Weights.AUTO));
  }

  /**
   * The network's shape.
   *
   * @return what it is built from
   * @throws io.github.eqvae.EqvaeException.Argument when there can be none; the message says why
   */
  public DitConfig config() {
    boolean nullClass = classes > 0 && classDropout > 0;
    return new DitConfig(
        channels,
        side,
        patch,
        width,
        depth,
        heads,
        mlpRatio,
        classes,
        nullClass,
        learnSigma,
        qkNorm,
        rmsNorm,
        swiglu,
        rope,
        shift);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("size", RecipeFields.name(size));
    map.put("width", width);
    map.put("depth", depth);
    map.put("heads", heads);
    map.put("mlp_ratio", mlpRatio);
    map.put("patch", patch);
    map.put("channels", channels);
    map.put("side", side);
    map.put("classes", classes);
    map.put("class_dropout", classDropout);
    map.put("learn_sigma", learnSigma);
    map.put("qk_norm", qkNorm);
    map.put("rms_norm", rmsNorm);
    map.put("swiglu", swiglu);
    map.put("rope", rope);
    map.put("shift", shift);
    map.put("init_from", initFrom.map(Path::toString));
    map.put("init_weights", RecipeFields.name(initWeights));
    return map;
  }
}
