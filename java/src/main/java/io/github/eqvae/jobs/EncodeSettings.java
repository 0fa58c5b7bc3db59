package io.github.eqvae.jobs;

import io.github.eqvae.data.SampleSource;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.EncodedPictures;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.latents.MomentsKind;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.serve.Tiling;
import io.github.eqvae.serve.Vae;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The settings that an {@link EncodeJob} writes into the index, and compares when it continues. */
final class EncodeSettings {
  private EncodeSettings() {}

  /** What ranks that encode together must have the same of. Their paths may differ. */
  static Map<String, String> lines(Map<String, Object> settings, long images) {
    Map<String, String> lines = new LinkedHashMap<>();
    settings.forEach(
        (key, value) -> {
          if (!key.equals("paths")) {
            lines.put(key, String.valueOf(value));
          }
        });
    lines.put("number of pictures", Long.toString(images));
    return lines;
  }

  /** All settings that the bits of the shards depend on. */
  static Map<String, Object> of(
      Path model,
      Vae vae,
      Optional<PatchFeatures> features,
      Path input,
      SampleSource source,
      EncodeOptions o,
      Optional<Tiling> tiling) {
    int side = o.size() / vae.downsamplingFactor();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("format", "eqvae-latents");
    map.put("version", LatentIndex.VERSION);
    map.put("paths", EncodedPictures.paths(model, input));
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("weights_sha256", vae.weightsHash());
    m.put("downsampling_factor", vae.downsamplingFactor());
    m.put("latent_channels", vae.latentChannels());
    m.put("codebook_size", vae.codebookSize());
    map.put("model", m);
    map.put("scaling", vae.scaling().map(EncodeSettings::scaling).orElse(null));
    map.put("content", o.content().name().toLowerCase(Locale.ROOT));
    if (o.content() == Content.MOMENTS) {
      map.put(MomentsKind.KEY, MomentsKind.STD.text());
    }
    map.put("scaled", o.scaled());
    map.put("seed", o.seed());
    map.putAll(EncodedPictures.of(o.square()));
    map.put("hflip", o.hflip());
    map.put("tile", tiling.map(Tiling::size).orElse(null)); // tiles change the rounding
    map.put("file_format", o.format().extension());
    map.put("dtype", o.content() == Content.CODES ? "int32" : "float32");
    map.put(
        "shape",
        switch (o.content()) {
          case CODES -> List.of(side, side);
          case MOMENTS -> List.of(2 * vae.latentChannels(), side, side);
          default -> shape(vae, o, side);
        });
    map.put(FeatureGrid.KEY, features.map(f -> FeatureGrid.of(f).toMap()).orElse(null));
    map.put("shard_size", o.shardSize());
    map.put("labels", o.labels() && source.isLabelled());
    map.put("classes", o.labels() ? source.classes() : List.of());
    map.put(EncodedPictures.HASH, source.sha256());
    return map;
  }

  /** The shape of latents; scaling may pack patches into channels. */
  private static List<Integer> shape(Vae vae, EncodeOptions o, int side) {
    int patch = o.scaled() ? vae.scaling().map(LatentScaling::patch).orElse(1) : 1;
    return List.of(vae.latentChannels() * patch * patch, side / patch, side / patch);
  }

  private static @Nullable Map<String, Object> scaling(LatentScaling s) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("scaling_factor", s.scalingFactor());
    out.put("shift_factor", s.shiftFactor());
    if (!s.mean().isEmpty()) {
      out.put("latents_mean", s.mean());
      out.put("latents_std", s.std());
      if (s.gathers()) {
        out.put("patch", s.patch());
        out.put("batch_norm_eps", s.eps());
      }
    }
    return out;
  }
}
