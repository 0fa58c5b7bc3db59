package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The part of an autoencoder's configuration that the names and shapes of its tensors determine.
 *
 * @param kind with a Gaussian posterior or a codebook
 * @param inChannels {@code in_channels} of the image
 * @param outChannels {@code out_ch} of the reconstruction
 * @param ch channels after the first convolution
 * @param blockOutChannels channels of each level; CompVis' {@code ch · ch_mult}
 * @param numResBlocks {@code num_res_blocks} of an encoder level; the decoder has one more
 * @param attnLevels levels whose residual blocks are followed by attention, 0 the full resolution
 * @param zChannels {@code z_channels}: the channels of the decoder's input
 * @param embedDim {@code embed_dim}: channels of the latent
 * @param codebookSize {@code n_embed}; 0 without a codebook
 * @param useQuantConv whether there is a 1×1 convolution before the latent
 * @param usePostQuantConv whether there is one after the latent
 * @param midBlockAddAttention whether the deepest level has attention
 */
public record AutoencoderArchitecture(
    AutoencoderKind kind,
    int inChannels,
    int outChannels,
    int ch,
    List<Integer> blockOutChannels,
    int numResBlocks,
    List<Integer> attnLevels,
    int zChannels,
    int embedDim,
    int codebookSize,
    boolean useQuantConv,
    boolean usePostQuantConv,
    boolean midBlockAddAttention) {

  /** Copies the lists. */
  public AutoencoderArchitecture {
    blockOutChannels = List.copyOf(blockOutChannels);
    attnLevels = attnLevels.stream().sorted().toList();
  }

  /**
   * The architecture of a configuration.
   *
   * @param config the configuration
   * @return what its tensors tell
   */
  public static AutoencoderArchitecture of(AutoencoderConfig config) {
    return of(AutoencoderKind.KL, config, 0);
  }

  /**
   * The architecture of a discrete model's configuration.
   *
   * @param config the configuration
   * @return what its tensors tell
   */
  public static AutoencoderArchitecture of(VqConfig config) {
    return of(AutoencoderKind.VQ, config.autoencoder(), config.codes());
  }

  private static AutoencoderArchitecture of(
      AutoencoderKind kind, AutoencoderConfig config, int codes) {
    int levels = config.chMult().size();
    return new AutoencoderArchitecture(
        kind,
        config.inChannels(),
        config.outChannels(),
        config.ch(),
        config.chMult().stream().map(m -> m * config.ch()).toList(),
        config.numResBlocks(),
        IntStream.range(0, levels)
            .filter(i -> config.attnResolutions().contains(config.resolution() >> i))
            .boxed()
            .toList(),
        config.zChannels(),
        config.embedDim(),
        codes,
        config.useQuantConv(),
        config.useQuantConv(),
        config.midBlockAddAttention());
  }

  /**
   * The configuration of {@link io.github.eqvae.model.AutoencoderKl}.
   *
   * @param settings settings that tensors do not contain; by default 32 groups and 256 pixels
   * @return the configuration
   * @throws EqvaeException.Unsupported if that model cannot have this architecture
   */
  public AutoencoderConfig config(AutoencoderSettings settings) {
    if (kind != AutoencoderKind.KL) {
      throw new EqvaeException.Unsupported(
          "This is a " + kind.className() + "; expected an " + AutoencoderKind.KL.className());
    }
    return network(settings);
  }

  /**
   * The configuration of {@link io.github.eqvae.model.VqModel}, with taming's codebook loss.
   *
   * @param settings settings that tensors do not contain; by default 32 groups and 256 pixels
   * @return the configuration
   * @throws EqvaeException.Unsupported if that model cannot have this architecture
   */
  public VqConfig vqConfig(AutoencoderSettings settings) {
    if (kind != AutoencoderKind.VQ) {
      throw new EqvaeException.Unsupported(
          "This is an " + kind.className() + "; expected a " + AutoencoderKind.VQ.className());
    }
    return new VqConfig(
        network(settings), codebookSize, VqConfig.BETA, VqConfig.BetaPlacement.LEGACY);
  }

  /** The same, with the name of the file for errors. */
  AutoencoderConfig config(Path file, AutoencoderSettings settings) {
    return named(file, () -> config(settings));
  }

  /** The same, with the name of the file for errors. */
  VqConfig vqConfig(Path file, AutoencoderSettings settings) {
    return named(file, () -> vqConfig(settings));
  }

  private static <T> T named(Path file, Supplier<T> config) {
    try {
      return config.get();
    } catch (EqvaeException.Argument e) {
      throw new EqvaeException.Argument(file + ": " + e.getMessage());
    } catch (EqvaeException.Unsupported e) {
      throw new EqvaeException.Unsupported(file + ": " + e.getMessage());
    }
  }

  private AutoencoderConfig network(AutoencoderSettings settings) {
    if (useQuantConv != usePostQuantConv) {
      throw new EqvaeException.Unsupported(
          "There is only one of quant_conv and post_quant_conv; expected both or neither");
    }
    if (blockOutChannels.stream().anyMatch(c -> c % ch != 0)) {
      throw new EqvaeException.Unsupported(
          "The levels have " + blockOutChannels + " channels; expected multiples of ch = " + ch);
    }
    int factor = 1 << (levels() - 1);
    int wanted = settings.sampleSize().orElse(AutoencoderSettings.DEFAULT_SAMPLE_SIZE);
    int resolution = Math.max(1, wanted / factor) * factor;
    return new AutoencoderConfig(
        inChannels,
        outChannels,
        ch,
        blockOutChannels.stream().map(c -> c / ch).toList(),
        numResBlocks,
        attnLevels.stream().map(i -> resolution >> i).toList(),
        resolution,
        zChannels,
        embedDim,
        settings.normNumGroups().orElse(AutoencoderSettings.DEFAULT_GROUPS),
        useQuantConv,
        midBlockAddAttention,
        settings.padding().orElse(PaddingMode.ZEROS));
  }

  /**
   * Whether a model of this library can have this architecture.
   *
   * @param settings settings that tensors do not contain
   * @return why not, and what would be needed; empty if one can
   */
  public Optional<String> obstacle(AutoencoderSettings settings) {
    try {
      AutoencoderConfig config = network(settings);
      if (ch % config.normGroups() != 0) {
        return Optional.of(
            "the first convolution gives "
                + ch
                + " channels, which "
                + config.normGroups()
                + " groups of a norm do not divide");
      }
      return isOfPictures(inChannels) && isOfPictures(outChannels)
          ? Optional.empty()
          : Optional.of(
              "its images have "
                  + (isOfPictures(inChannels) ? outChannels : inChannels)
                  + " channels, and those of the commands 3, or 1 if they are gray");
    } catch (EqvaeException.Argument | EqvaeException.Unsupported e) {
      return Optional.of(
          e.getMessage()
              + (settings.normNumGroups().isPresent()
                  ? ""
                  : " (norm_num_groups is not in the file and was assumed to be "
                      + AutoencoderSettings.DEFAULT_GROUPS
                      + ": a config.json beside it may say otherwise)"));
    }
  }

  private static boolean isOfPictures(int channels) {
    return channels == 1 || channels == 3;
  }

  /**
   * How many resolutions there are.
   *
   * @return one more than the halvings
   */
  public int levels() {
    return blockOutChannels.size();
  }

  /**
   * Every tensor it has.
   *
   * @return CompVis name to shape, in the order of the modules
   */
  public Map<String, Shape> tensors() {
    return new TensorList(this).all();
  }

  /**
   * The number of learned values.
   *
   * @return elements of all tensors
   */
  public long parameterCount() {
    return tensors().values().stream().mapToLong(Shape::elements).sum();
  }

  /**
   * The differences from another architecture.
   *
   * @param mine the name of this one, such as {@code "config.json"}
   * @param other the other
   * @param theirs what to call the other
   * @return one line per value, with CompVis' names; empty if the two are equal
   */
  public List<String> differences(String mine, AutoencoderArchitecture other, String theirs) {
    List<String> lines = new ArrayList<>();
    Map<String, Object> ours = values();
    other
        .values()
        .forEach(
            (name, value) -> {
              if (!Objects.equals(value, ours.get(name))) {
                lines.add(
                    name + ": " + mine + " has " + ours.get(name) + ", " + theirs + " " + value);
              }
            });
    return List.copyOf(lines);
  }

  /**
   * Its values by name.
   *
   * @return with CompVis' names, but with {@code block_out_channels} for {@code ch_mult}
   */
  public Map<String, Object> values() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("kind", kind.className());
    values.put("in_channels", inChannels);
    values.put("out_ch", outChannels);
    values.put("ch", ch);
    values.put("block_out_channels", blockOutChannels);
    values.put("num_res_blocks", numResBlocks);
    values.put("attention at levels", attnLevels);
    values.put("z_channels", zChannels);
    values.put("embed_dim", embedDim);
    values.put("codebook size", codebookSize);
    values.put("use_quant_conv", useQuantConv);
    values.put("use_post_quant_conv", usePostQuantConv);
    values.put("mid_block_add_attention", midBlockAddAttention);
    return values;
  }
}
