package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.op.PaddingMode;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The part of an autoencoder's configuration that cannot be derived from its tensors. diffusers
 * stores it in {@code config.json}; a CompVis checkpoint has it only if this library wrote it.
 *
 * @param normNumGroups {@code norm_num_groups} of every group norm
 * @param sampleSize {@code sample_size}: side of the training images
 * @param scaling of the latent
 * @param forceUpcast {@code force_upcast}: whether its activations overflow in half precision
 * @param padding {@code padding_mode} of its convolutions, which only this library writes:
 *     diffusers has no such key
 */
public record AutoencoderSettings(
    OptionalInt normNumGroups,
    OptionalInt sampleSize,
    Optional<LatentScaling> scaling,
    Optional<Boolean> forceUpcast,
    Optional<PaddingMode> padding) {
  /**
   * The settings that diffusers writes.
   *
   * @param normNumGroups groups
   * @param sampleSize side of the training images
   * @param scaling of the latent
   * @param forceUpcast whether its activations overflow in half precision
   */
  public AutoencoderSettings(
      OptionalInt normNumGroups,
      OptionalInt sampleSize,
      Optional<LatentScaling> scaling,
      Optional<Boolean> forceUpcast) {
    this(normNumGroups, sampleSize, scaling, forceUpcast, Optional.empty());
  }

  /** In all published models. */
  static final int DEFAULT_GROUPS = 32;

  /** The size that most were trained with. */
  static final int DEFAULT_SAMPLE_SIZE = 256;

  /** Nothing is known. */
  public static final AutoencoderSettings UNKNOWN =
      new AutoencoderSettings(
          OptionalInt.empty(), OptionalInt.empty(), Optional.empty(), Optional.empty());

  /**
   * These settings, with missing values taken from others.
   *
   * @param others asked where this has nothing
   * @return both
   */
  public AutoencoderSettings orElse(AutoencoderSettings others) {
    return new AutoencoderSettings(
        normNumGroups.isPresent() ? normNumGroups : others.normNumGroups,
        sampleSize.isPresent() ? sampleSize : others.sampleSize,
        scaling.or(others::scaling),
        forceUpcast.or(others::forceUpcast),
        padding.or(others::padding));
  }

  /** What models that differ in size and scaling have in common. */
  AutoencoderSettings architectureOnly() {
    return new AutoencoderSettings(
        normNumGroups, OptionalInt.empty(), Optional.empty(), forceUpcast);
  }

  /** Checks that the scaling fits the latents; the file is for the message. */
  void requireChannels(String file, int channels) {
    try {
      scaling.ifPresent(s -> s.requireChannels(channels));
    } catch (EqvaeException.Argument e) {
      throw new EqvaeException.Argument(file + ": " + e.getMessage());
    }
  }

  /**
   * These with another scaling.
   *
   * @param value the scaling
   * @return the settings
   */
  public AutoencoderSettings with(LatentScaling value) {
    return new AutoencoderSettings(
        normNumGroups, sampleSize, Optional.of(value), forceUpcast, padding);
  }

  /**
   * These with another padding.
   *
   * @param value the mode
   * @return the settings
   */
  public AutoencoderSettings with(PaddingMode value) {
    return new AutoencoderSettings(
        normNumGroups, sampleSize, scaling, forceUpcast, Optional.of(value));
  }

  /**
   * Reads a mode by its PyTorch name.
   *
   * @param name {@code zeros}, {@code reflect} or {@code replicate}
   * @return the mode
   * @throws EqvaeException.Argument for another one
   */
  public static PaddingMode padding(String name) {
    return Arrays.stream(PaddingMode.values())
        .filter(mode -> mode.name().toLowerCase(Locale.ROOT).equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "padding_mode is \"" + name + "\"; zeros, reflect and replicate are known"));
  }

  /**
   * The settings as free strings beside the tensors of a CompVis file, which has no other place for
   * them.
   *
   * @return diffusers' names to values
   */
  public Map<String, String> metadata() {
    Map<String, String> map = new LinkedHashMap<>();
    normNumGroups.ifPresent(n -> map.put("norm_num_groups", Integer.toString(n)));
    sampleSize.ifPresent(n -> map.put("sample_size", Integer.toString(n)));
    scaling.ifPresent(
        s -> {
          map.put("scaling_factor", Double.toString(s.scalingFactor()));
          map.put("shift_factor", Double.toString(s.shiftFactor()));
          if (!s.mean().isEmpty()) {
            map.put("latents_mean", joined(s.mean()));
            map.put("latents_std", joined(s.std()));
            if (s.gathers()) {
              map.put("latents_patch", Integer.toString(s.patch()));
              map.put("batch_norm_eps", Double.toString(s.eps()));
            }
          }
        });
    forceUpcast.ifPresent(b -> map.put("force_upcast", Boolean.toString(b)));
    padding.ifPresent(p -> map.put("padding_mode", p.name().toLowerCase(Locale.ROOT)));
    return map;
  }

  /**
   * Reads the strings of {@link #metadata}.
   *
   * @param file for messages
   * @param metadata free strings; those with other names are ignored
   * @return the settings
   * @throws EqvaeException.Argument if a value is not of its type
   */
  public static AutoencoderSettings of(String file, Map<String, String> metadata) {
    try {
      return new AutoencoderSettings(
          integer(metadata.get("norm_num_groups")),
          integer(metadata.get("sample_size")),
          Optional.ofNullable(metadata.get("scaling_factor"))
              .map(
                  s ->
                      new LatentScaling(
                          Double.parseDouble(s),
                          Double.parseDouble(metadata.getOrDefault("shift_factor", "0")),
                          numbers(metadata.getOrDefault("latents_mean", "")),
                          numbers(metadata.getOrDefault("latents_std", "")),
                          positive(metadata.getOrDefault("latents_patch", "1")),
                          Double.parseDouble(metadata.getOrDefault("batch_norm_eps", "0")))),
          Optional.ofNullable(metadata.get("force_upcast")).map(Boolean::parseBoolean),
          Optional.ofNullable(metadata.get("padding_mode")).map(AutoencoderSettings::padding));
    } catch (NumberFormatException | EqvaeException.Argument e) {
      throw new EqvaeException.Argument(
          file + ": the settings beside the tensors are not valid: " + e.getMessage());
    }
  }

  private static String joined(List<Double> values) {
    return values.stream().map(v -> Double.toString(v)).collect(Collectors.joining(","));
  }

  private static List<Double> numbers(String joined) {
    return joined.isEmpty()
        ? List.of()
        : Arrays.stream(joined.split(",")).map(Double::parseDouble).toList();
  }

  private static OptionalInt integer(@Nullable String text) {
    return text == null ? OptionalInt.empty() : OptionalInt.of(positive(text));
  }

  private static int positive(String text) {
    int value = Integer.parseInt(text);
    if (value <= 0) {
      throw new NumberFormatException(text + " is not positive");
    }
    return value;
  }
}
