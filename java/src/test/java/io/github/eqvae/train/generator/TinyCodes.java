package io.github.eqvae.train.generator;

import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.latents.Shard;
import io.github.eqvae.latents.ShardFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Folders of codes: one half of a picture has even codes, the other odd; the label says which. */
public final class TinyCodes {
  public static final int CLASSES = 2;
  public static final int SIDE = 4;
  public static final int CODES = 6;
  private static final int SHARD = 20;

  private TinyCodes() {}

  /** What a folder is to be. */
  record Options(int images, int codebook, boolean labels, boolean flips, ShardFormat format) {
    static final Options DEFAULT = new Options(60, CODES, true, true, ShardFormat.SAFETENSORS);
  }

  public static Path folder(Path parent) throws IOException {
    return folder(parent.resolve("codes"), Options.DEFAULT, "vae", "0123abcd");
  }

  static Path folder(Path folder, Options o, String model, String hash) throws IOException {
    Files.createDirectories(folder);
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("format", "eqvae-latents");
    settings.put("version", LatentIndex.VERSION);
    settings.put("paths", Map.of("model", model, "input", "pictures"));
    settings.put("model", Map.of("weights_sha256", hash, "codebook_size", o.codebook()));
    settings.put("content", "codes");
    settings.put("scaled", false);
    settings.put("shape", List.of(SIDE, SIDE));
    settings.put("labels", o.labels());
    settings.put("classes", o.labels() ? List.of("even", "odd") : List.of());
    LatentIndex index = LatentIndex.open(folder, settings, true);
    Random random = new Random(3);
    for (int s = 0; s * SHARD < o.images(); s++) {
      write(folder, index, s, Math.min(SHARD, o.images() - s * SHARD), o, random);
    }
    index.write(true);
    return folder;
  }

  private static void write(Path folder, LatentIndex index, int s, int n, Options o, Random random)
      throws IOException {
    int tokens = SIDE * SIDE;
    int[] codes = new int[n * tokens];
    int[] mirrored = new int[codes.length];
    long[] labels = new long[n];
    List<String> names = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      labels[i] = random.nextInt(CLASSES);
      names.add("image-" + (s * SHARD + i));
      int which = random.nextInt(o.codebook() / 2);
      for (int t = 0; t < tokens; t++) {
        boolean upper = t / SIDE < SIDE / 2;
        codes[i * tokens + t] = 2 * which + (upper == (labels[i] == 0) ? 0 : 1);
        mirrored[i * tokens + t / SIDE * SIDE + SIDE - 1 - t % SIDE] = codes[i * tokens + t];
      }
    }
    long[] shape = {n, SIDE, SIDE};
    Map<String, Shard.Values> arrays = new LinkedHashMap<>();
    arrays.put(Content.CODES.key(), new Shard.Values(new float[0], codes, shape));
    if (o.flips()) {
      arrays.put(Content.CODES.key() + Shard.FLIP, new Shard.Values(new float[0], mirrored, shape));
    }
    String name = "latents-%05d.%s".formatted(s, o.format().extension());
    Path file = folder.resolve(name);
    o.format()
        .write(
            file,
            new Shard(
                names,
                names,
                o.labels() ? Optional.of(labels) : Optional.empty(),
                arrays,
                Optional.empty()));
    index.add(
        new LatentIndex.Entry(
            name, Files.size(file), s, n, 0, List.of(), List.of(), 0, List.of(), List.of(), null));
  }

  /** A recipe with everything that has state: average, accumulation, dropout, hidden labels. */
  public static String recipe(Path codes, int steps, int saveEvery) {
    return """
    task: maskgit
    model:
      width: 16
      depth: 2
      heads: 2
      hidden: 32
      codes: 6
      side: 4
      classes: 2
      class_dropout: 0.2
      dropout: 0.1
    data:
      path: %s
      validation: 8
    optimizer:
      learning_rate: 5e-3
      gradient_clip: 1.0
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
    samples:
      count: 6
      steps: 3
      guidance: 1
      batch: 4
    """
        .formatted(codes, steps, saveEvery);
  }
}
