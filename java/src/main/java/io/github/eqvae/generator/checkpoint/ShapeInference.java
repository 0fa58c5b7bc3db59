package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.DitSize;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Infers a network's shape from its tensors. The number of heads can only be inferred from norms of
 * queries or a rotary table; without these it is the user's, or that of a published size.
 */
final class ShapeInference {
  private static final String LABELS = "y_embedder.embedding_table.weight";

  private static final String POSITIONS = "pos_embed";

  private static final Pattern BLOCK = Pattern.compile("blocks\\.(0|[1-9]\\d{0,4})\\..+");

  /** The number of ImageNet's classes: a table with this number of rows has no null class. */
  private static final int IMAGENET = 1000;

  /** Parts of adaLN in a block: shift, scale and gate, twice; 4 parts without shift. */
  private static final int PARTS = 6;

  private static final int PARTS_WITHOUT_SHIFT = 4;

  private final String file;
  private final Map<String, StoredTensor> tensors;

  ShapeInference(String file, Map<String, StoredTensor> tensors) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * Infers the shape.
   *
   * @param askedHeads the user's number of heads
   * @throws EqvaeException.Argument if the tensors are not those of a network
   */
  DitConfig config(OptionalInt askedHeads) {
    long[] embed = shape("x_embedder.proj.weight", 4);
    int width = size(embed[0]);
    int channels = size(embed[1]);
    int patch = size(embed[2]);
    int rows = tensors.containsKey(LABELS) ? size(shape(LABELS, 2)[0]) : 0;
    int classes = rows == IMAGENET ? rows : Math.max(0, rows - 1);
    long out = shape("final_layer.linear.weight", 2)[0] / ((long) patch * patch);
    boolean swiGlu = tensors.containsKey("blocks.0.mlp.w12.weight");
    long modulation = shape("blocks.0.adaLN_modulation.1.weight", 2)[0];
    if (modulation != (long) PARTS * width && modulation != (long) PARTS_WITHOUT_SHIFT * width) {
      throw unlike("blocks.0.adaLN_modulation.1.weight", "6 or 4 parts of " + width);
    }
    if (out != channels && out != 2L * channels) {
      throw unlike(
          "final_layer.linear.weight",
          "%d × %d × %d or twice as many rows".formatted(patch, patch, channels));
    }
    int side = side(patch);
    int heads = heads(width, askedHeads);
    double mlpRatio = mlpRatio(width, swiGlu);
    try {
      return new DitConfig(
          channels,
          side,
          patch,
          width,
          depth(),
          heads,
          mlpRatio,
          rows == 1 ? 1 : classes,
          rows > 1 && rows != IMAGENET,
          out != channels,
          tensors.containsKey("blocks.0.attn.q_norm.weight"),
          tensors.containsKey("blocks.0.norm1.weight"),
          swiGlu,
          tensors.containsKey("feat_rope.freqs_cos"),
          modulation == (long) PARTS * width);
    } catch (EqvaeException.Argument e) {
      throw new EqvaeException.Argument(file + ": " + e.getMessage());
    }
  }

  /**
   * Infers REPA's projectors.
   *
   * @param depth blocks before them, which cannot be inferred
   * @return empty if there are none
   * @throws EqvaeException.Argument if the tensors are not those of projectors
   */
  Optional<Alignment> alignment(int depth) {
    List<Integer> widths = new ArrayList<>();
    int hidden = 0;
    for (int i = 0; tensors.containsKey(projector(i, 4)); i++) {
      widths.add(size(shape(projector(i, 4), 2)[0]));
      int of = size(shape(projector(i, 0), 2)[0]);
      if (i > 0 && of != hidden) {
        throw unlike(projector(i, 0), hidden + " rows as in the first projector");
      }
      hidden = of;
    }
    return widths.isEmpty() ? Optional.empty() : Optional.of(new Alignment(depth, hidden, widths));
  }

