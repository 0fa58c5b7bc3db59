package io.github.eqvae.train.generator;

import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.FeatureGrid;
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

/**
 * Folders of small latents: blobs whose place is their label, as moments with a small deviation.
 */
public final class TinyLatents {
  public static final int CLASSES = 3;
  public static final int CHANNELS = 2;
  public static final int SIDE = 4;
  private static final int SHARD = 20;

  private TinyLatents() {}

  /** What a folder is to be. */
  record Options(
      int images,
      Content content,
      boolean labels,
      boolean flips,
      ShardFormat format,
      double std,
      boolean features,
      int channels,
      int side) {
    static final Options DEFAULT =
        new Options(60, Content.MOMENTS, true, true, ShardFormat.SAFETENSORS, 2);
    static final Options ALIGNED =
        new Options(60, Content.MOMENTS, true, true, ShardFormat.SAFETENSORS, 2, true);

    Options(
        int images,
        Content content,
        boolean labels,
        boolean flips,
        ShardFormat format,
        double std) {
      this(images, content, labels, flips, format, std, false);
    }

    Options(
        int images,
        Content content,
        boolean labels,
        boolean flips,
        ShardFormat format,
        double std,
        boolean features) {
      this(images, content, labels, flips, format, std, features, CHANNELS, SIDE);
    }
  }

  /** Features of 2×2 places, 3 numbers each: which class, turned by a number of the place. */
  static final FeatureGrid GRID =
      new FeatureGrid("toy", "a".repeat(64), "none", Optional.of("timm"), 2, CLASSES);

  static Path aligned(Path parent) throws IOException {
    return folder(parent.resolve("aligned"), Options.ALIGNED);
  }

  /** What a recipe for {@link #aligned} has beside. */
  static List<String> alignment(String... more) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "alignment.coefficient=0.5",
                "alignment.depth=1",
                "alignment.hidden=8",
                "alignment.width=3"));
    settings.addAll(List.of(more));
    return settings;
  }

  public static Path folder(Path parent) throws IOException {
    return folder(parent.resolve("latents"), Options.DEFAULT);
  }

  static Path folder(Path folder, Options o) throws IOException {
    Files.createDirectories(folder);
    int stored = o.content() == Content.MOMENTS ? 2 * o.channels() : o.channels();
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("format", "eqvae-latents");
    settings.put("version", LatentIndex.VERSION);
    settings.put("paths", Map.of("model", "vae", "input", "pictures"));
    settings.put("model", Map.of("weights_sha256", "0123abcd"));
    settings.put("scaling", Map.of("scaling_factor", 1 / o.std(), "shift_factor", 0.0));
    settings.put("content", o.content().name().toLowerCase(java.util.Locale.ROOT));
    settings.put("scaled", false);
    settings.put("shape", List.of(stored, o.side(), o.side()));
    settings.put("labels", o.labels());
    settings.put("classes", o.labels() ? List.of("left", "right", "top") : List.of());
    if (o.features()) {
      settings.put(FeatureGrid.KEY, GRID.toMap());
    }
    LatentIndex index = LatentIndex.open(folder, settings, true);
    Random random = new Random(3);
    for (int s = 0; s * SHARD < o.images(); s++) {
      int n = Math.min(SHARD, o.images() - s * SHARD);
      write(folder, index, s, n, stored, o, random);
    }
    index.write(true);
    return folder;
  }

  private static void write(
      Path folder, LatentIndex index, int s, int n, int stored, Options o, Random random)
      throws IOException {
    int side = o.side();
    int pixels = side * side;
    float[] values = new float[n * stored * pixels];
    float[] mirrored = new float[values.length];
    long[] labels = new long[n];
    List<String> names = new ArrayList<>();
    double[] sum = new double[o.channels()];
    double[] squares = new double[o.channels()];
    for (int i = 0; i < n; i++) {
      labels[i] = random.nextInt(CLASSES);
      names.add("image-" + (s * SHARD + i));
      for (int k = 0; k < stored * pixels; k++) {
        int at = i * stored * pixels + k;
        int p = k % pixels;
        boolean deviation = k / pixels >= o.channels();
        boolean bright = bright((int) labels[i], p, side);
        values[at] =
            (float)
                (deviation
                    ? 0.1 * o.std()
                    : o.std() * ((bright ? 1 : -1) + 0.1 * random.nextGaussian()));
        if (!deviation) {
          sum[k / pixels] += values[at];
          squares[k / pixels] += values[at] * values[at];
        }
        mirrored[at - p + p / side * side + side - 1 - p % side] = values[at];
      }
    }
    long[] shape = {n, stored, side, side};
    Map<String, Shard.Values> arrays = new LinkedHashMap<>();
    arrays.put(o.content().key(), new Shard.Values(values, new int[0], shape));
    if (o.flips()) {
      arrays.put(o.content().key() + Shard.FLIP, new Shard.Values(mirrored, new int[0], shape));
    }
    if (o.features()) {
      arrays.put(FeatureGrid.KEY, features(labels, false));
      arrays.put(FeatureGrid.KEY + Shard.FLIP, features(labels, true));
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
            name,
            Files.size(file),
            s,
            n,
            0,
            list(sum),
            list(squares),
            (long) n * pixels,
            List.of(),
            List.of(),
            null));
  }

  /** Whether a pixel of a latent of this class is about 1, and not −1, for the network. */
  static boolean bright(int label, int pixel, int side) {
    return switch (label) {
      case 0 -> pixel % side < side / 2;
      case 1 -> pixel % side >= side / 2;
      default -> pixel / side < side / 2;
    };
  }

  private static Shard.Values features(long[] labels, boolean mirrored) {
    int places = GRID.side() * GRID.side();
    float[] values = new float[labels.length * places * GRID.width()];
    for (int i = 0; i < labels.length; i++) {
      boolean swaps = mirrored && labels[i] < 2; // what was left is right
      int label = (int) (swaps ? 1 - labels[i] : labels[i]);
      for (int p = 0; p < places; p++) {
        values[(i * places + p) * GRID.width() + label] = p % 2 == 0 ? 2 : -3;
      }
    }
    long[] shape = {labels.length, GRID.side(), GRID.side(), GRID.width()};
    return new Shard.Values(values, new int[0], shape);
  }

  private static List<Double> list(double... values) {
    return java.util.Arrays.stream(values).boxed().toList();
  }

  /** A recipe with everything that has state: average, accumulation, clipping, hidden labels. */
  public static String recipe(Path latents, int steps, int saveEvery) {
    return """
    task: generator
    model:
      kind: dit
      width: 16
      depth: 2
      heads: 2
      patch: 2
      channels: 2
      side: 4
      classes: 3
      class_dropout: 0.2
    data:
      path: %s
      validation: 8
    optimizer:
      learning_rate: 2e-3
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
      steps: 4
      guidance: 1.5
    """
        .formatted(latents, steps, saveEvery);
  }

  /** The same network taught as SiT, with LightningDiT's block and losses. */
  static List<String> lightning() {
    return List.of("model.kind=lightningdit", "model.qk_norm=true");
  }
}
