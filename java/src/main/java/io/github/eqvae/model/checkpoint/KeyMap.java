package io.github.eqvae.model.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Translates names of tensors between {@link KeyNaming}s. The decoder's levels are numbered from
 * the full resolution by CompVis and from the latent by diffusers, so the number of levels must be
 * known.
 *
 * @param levels how many resolutions the autoencoder has
 */
public record KeyMap(int levels) {
  /** The kind of block at a place, which determines which of its modules have several names. */
  private enum Content {
    RESNET,
    ATTENTION,
    LAYER
  }

  /**
   * A place in the network. Each {@code #} is a number.
   *
   * @param compVis its name there
   * @param diffusers its name there
   */
  private record Place(String compVis, String diffusers, Content content, boolean reversed) {
    Pattern pattern(KeyNaming naming) {
      return naming == KeyNaming.COMPVIS ? Compiled.of(compVis) : Compiled.of(diffusers);
    }

    String name(KeyNaming naming) {
      return naming == KeyNaming.COMPVIS ? compVis : diffusers;
    }
  }

  /** Compiled patterns by template. */
  private static final class Compiled {
    private static final java.util.Map<String, Pattern> PATTERNS =
        new java.util.concurrent.ConcurrentHashMap<>();

    static Pattern of(String template) {
      return PATTERNS.computeIfAbsent(
          template,
          t ->
              Pattern.compile(
                  t.replace(".", "\\.").replace("#", "(0|[1-9]\\d{0,3})") + "\\.(?<leaf>.+)"));
    }
  }

  private static final List<Place> PLACES = places();

  private static List<Place> places() {
    List<Place> all = new ArrayList<>();
    for (String half : List.of("encoder", "decoder")) {
      for (String same : List.of(".conv_in", ".conv_out")) {
        all.add(new Place(half + same, half + same, Content.LAYER, false));
      }
      all.add(new Place(half + ".norm_out", half + ".conv_norm_out", Content.LAYER, false));
      for (int n = 1; n <= 2; n++) {
        all.add(
            new Place(
                half + ".mid.block_" + n,
                half + ".mid_block.resnets." + (n - 1),
                Content.RESNET,
                false));
      }
      all.add(
          new Place(
              half + ".mid.attn_1", half + ".mid_block.attentions.0", Content.ATTENTION, false));
    }
    levels(all, "encoder.down.#", "encoder.down_blocks.#", "downsample", false);
    levels(all, "decoder.up.#", "decoder.up_blocks.#", "upsample", true);
    for (String same : List.of("quant_conv", "post_quant_conv", "quantize.embedding")) {
      all.add(new Place(same, same, Content.LAYER, false));
    }
    return List.copyOf(all);
  }

  private static void levels(
      List<Place> all, String compVis, String diffusers, String sample, boolean reversed) {
    all.add(new Place(compVis + ".block.#", diffusers + ".resnets.#", Content.RESNET, reversed));
    all.add(
        new Place(compVis + ".attn.#", diffusers + ".attentions.#", Content.ATTENTION, reversed));
    all.add(
        new Place(
            compVis + "." + sample + ".conv",
            diffusers + "." + sample + "rs.0.conv",
            Content.LAYER,
            reversed));
  }

  /**
   * Translates a name.
   *
   * @param key the name
   * @param from the naming of the key
   * @param to the naming of the result
   * @return the translation; empty if {@code from} has no such name
   */
  public Optional<String> translate(String key, KeyNaming from, KeyNaming to) {
    for (Place place : PLACES) {
      Matcher m = place.pattern(from).matcher(key);
      if (m.matches()) {
        return leaf(place.content(), m.group("leaf"), from, to)
            .flatMap(leaf -> numbers(place, from, to, m).map(name -> place(place, to, name, leaf)));
      }
    }
    return Optional.empty();
  }

  private static String place(Place place, KeyNaming to, List<Integer> numbers, String leaf) {
    String name = place.name(to);
    for (int n : numbers) {
      name = name.replaceFirst("#", Integer.toString(n));
    }
    return name + "." + leaf;
  }

  private Optional<List<Integer>> numbers(
      Place place, KeyNaming from, KeyNaming to, MatchResult match) {
    List<Integer> numbers = new ArrayList<>();
    boolean turn = place.reversed() && (from == KeyNaming.COMPVIS) != (to == KeyNaming.COMPVIS);
    for (int g = 1; g < match.groupCount(); g++) { // the last group is the leaf
      int n = Integer.parseInt(match.group(g));
      if (g == 1 && n >= levels) {
        return Optional.empty();
      }
      numbers.add(g == 1 && turn ? levels - 1 - n : n);
    }
    return Optional.of(numbers);
  }

  /** A module and its tensor, such as {@code to_out.0.weight}. */
  private static Optional<String> leaf(Content content, String leaf, KeyNaming from, KeyNaming to) {
    int dot = leaf.lastIndexOf('.');
    String tensor = leaf.substring(dot + 1);
    if (!tensor.equals("weight") && !tensor.equals("bias")) {
      return Optional.empty();
    }
    String module = dot < 0 ? "" : leaf.substring(0, dot);
    return switch (content) {
      case LAYER -> module.isEmpty() ? Optional.of(leaf) : Optional.empty();
      case ATTENTION -> renamed(module, from.attention(), to.attention(), tensor);
      case RESNET ->
          List.of("norm1", "conv1", "norm2", "conv2").contains(module)
              ? Optional.of(leaf)
              : renamed(module, from.resnet(), to.resnet(), tensor);
    };
  }

  private static Optional<String> renamed(
      String module, List<String> from, List<String> to, String tensor) {
    int at = from.indexOf(module);
    return at < 0 ? Optional.empty() : Optional.of(to.get(at) + "." + tensor);
  }
}
