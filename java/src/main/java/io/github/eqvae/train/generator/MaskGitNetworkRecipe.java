package io.github.eqvae.train.generator;

import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code model} of {@code task: maskgit}: the transformer that predicts masked codes. The
 * defaults are those of valeoai/Maskgit-pytorch.
 *
 * @param kind the reference whose network it is: {@code maskgit} (valeoai/Maskgit-pytorch) or
 *     {@code halton} (valeoai/Halton-MaskGIT); default {@code maskgit}. Source: ours: whose figures
 *     EQ-VAE compares
 * @param width channels of a token; default 768. Source: Maskgit-pytorch
 * @param depth blocks; default 24, 12 for {@code halton}. Source: the reference of that kind
 * @param heads of attention; default 16, 12 for {@code halton}. Source: the reference of that kind
 * @param hidden width of a block's perceptron; {@code halton} has two thirds of it, rounded up to
 *     256; default 3072. Source: Maskgit-pytorch
 * @param registers register tokens (without a position) of {@code halton}; default 1 there, else 0.
 *     Source: Halton-MaskGIT
 * @param codes entries of the autoencoder's codebook; default 1024. Source: VQ-GAN f16 of taming
 * @param side rows and columns of codes in a picture; default 16. Source: Maskgit-pytorch: 256 px
 * @param classes labels; default 1000. Source: ImageNet
 * @param classDropout {@code class_dropout}: probability with which the label is hidden, for
 *     guidance; with 0 samples cannot be guided; default 0.1. Source: Maskgit-pytorch
 * @param dropout between the layers and of attention's weights, in training; default 0.1. Source:
 *     Maskgit-pytorch
 * @param initFrom {@code init_from}: a checkpoint of this network that training starts from, of the
 *     references or of this library; default none: random weights. Source: Maskgit-pytorch
 * @param initWeights {@code init_weights}: which weights of {@code init_from}: {@code ema}, {@code
 *     model} as last trained, or {@code auto}, the average where there is one; default {@code
 *     auto}. Source: ours: samples are made with the average
 */
public record MaskGitNetworkRecipe(
    MaskGitConfig.Kind kind,
    int width,
    int depth,
    int heads,
    int hidden,
    int registers,
    int codes,
    int side,
    int classes,
    double classDropout,
    double dropout,
    Optional<Path> initFrom,
    Weights initWeights) {
  private static final Range RATE = new Range(0, true, 1, false);

  static MaskGitNetworkRecipe read(RecipeFields in) {
    MaskGitConfig.Kind kind = in.choice("kind", MaskGitConfig.Kind.MASKGIT);
    boolean halton = kind == MaskGitConfig.Kind.HALTON;
    return new MaskGitNetworkRecipe(
        kind,
        in.integer("width", 768, 4, 1 << 16),
        in.integer("depth", halton ? 12 : 24, 1, 1024),
        in.integer("heads", halton ? 12 : 16, 1, 1024),
        in.integer("hidden", 3072, 1, 1 << 20),
        in.integer("registers", halton ? 1 : 0, 0, 1024),
        in.integer("codes", 1024, 1, 1 << 20),
        in.integer("side", 16, 1, 256),
        in.integer("classes", 1000, 1, 1 << 20),
        in.number("class_dropout", 0.1, RATE),
        in.number("dropout", 0.1, RATE),
        in.optionalPath("init_from"),
        in.choice("init_weights", Weights.AUTO));
  }

  /**
   * The network's shape.
   *
   * @return what it is built from
   * @throws io.github.eqvae.EqvaeException.Argument when there can be none; the message says why
   */
  public MaskGitConfig config() {
    return new MaskGitConfig(kind, side, codes, classes, width, depth, heads, hidden, registers);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("width", width);
    map.put("depth", depth);
    map.put("heads", heads);
    map.put("hidden", hidden);
    map.put("registers", registers);
    map.put("codes", codes);
    map.put("side", side);
    map.put("classes", classes);
    map.put("class_dropout", classDropout);
    map.put("dropout", dropout);
    map.put("init_from", initFrom.map(Path::toString));
    map.put("init_weights", RecipeFields.name(initWeights));
    return map;
  }
}