  private static String projector(int i, int layer) {
    return "projectors." + i + "." + layer + ".weight";
  }

  private int side(int patch) {
    long tokens = shape(POSITIONS, 3)[1];
    long side = Math.round(Math.sqrt(tokens));
    if (side * side != tokens) {
      throw unlike(POSITIONS, "tokens of a square latent");
    }
    return size(side * patch);
  }

  private int depth() {
    int depth = 0;
    for (String name : tensors.keySet()) {
      Matcher m = BLOCK.matcher(name);
      if (m.matches()) {
        depth = Math.max(depth, Integer.parseInt(m.group(1)) + 1);
      }
    }
    // a file with a huge block number must not lead to a comparison with a huge network
    if (depth > tensors.size()) {
      throw new EqvaeException.Argument(
          "%s: it has a block %d, but only %d tensors".formatted(file, depth - 1, tensors.size()));
    }
    return depth;
  }

  private int heads(int width, OptionalInt asked) {
    OptionalInt told = told(width);
    if (told.isPresent() && asked.isPresent() && told.getAsInt() != asked.getAsInt()) {
      throw new EqvaeException.Argument(
          "%s: its tensors have %d heads, not %d"
              .formatted(file, told.getAsInt(), asked.getAsInt()));
    }
    Optional<DitSize> known =
        Arrays.stream(DitSize.values())
            .filter(size -> size.width() == width && size.depth() == depth())
            .findFirst();
    if (told.isEmpty() && asked.isEmpty() && known.isEmpty()) {
      throw new EqvaeException.Argument(
          file
              + " has no published size (width "
              + width
              + ", depth "
              + depth()
              + "), and the number of attention heads cannot be inferred from its tensors: add"
              + " --heads N");
    }
    return told.orElseGet(() -> asked.orElseGet(() -> known.orElseThrow().heads()));
  }

  private OptionalInt told(int width) {
    OptionalInt size = OptionalInt.empty();
    if (tensors.containsKey("blocks.0.attn.q_norm.weight")) {
      size = OptionalInt.of(size(shape("blocks.0.attn.q_norm.weight", 1)[0]));
    } else if (tensors.containsKey("feat_rope.freqs_cos")) {
      size = OptionalInt.of(size(shape("feat_rope.freqs_cos", 2)[1]));
    }
    return size.isPresent() ? OptionalInt.of(width / size.getAsInt()) : size;
  }

  /** The smallest ratio that gives the hidden width, which is rounded down. */
  private double mlpRatio(int width, boolean swiGlu) {
    long rows =
        swiGlu
            ? shape("blocks.0.mlp.w12.weight", 2)[0] / 2
            : shape("blocks.0.mlp.fc1.weight", 2)[0];
    if (!swiGlu) {
      return upwards(rows, width);
    }
    if ((int) (2.0 / 3 * (4 * width)) == rows) {
      return 4; // the published ratio, if several are possible
    }
    long inner = (long) Math.ceil(rows * 1.5);
    return upwards(inner, width);
  }

  private static double upwards(long hidden, int width) {
    double ratio = (double) hidden / width;
    return (int) (width * ratio) == hidden ? ratio : Math.nextUp(ratio);
  }

  private long[] shape(String name, int rank) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new EqvaeException.Argument(
          file + " lacks " + name + ", which is needed to infer the network's shape");
    }
    if (tensor.shape().length != rank) {
      throw unlike(name, rank + " dimensions");
    }
    return tensor.shape();
  }

  private int size(long extent) {
    if (extent < 1 || extent > Integer.MAX_VALUE / 2) {
      throw new EqvaeException.Argument(file + ": a tensor has an extent of " + extent);
    }
    return (int) extent;
  }

  private EqvaeException.Argument unlike(String name, String expected) {
    return new EqvaeException.Argument(file + ": " + tensors.get(name) + ", expected " + expected);
  }
}
