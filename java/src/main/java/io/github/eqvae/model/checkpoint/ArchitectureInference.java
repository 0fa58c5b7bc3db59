package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Derives an architecture from CompVis names and shapes. Each value can be derived from several
 * tensors, so a file that lacks a tensor is still recognised, and the missing tensor can be named.
 */
final class ArchitectureInference {
  private static final Pattern LEVEL =
      Pattern.compile("(?:encoder\\.down|decoder\\.up)\\.(\\d+)\\..+");
  private static final Pattern BLOCK =
      Pattern.compile("(encoder\\.down|decoder\\.up)\\.(\\d+)\\.(block|attn)\\.(\\d+)\\..+");

  /** Larger numbers cannot belong to an autoencoder, and would allow lists of any length. */
  private static final int MAX_LEVELS = 12;

  private static final int MAX_BLOCKS = 64;
  private static final int MAX_CHANNELS = 1 << 16;
  private static final int MAX_CODES = 1 << 24;

  private final String file;
  private final Map<String, StoredTensor> tensors;

  /**
   * @param file for messages
   * @param tensors by CompVis name
   */
  ArchitectureInference(String file, Map<String, StoredTensor> tensors) {
    this.file = file;
    this.tensors = tensors;
  }

  AutoencoderArchitecture architecture() {
    boolean vq = tensors.containsKey("quantize.embedding.weight");
    List<Integer> widths = widths();
    int out = size("decoder.conv_out", MAX_CHANNELS, 0);
    int z =
        first("z_channels", witness("decoder.conv_in.weight", 1), witness("post_quant_conv", 0));
    int moments = moments(vq, z);
    boolean quant = has("quant_conv.");
    boolean post = has("post_quant_conv.");
    return new AutoencoderArchitecture(
        vq ? AutoencoderKind.VQ : AutoencoderKind.KL,
        first("in_channels", witness("encoder.conv_in.weight", 1), out),
        out,
        first(
            "ch",
            witness("encoder.conv_in.weight", 0),
            witness("encoder.conv_in.bias", 0),
            witness("encoder.down.0.block.0.norm1.weight", 0)),
        widths,
        blocks(),
        IntStream.range(0, widths.size())
            .filter(i -> has("encoder.down." + i + ".attn.") || has("decoder.up." + i + ".attn."))
            .boxed()
            .toList(),
        z,
        embedDim(vq, z, moments),
        vq ? size("quantize.embedding", MAX_CODES, 0) : 0,
        quant,
        post,
        has("encoder.mid.attn_1.") || has("decoder.mid.attn_1."));
  }

  /** Results of the encoder per channel of z: two if there is a variance. */
  private int moments(boolean vq, int z) {
    int moments = vq ? 1 : 2;
    int encoded = witness("encoder.conv_out.weight", 0);
    if (encoded == (vq ? 2 : 1) * z) {
      throw new EqvaeException.Unsupported(
          file
              + ": the encoder ends with "
              + encoded
              + " channels and the decoder begins with "
              + z
              + (vq
                  ? ": double_z with a codebook is no VQModel"
                  : ": without double_z and without a codebook (quantize.embedding.weight) this is"
                      + " neither an AutoencoderKL nor a VQModel"));
    }
    return moments;
  }

  private int embedDim(boolean vq, int z, int moments) {
    if (vq) {
      return first("embed_dim", witness("quantize.embedding.weight", 1));
    }
    return first(
        "embed_dim",
        witness("post_quant_conv.weight", 1),
        witness("quant_conv.weight", 0) / moments,
        z);
  }

  private List<Integer> widths() {
    int levels = 0;
    for (String name : tensors.keySet()) {
      Matcher m = LEVEL.matcher(name);
      if (m.matches()) {
        levels = Math.max(levels, bounded(m.group(1), MAX_LEVELS, name) + 1);
      }
    }
    List<Integer> widths = new ArrayList<>();
    for (int i = 0; i < levels; i++) {
      int width = 0;
      for (String half : List.of("encoder.down.", "decoder.up.")) {
        for (int j = 0; j <= MAX_BLOCKS && width == 0; j++) {
          String block = half + i + ".block." + j;
          width =
              Math.max(witness(block + ".conv1.weight", 0), witness(block + ".conv2.weight", 0));
        }
      }
      widths.add(first("the channels of level " + i, width));
    }
    if (widths.isEmpty()) {
      throw new EqvaeException.Argument(
          file + " has no levels: no tensor is called encoder.down.… or decoder.up.…");
    }
    return widths;
  }

  private int blocks() {
    int blocks = 0;
    for (String name : tensors.keySet()) {
      Matcher m = BLOCK.matcher(name);
      if (m.matches()) {
        int count = bounded(m.group(4), MAX_BLOCKS, name) + 1;
        blocks = Math.max(blocks, m.group(1).startsWith("encoder") ? count : count - 1);
      }
    }
    return Math.max(1, blocks);
  }

  private int bounded(String digits, int limit, String name) {
    int value = digits.length() > 4 ? limit : Integer.parseInt(digits);
    if (value >= limit) {
      throw new EqvaeException.Argument(
          file
              + ": "
              + name
              + " is numbered above "
              + (limit - 1)
              + "; no autoencoder is that deep");
    }
    return value;
  }

  private boolean has(String prefix) {
    return tensors.keySet().stream().anyMatch(name -> name.startsWith(prefix));
  }

  /** An extent of a weight, or of its bias. */
  private int size(String module, int limit, int axis) {
    int size =
        first(
            "the size of " + module,
            witness(module + ".weight", axis),
            witness(module + ".bias", axis));
    if (size > limit) {
      throw new EqvaeException.Argument(file + ": " + module + " has " + size + " channels");
    }
    return size;
  }

  /** An extent of a tensor; 0 if it is missing. */
  private int witness(String name, int axis) {
    StoredTensor tensor = tensors.get(name);
    long[] shape = tensor == null ? new long[0] : tensor.shape();
    if (axis >= shape.length || shape[axis] <= 0) {
      return 0;
    }
    if (shape[axis] > MAX_CODES) {
      throw new EqvaeException.Argument(file + ": " + tensor + " is not part of an autoencoder");
    }
    return (int) shape[axis];
  }

  private int first(String what, int... witnesses) {
    for (int value : witnesses) {
      if (value > 0) {
        return value;
      }
    }
    throw new EqvaeException.Argument(file + ": too many tensors are missing to derive " + what);
  }
}
