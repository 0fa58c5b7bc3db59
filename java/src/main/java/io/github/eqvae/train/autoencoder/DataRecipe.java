package io.github.eqvae.train.autoencoder;

import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code data}: which images, and how they are cut to size.
 *
 * <p>Defaults follow the data class of the released EQ-VAE code ({@code
 * zelaki/eqvae:train_eqvae/ldm/data/dataset.py}): a random square crop whose side is 0.5 to 1 times
 * the shorter side, resized to the resolution, no flip.
 *
 * @param kind where images come from; default {@code image_folder}. Source: ours: released code
 *     reads one folder, too
 * @param path the folder, or the IDX image file (plain or .gz); relative paths are relative to the
 *     working directory; required
 * @param resolution side of a training image, in pixels; default {@code model.resolution}. Source:
 *     released: both are 256 in eqvae_config.yaml
 * @param channels 1 (gray) or 3 (RGB); default {@code model.in_channels}. Source: ours: the
 *     network's input
 * @param crop which square of a training image is used; default {@code random}. Held-out images are
 *     always cut at the centre, so that validations can be compared: as by {@code center}, or by
 *     {@code adm} or {@code torchvision} if one of these is set. Source: released:
 *     ldm/data/dataset.py
 * @param cropMin {@code crop_min}: smallest side of a random crop, as a share of the shorter side;
 *     default 0.5. Source: released: ldm/data/dataset.py
 * @param alpha how transparency is handled: {@code drop} ignores the alpha channel and keeps the
 *     colours, {@code white} and {@code black} put the picture on a background; default {@code
 *     drop}. Source: released: {@code convert("RGB")}
 * @param orientation {@code exif} turns pictures upright, {@code stored} does not; default {@code
 *     exif}. Source: ours: pictures are upright for people; released: stored
 * @param hflip mirror half of the training images left to right; default false. Source: released:
 *     ldm/data/dataset.py has no flip
 * @param pad zero pixels (black) added on every side before anything else; default 0.
 *     Fashion-MNIST's 28 become 32 with 2. Source: ours: off
 * @param validation number of images held out from training, chosen by the seed; default 512; 0
 *     holds none out. Source: ours: enough for stable figures; released: a folder for validation
 * @param validationPath {@code validation_path}: a second source of the same kind. All its images
 *     are held out, in place of {@code validation}. Use it for pictures that were cut from few
 *     photographs: a random split would put pieces of one photograph on both sides; default none.
 *     Source: ours: a random split needs no second folder
 * @param shrink pictures whose shorter side is longer than this, in pixels, are first resized to it
 *     by area; default 0: never. Source: ours: off, as it changes bits
 * @param cacheMegabytes {@code cache_megabytes}: memory for decoded (and shrunk) pictures, so that
 *     photographs need not be decoded in every epoch; default 0. Source: ours: off
 * @param cacheLatentsMegabytes {@code cache_latents_megabytes}: memory for the latents of a frozen
 *     encoder ({@code model.freeze: encoder}), so that each picture is encoded once. Not allowed
 *     with random crops or mirroring, with which pictures change in every epoch; default 0. Source:
 *     ours: off
 * @param workers number of threads that decode ahead of the training step; default 2. Source: ours:
 *     enough for two cores
 */
public record DataRecipe(
    Kind kind,
    Path path,
    int resolution,
    int channels,
    Crop crop,
    double cropMin,
    DecodeOptions.Alpha alpha,
    DecodeOptions.Orientation orientation,
    boolean hflip,
    int pad,
    int validation,
    Optional<Path> validationPath,
    int shrink,
    int cacheMegabytes,
    int cacheLatentsMegabytes,
    int workers) {

  /** Bytes for latents that are kept, 0 for none. */
  long latentsCacheBytes() {
    return (long) cacheLatentsMegabytes << 20;
  }

  /** Kinds of image sources. */
  public enum Kind {
    /** A directory of image files, read recursively. */
    IMAGE_FOLDER,
    /** One IDX file of unsigned bytes, as MNIST and Fashion-MNIST come. */
    IDX
  }

  /** Which square of a training image is used. */
  public enum Crop {
    /** A square of random side and place. */
    RANDOM,
    /** The largest square around the centre. */
    CENTER,
    /** ADM's centre crop, as DiT and SiT prepare ImageNet. */
    ADM,
    /** {@code Resize} and {@code CenterCrop} of torchvision. */
    TORCHVISION;

    /** Whether the bits are those of a pipeline that decodes with Pillow. */
    boolean isPillows() {
      return this == ADM || this == TORCHVISION;
    }
  }

  static DataRecipe read(RecipeFields in, ModelRecipe model) {
    return new DataRecipe(
        in.choice("kind", Kind.IMAGE_FOLDER),
        in.requiredPath("path", "the folder or the IDX file with the training images"),
        in.integer("resolution", model.resolution(), 8, 8192),
        in.integer("channels", model.inChannels(), 1, 3),
        in.choice("crop", Crop.RANDOM),
        in.number("crop_min", 0.5, new Range(0, false, 1, true)),
        in.choice("alpha", DecodeOptions.DEFAULT.alpha()),
        in.choice("orientation", DecodeOptions.DEFAULT.orientation()),
        in.flag("hflip", false),
        in.integer("pad", 0, 0, 1024),
        in.integer("validation", 512, 0, Integer.MAX_VALUE),
        in.optionalPath("validation_path"),
        in.integer("shrink", 0, 0, 1 << 16),
        in.integer("cache_megabytes", 0, 0, 1 << 20),
        in.integer("cache_latents_megabytes", 0, 0, 1 << 20),
        in.integer("workers", 2, 1, 256));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("path", path.toString());
    map.put("resolution", resolution);
    map.put("channels", channels);
    map.put("crop", RecipeFields.name(crop));
    map.put("crop_min", cropMin);
    map.put("alpha", RecipeFields.name(alpha));
    map.put("orientation", RecipeFields.name(orientation));
    map.put("hflip", hflip);
    map.put("pad", pad);
    map.put("validation", validation);
    map.put("validation_path", validationPath.map(Path::toString));
    map.put("shrink", shrink);
    map.put("cache_megabytes", cacheMegabytes);
    map.put("cache_latents_megabytes", cacheLatentsMegabytes);
    map.put("workers", workers);
    return map;
  }

  /** How pictures are decoded: for crops with Pillow's bits as Pillow does. */
  DecodeOptions decode() {
    return new DecodeOptions(
        DecodeOptions.DEFAULT.maxPixels(),
        alpha,
        crop.isPillows() ? DecodeOptions.Depth.PILLOW : DecodeOptions.Depth.ROUND,
        orientation);
  }
}
