package io.github.eqvae.train.autoencoder;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** A run that takes milliseconds per step: 16-pixel gray images of random rectangles. */
public final class TinyRun {
  private static final int IMAGES = 64;
  private static final int SIDE = 16;

  private TinyRun() {}

  /** Writes the images as an IDX file. */
  public static Path images(Path folder) throws IOException {
    Path file = folder.resolve("images.idx");
    Random random = new Random(7);
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(
          ByteBuffer.allocate(16)
              .putInt(0x00000803)
              .putInt(IMAGES)
              .putInt(SIDE)
              .putInt(SIDE)
              .array());
      for (int n = 0; n < IMAGES; n++) {
        byte[] image = new byte[SIDE * SIDE];
        int top = random.nextInt(8);
        int left = random.nextInt(8);
        byte value = (byte) (128 + random.nextInt(128));
        for (int i = top; i < top + 6; i++) {
          for (int j = left; j < left + 6; j++) {
            image[i * SIDE + j] = value;
          }
        }
        out.write(image);
      }
    }
    return file;
  }

  /** Overrides that make the recipe's model a discrete one. */
  public static List<String> discrete() {
    return List.of("model.kind=vq", "model.quantize.n_embed=24", "model.attn_resolutions=[8]");
  }

  /** A recipe with everything that has state: discriminator, average, accumulation, τ per batch. */
  public static String recipe(Path images, int steps, int saveEvery) {
    return """
    model:
      in_channels: 1
      ch: 8
      ch_mult: [1, 2]
      num_res_blocks: 1
      resolution: 16
      z_channels: 2
      embed_dim: 2
      norm_num_groups: 4
      discriminator: {n_layers: 1, ndf: 8}
    data:
      kind: idx
      path: %s
      crop: center
      validation: 16
    objective:
      perceptual_weight: 0
      scaling: none
      gan: {enabled: true, disc_start: 3}
    optimizer:
      kind: adam
      learning_rate: 1e-3
      accumulate: 2
    run:
      steps: %d
      batch_size: 4
      threads: 1
      seed: 5
      ema_decay: 0.9
      save_every: %d
      validate_every: 10
      sample_every: 10
      log_every: 5
      keep: 2
    evaluation:
      images: 16
    """
        .formatted(images, steps, saveEvery);
  }
}
