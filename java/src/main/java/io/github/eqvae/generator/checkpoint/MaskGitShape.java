package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Infers the shape of MaskGIT's networks from their tensors. The number of heads and, for
 * Maskgit-pytorch, the number of codes in the table cannot be inferred: without hints they are
 * those of the published networks for ImageNet.
 *
 * @param file the file's name, for messages
 * @param tensors tensors by name
 */
record MaskGitShape(String file, Map<String, StoredTensor> tensors) {
  private static final int IMAGENET = 1000;
  private static final int PERCEPTRON = 4; // MLP ratio of all of Halton-MaskGIT's sizes

  /** Heads by width: tiny, base, large and XL of Halton-MaskGIT. */
  private static final Map<Integer, Integer> HALTON_HEADS =
      Map.of(384, 6, 768, 12, 1024, 16, 1152, 16);

  private static final int HEADS = 16; // of all of Maskgit-pytorch's sizes

  MaskGitConfig config(GeneratorHints hints) {
    long[] table = shape(MaskGitTensors.TABLE, 2);
    int rows = size(table[0]);
    int width = size(table[1]);
    try {
      return tensors.containsKey("cls_emb.weight")
          ? halton(rows, width, hints)
          : maskGit(rows, width, hints);
    } catch (EqvaeException.Argument e) {
      String text = String.valueOf(e.getMessage());
      throw new EqvaeException.Argument(text.startsWith(file) ? text : file + ": " + text);
    }
  }

  private MaskGitConfig maskGit(int rows, int width, GeneratorHints hints) {
    int side = side(shape("pos_emb", 3)[1] - 1, "pos_emb");
    int codes = hints.codes().orElse(rows - 2 - IMAGENET);
    if (codes < 1 || rows - 2 - codes < 1) {
      throw new EqvaeException.Argument(
          "its table has %d rows for codes, the mask, labels and no label; the file does not say how many are codes: add --codes N, the size of the codebook"
              .formatted(rows));
    }
    int hidden = size(shape("transformer.layers.0.1.fn.net.0.weight", 2)[0]);
    return MaskGitConfig.of(
        side,
        codes,
        rows - 2 - codes,
        width,
        depth(".0.norm.weight"),
        heads(width, HEADS, hints.heads()),
        hidden);
  }

  private MaskGitConfig halton(int rows, int width, GeneratorHints hints) {
    if (tensors.containsKey("in_proj.weight")) {
      throw new EqvaeException.Unsupported(
          file + ": its codes are packed in patches (proj 2); only proj 1 is supported");
    }
    int side = side(shape("pos_emb.weight", 2)[0], "pos_emb.weight");
    boolean registers = tensors.containsKey("reg_tokens.weight");
    int inner = size(shape("transformer.layers.0.ff.w1.weight", 2)[0]);
    // several hidden widths are rounded up to this one; they give the same network
    MaskGitConfig config =
        new MaskGitConfig(
            MaskGitConfig.Kind.HALTON,
            side,
            rows - 1,
            size(shape("cls_emb.weight", 2)[0]) - 1,
            width,
            depth(".ln1.weight"),
            heads(width, HALTON_HEADS.getOrDefault(width, 0), hints.heads()),
            PERCEPTRON * width,
            registers ? size(shape("reg_tokens.weight", 2)[0]) : 0);
    return fits(config, inner) ? config : withHidden(config, inner * 3 / 2);
  }

  private static boolean fits(MaskGitConfig config, int inner) {
    return MaskGitTensors.of(config).get("transformer.layers.0.ff.w1.weight").dim(0) == inner;
  }

  private static MaskGitConfig withHidden(MaskGitConfig c, int hidden) {
    return new MaskGitConfig(
        c.kind(),
        c.side(),
        c.codes(),
        c.classes(),
        c.width(),
        c.depth(),
        c.heads(),
        hidden,
        c.registers());
  }

  private int heads(int width, int known, OptionalInt asked) {
    int heads = asked.orElse(known);
    if (heads == 0 || asked.isEmpty() && width % heads != 0) {
      throw new EqvaeException.Argument(
          "no published network has a width of "
              + width
              + ", and the number of attention heads cannot be inferred from the tensors: add"
              + " --heads N");
    }
    return heads;
  }

  private int depth(String of) {
    int depth = 0;
    while (tensors.containsKey("transformer.layers." + depth + of)) {
      depth++;
    }
    return depth;
  }

  private int side(long tokens, String name) {
    long side = Math.round(Math.sqrt(tokens));
    if (side < 1 || side * side != tokens) {
      throw new EqvaeException.Argument(tensors.get(name) + ", expected the positions of a square");
    }
    return size(side);
  }

  private long[] shape(String name, int rank) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new EqvaeException.Argument(
          "it lacks " + name + ", which is needed to infer the network's shape");
    }
    if (tensor.shape().length != rank) {
      throw new EqvaeException.Argument(tensor + ", expected " + rank + " dimensions");
    }
    return tensor.shape();
  }

  private static int size(long extent) {
    if (extent < 1 || extent > Integer.MAX_VALUE / 8) {
      throw new EqvaeException.Argument("a tensor has an extent of " + extent);
    }
    return (int) extent;
  }
}
