package io.github.eqvae.serve;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.VqConfig;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;

/** Checkpoints of small autoencoders with random weights, f4. */
public final class TinyModels {
  private static final Map<String, String> SETTINGS =
      Map.of(
          "norm_num_groups", "4",
          "sample_size", "32",
          "scaling_factor", "0.5",
          "shift_factor", "0.25");

  private TinyModels() {}

  /** RGB, 2 channels of latent, scaled by 0.5 after 0.25 was subtracted. */
  public static Path kl(Path folder) throws IOException {
    return save(folder.resolve("kl.safetensors"), 3, 0, SETTINGS);
  }

  /** The same, scaled as FLUX.2's: a mean and a deviation for each place of a square of 2×2. */
  public static Path squares(Path folder, LatentScaling scaling) throws IOException {
    Map<String, String> settings = new HashMap<>(Map.of("sample_size", "32"));
    settings.putAll(
        new AutoencoderSettings(
                OptionalInt.of(4), OptionalInt.of(32), Optional.of(scaling), Optional.empty())
            .metadata());
    return save(folder.resolve("squares.safetensors"), 3, 0, settings);
  }

  /** The same with 7 codes. */
  public static Path vq(Path folder) throws IOException {
    return save(folder.resolve("vq.safetensors"), 3, 7, SETTINGS);
  }

  /** As {@link #kl}, with attention at full resolution, so that no part of it sees only tiles. */
  public static Path attentive(Path folder) throws IOException {
    return save(folder.resolve("attentive.safetensors"), 3, 0, SETTINGS, List.of(32));
  }

  /** As {@link #kl}, without a word on how it is scaled. */
  public static Path unscaled(Path folder) throws IOException {
    return save(folder.resolve("unscaled.safetensors"), 3, 0, Map.of("norm_num_groups", "4"));
  }

  private static Path save(Path file, int channels, int codes, Map<String, String> settings)
      throws IOException {
    return save(file, channels, codes, settings, List.of());
  }

  private static Path save(
      Path file, int channels, int codes, Map<String, String> settings, List<Integer> attention)
      throws IOException {
    AutoencoderConfig config =
        new AutoencoderConfig(
            channels, channels, 8, List.of(1, 2, 2), 1, attention, 32, 2, 2, 4, true, true);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        Autoencoder model =
            codes == 0
                ? new AutoencoderKl(config, stream, 1, false)
                : new VqModel(
                    new VqConfig(config, codes, VqConfig.BETA, VqConfig.BetaPlacement.LEGACY),
                    stream,
                    1,
                    false)) {
      ModelFile.save(file, model.parameters(), stream, settings);
    }
    return file;
  }

  /** Noise in [−1, 1]. */
  public static ImageBatch images(int count, int height, int width, long seed) {
    Random random = new Random(seed);
    float[] pixels = new float[count * height * width * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = random.nextInt(256) / 127.5f - 1;
    }
    return new ImageBatch(count, height, width, 3, pixels);
  }
}
