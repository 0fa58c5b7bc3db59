package io.github.eqvae.model.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.op.PaddingMode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * diffusers' {@code config.json} of an {@code AutoencoderKL} or {@code VQModel}. A missing field
 * has the default of diffusers' class. Source: huggingface/diffusers {@code
 * models/autoencoders/autoencoder_kl.py} and {@code vq_model.py}.
 *
 * @param architecture the part that determines the tensors
 * @param settings the rest
 * @param batchNormEps {@code batch_norm_eps} of FLUX.2's class
 */
record DiffusersConfig(
    AutoencoderArchitecture architecture, AutoencoderSettings settings, double batchNormEps) {
  /** The version whose fields these are. */
  static final String VERSION = "0.40.0.dev0";

  private static final String DOWN = "DownEncoderBlock2D";
  private static final String UP = "UpDecoderBlock2D";
  private static final String ATTN = "Attn";
  private static final double DEFAULT_SCALING = 0.18215;

  /** Reads a file. */
  static DiffusersConfig read(Path file) throws IOException {
    JsonNode root = Json.read(file);
    return new Reader(file, root, root.path("_class_name").asText("")).config();
  }

  /** The class name; empty if there is none. */
  static String className(Path file) throws IOException {
    return Json.read(file).path("_class_name").asText("");
  }

  /** Reads one file. */
  private record Reader(Path file, JsonNode root, String className) {
    DiffusersConfig config() {
      AutoencoderKind kind = kind();
      boolean kl = kind == AutoencoderKind.KL;
      boolean flux2 = className.equals(LatentNorm.CLASS_NAME);
      only("act_fn", "silu");
      only("norm_type", "group");
      List<Integer> widths =
          list(
              "block_out_channels",
              flux2 ? List.of(128, 256, 512, 512) : List.of(64),
              this::isSize,
              JsonNode::asInt,
              "a channel count");
      requireOneWidth(widths);
      int levels = widths.size();
      List<Integer> down = attention("down_block_types", DOWN, levels);
      List<Integer> up =
          attention("up_block_types", UP, levels).stream()
              .map(i -> levels - 1 - i)
              .sorted()
              .toList();
      if (!down.equals(up)) {
        throw wrong("up_block_types", "attention at the same levels as down_block_types");
      }
      int z = size("latent_channels", flux2 ? 32 : kl ? 4 : 3);
      AutoencoderArchitecture architecture =
          new AutoencoderArchitecture(
              kind,
              size("in_channels", 3),
              size("out_channels", 3),
              widths.getFirst(),
              widths,
              size("layers_per_block", flux2 ? 2 : 1),
              down,
              z,
              kl ? z : size("vq_embed_dim", z),
              kl ? 0 : size("num_vq_embeddings", 256),
              !kl || flag("use_quant_conv", true),
              !kl || flag("use_post_quant_conv", true),
              flag("mid_block_add_attention", true));
      AutoencoderSettings settings =
          new AutoencoderSettings(
              OptionalInt.of(size("norm_num_groups", 32)),
              OptionalInt.of(sampleSize(flux2 ? 1024 : 32)),
              flux2 ? Optional.empty() : Optional.of(scaling()),
              Optional.of(flag("force_upcast", kl)),
              padding());
      return new DiffusersConfig(architecture, settings, number("batch_norm_eps", LatentNorm.EPS));
    }

    /** FLUX.2's small decoder has other widths than the encoder. */
    private void requireOneWidth(List<Integer> widths) {
      JsonNode decoder = root.path("decoder_block_out_channels");
      List<Integer> theirs = new ArrayList<>();
      decoder.forEach(n -> theirs.add(n.asInt()));
      if (decoder.isArray() && !theirs.equals(widths)) {
        throw new EqvaeException.Unsupported(
            file
                + ": the decoder has the widths "
                + theirs
                + " and the encoder "
                + widths
                + "; only one for both can be computed");
      }
      List<Integer> patch = new ArrayList<>();
      root.path("patch_size").forEach(n -> patch.add(n.asInt()));
      if (!patch.isEmpty() && !patch.equals(List.of(LatentNorm.PATCH, LatentNorm.PATCH))) {
        throw wrong("patch_size", "[2, 2]");
      }
    }

    private AutoencoderKind kind() {
      String name = className;
      if (name.equals(LatentNorm.CLASS_NAME)) {
        return AutoencoderKind.KL;
      }
      for (AutoencoderKind kind : AutoencoderKind.values()) {
        if (kind.className().equals(name)) {
          return kind;
        }
      }
      throw new EqvaeException.Argument(
          file
              + (name.isEmpty()
                  ? " has no _class_name; expected " + ForeignClass.ours()
                  : " is of " + ForeignClass.describe(name)));
    }

    private LatentScaling scaling() {
      Predicate<JsonNode> number = JsonNode::isNumber;
      double factor = number("scaling_factor", DEFAULT_SCALING);
      double shift = number("shift_factor", 0);
      List<Double> mean = list("latents_mean", List.of(), number, JsonNode::asDouble, "a number");
      List<Double> std = list("latents_std", List.of(), number, JsonNode::asDouble, "a number");
      try {
        return new LatentScaling(factor, shift, mean, std);
      } catch (EqvaeException.Argument e) {
        throw new EqvaeException.Argument(file + ": " + e.getMessage());
      }
    }

    /** Written by this library; diffusers has no such key and ignores it. */
    private Optional<PaddingMode> padding() {
      JsonNode node = root.path("padding_mode");
      try {
        return node.isMissingNode()
            ? Optional.empty()
            : Optional.of(AutoencoderSettings.padding(node.asText()));
      } catch (EqvaeException.Argument e) {
        throw new EqvaeException.Argument(file + ": " + e.getMessage());
      }
    }

    /** Old files have one number per side. */
    private int sampleSize(int fallback) {
      JsonNode node = root.path("sample_size");
      return node.isArray() && !node.isEmpty() && isSize(node.get(0))
          ? node.get(0).asInt()
          : size("sample_size", fallback);
    }

    private void only(String key, String value) {
      if (!root.path(key).asText(value).equals(value)) {
        throw new EqvaeException.Unsupported(
            file
                + ": "
                + key
                + " is "
                + root.path(key)
                + "; only \""
                + value
                + "\" can be computed");
      }
    }

    /** Levels whose block has attention, in the order of the list. */
    private List<Integer> attention(String key, String plain, int levels) {
      List<String> types =
          list(
              key,
              Collections.nCopies(className.equals(LatentNorm.CLASS_NAME) ? 4 : 1, plain),
              n -> n.asText().equals(plain) || n.asText().equals(ATTN + plain),
              JsonNode::asText,
              plain + " or " + ATTN + plain);
      if (types.size() != levels) {
        throw wrong(key, "one per level of block_out_channels, " + levels);
      }
      return IntStream.range(0, levels).filter(i -> types.get(i).startsWith(ATTN)).boxed().toList();
    }

    private boolean isSize(JsonNode node) {
      return node.isInt() && node.asInt() > 0;
    }

    private int size(String key, int fallback) {
      return value(key, fallback, this::isSize, JsonNode::asInt, "a positive integer");
    }

    private double number(String key, double fallback) {
      return value(key, fallback, JsonNode::isNumber, JsonNode::asDouble, "a number");
    }

    private boolean flag(String key, boolean fallback) {
      return value(key, fallback, JsonNode::isBoolean, JsonNode::asBoolean, "true or false");
    }

    private <T> T value(
        String key,
        T fallback,
        Predicate<JsonNode> valid,
        Function<JsonNode, T> get,
        String expected) {
      JsonNode node = root.path(key);
      if (node.isMissingNode() || node.isNull()) {
        return fallback;
      }
      if (!valid.test(node)) {
        throw wrong(key, expected);
      }
      return get.apply(node);
    }

    private <T> List<T> list(
        String key,
        List<T> fallback,
        Predicate<JsonNode> valid,
        Function<JsonNode, T> get,
        String each) {
      return value(
          key,
          fallback,
          node -> {
            boolean all = node.isArray() && !node.isEmpty();
            for (JsonNode one : node) {
              all &= valid.test(one);
            }
            return all;
          },
          node -> {
            List<T> values = new ArrayList<>();
            node.forEach(one -> values.add(get.apply(one)));
            return List.copyOf(values);
          },
          "a list, each " + each);
    }

    private EqvaeException wrong(String key, String expected) {
      return new EqvaeException.Argument(
          file + ": " + key + " is " + root.path(key) + ", expected " + expected);
    }
  }

  /**
   * The text of the file.
   *
   * @throws EqvaeException.Unsupported if diffusers has no such model
   */
  static String print(AutoencoderArchitecture a, AutoencoderSettings settings) throws IOException {
    requireExpressible(a);
    boolean kl = a.kind() == AutoencoderKind.KL;
    LatentScaling scaling = settings.scaling().orElse(LatentScaling.of(DEFAULT_SCALING, 0));
    Map<String, @Nullable Object> c = new HashMap<>();
    c.put("_class_name", a.kind().className());
    c.put("_diffusers_version", VERSION);
    c.put("act_fn", "silu");
    c.put("block_out_channels", a.blockOutChannels());
    c.put("down_block_types", blocks(a, DOWN));
    c.put("up_block_types", blocks(a, UP).reversed());
    c.put("force_upcast", settings.forceUpcast().orElse(kl));
    c.put("in_channels", a.inChannels());
    c.put("out_channels", a.outChannels());
    c.put("latent_channels", a.zChannels());
    c.put("layers_per_block", a.numResBlocks());
    c.put("mid_block_add_attention", a.midBlockAddAttention());
    c.put("norm_num_groups", settings.normNumGroups().orElse(AutoencoderSettings.DEFAULT_GROUPS));
    c.put("sample_size", settings.sampleSize().orElse(AutoencoderSettings.DEFAULT_SAMPLE_SIZE));
    settings
        .padding()
        .filter(mode -> mode != PaddingMode.ZEROS)
        .ifPresent(mode -> c.put("padding_mode", mode.name().toLowerCase(Locale.ROOT)));
    if (scaling.gathers()) {
      c.put("_class_name", LatentNorm.CLASS_NAME);
      c.put("batch_norm_eps", scaling.eps());
      c.put("batch_norm_momentum", 0.1);
      c.put("decoder_block_out_channels", null);
      c.put("patch_size", List.of(scaling.patch(), scaling.patch()));
      c.put("use_quant_conv", a.useQuantConv());
      c.put("use_post_quant_conv", a.usePostQuantConv());
      return Json.print(c);
    }
    c.put("scaling_factor", scaling.scalingFactor());
    if (kl) {
      // pipelines of models without quant convs (SD3, FLUX) add it without a check for null
      boolean nullable = scaling.shiftFactor() == 0 && a.useQuantConv();
      c.put("shift_factor", nullable ? null : scaling.shiftFactor());
      c.put("latents_mean", scaling.mean().isEmpty() ? null : scaling.mean());
      c.put("latents_std", scaling.std().isEmpty() ? null : scaling.std());
      c.put("use_quant_conv", a.useQuantConv());
      c.put("use_post_quant_conv", a.usePostQuantConv());
    } else {
      c.put("num_vq_embeddings", a.codebookSize());
      c.put("vq_embed_dim", a.embedDim());
      c.put("norm_type", "group");
      c.put("lookup_from_codebook", false);
    }
    return Json.print(c);
  }

  private static List<String> blocks(AutoencoderArchitecture a, String plain) {
    return IntStream.range(0, a.levels())
        .mapToObj(i -> a.attnLevels().contains(i) ? ATTN + plain : plain)
        .toList();
  }

  private static void requireExpressible(AutoencoderArchitecture a) {
    List<String> problems = new ArrayList<>();
    if (a.ch() != a.blockOutChannels().getFirst()) {
      problems.add(
          "the first level has "
              + a.blockOutChannels().getFirst()
              + " channels and the convolution before it "
              + a.ch()
              + ": ch_mult must begin with 1");
    }
    if (a.kind() == AutoencoderKind.KL && a.embedDim() != a.zChannels()) {
      problems.add("embed_dim " + a.embedDim() + " must equal z_channels " + a.zChannels());
    }
    if (a.kind() == AutoencoderKind.VQ && !(a.useQuantConv() && a.usePostQuantConv())) {
      problems.add("a VQModel needs quant_conv and post_quant_conv");
    }
    if (!problems.isEmpty()) {
      throw new EqvaeException.Unsupported(
          "diffusers has no "
              + a.kind().className()
              + " of this architecture: "
              + String.join("; ", problems)
              + ". Write a CompVis file instead.");
    }
  }
}
