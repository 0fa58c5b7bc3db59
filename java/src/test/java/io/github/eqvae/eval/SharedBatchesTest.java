package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.TestRanks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranks compute batches in turn, and the first has the figures of one rank, bit for bit. */
class SharedBatchesTest {
  private static final int SIDE = 16;
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(1, 1, 4, List.of(1, 2), 1, List.of(), SIDE, 2, 2, 2, true, false);

  @TempDir Path folder;

  private Path parts() {
    return folder.resolve("figures.json.parts");
  }

  /** Everything that can be printed of an evaluation, with all digits. */
  private static String figures(Evaluation e) {
    List<Object> all = new ArrayList<>(List.of(e.images(), e.psnr(), e.ssim()));
    all.add(e.rotationErrors());
    all.add(e.scaleErrors());
    all.add(e.statistics().mean());
    all.add(e.statistics().std());
    all.add(Arrays.toString(e.spectrum().shares()));
    all.add(e.spectrumDivergence());
    all.add(e.intrinsicDimension());
    return all.toString();
  }

  private static Optional<String> evaluate(SharedBatches shared) {
    Random random = new Random(4);
    float[] x = new float[13 * SIDE * SIDE];
    for (int i = 0; i < x.length; i++) {
      x[i] = 2 * random.nextFloat() - 1;
    }
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(CONFIG, stream, 1, false);
        Evaluator evaluator = new Evaluator(vae, null, stream)) {
      evaluator.samplePosterior(3);
      ArrayBatches batches = new ArrayBatches(x, 13, SIDE * SIDE, 2);
      return evaluator
          .measure(batches, SIDE, List.of(90), List.of(0.5), ReconstructionDistances.NONE, shared)
          .map(SharedBatchesTest::figures);
    }
  }

  @Test
  void figuresOfAnAutoencoderAreThoseOfOneRank() throws Exception {
    String one = evaluate(SharedBatches.ALONE).orElseThrow();
    List<Optional<String>> all =
        TestRanks.run(3, ranks -> evaluate(new SharedBatches(ranks, Optional.of(parts()))));
    assertEquals(List.of(Optional.of(one), Optional.empty(), Optional.empty()), all);
    // They are all there: another process, which ends the same command, computes nothing.
    SharedBatches rest = new SharedBatches(Communicator.alone(), Optional.of(parts()));
    assertEquals(one, evaluate(rest).orElseThrow());
    assertEquals(7, parts().toFile().list().length);
    rest.finish();
    assertFalse(Files.exists(parts()));
  }

  /** Counts how often it is asked. */
  private static final class Sums implements ImageFeatures {
    private final AtomicInteger calls;
    private final int limit;

    Sums(AtomicInteger calls, int limit) {
      this.calls = calls;
      this.limit = limit;
    }

    @Override
    public Protocol protocol() {
      return Protocol.ADM;
    }

    @Override
    public String name() {
      return "sums of pixels";
    }

    @Override
    public int size() {
      return 2;
    }

    @Override
    public int classes() {
      return 3;
    }

    @Override
    public Values of(List<Image> images) {
      if (calls.incrementAndGet() > limit) {
        throw new EqvaeException.Environment("killed");
      }
      float[] pooled = new float[2 * images.size()];
      float[] logits = new float[3 * images.size()];
      for (int i = 0; i < images.size(); i++) {
        byte[] data = images.get(i).data();
        for (int k = 0; k < data.length; k++) {
          pooled[2 * i + k % 2] += data[k] / 3f;
          logits[3 * i + k % 3] += data[k] / 70f;
        }
      }
      return new Values(pooled, new float[0], logits);
    }

    @Override
    public void close() {}
  }

  private static List<Image> pictures(int seed) {
    Random random = new Random(seed);
    List<Image> all = new ArrayList<>();
    for (int i = 0; i < 21; i++) {
      byte[] data = new byte[12];
      random.nextBytes(data);
      all.add(new Image(2, 2, 3, data));
    }
    return all;
  }

  private static double[] features(
      SharedBatches shared, AtomicInteger calls, int limit, List<Image> pictures) throws Exception {
    shared.begin(Map.of("network", "sums"));
    try (Sums network = new Sums(calls, limit);
        FeatureSet set = new FeatureSet(network, 2, shared)) {
      for (Image each : pictures) {
        set.add(each);
      }
      set.run();
      assertEquals(21, set.count());
      if (!shared.isFirst()) {
        return new double[0];
      }
      GaussianStatistics s = set.pooled();
      FeatureRows rows = set.features().orElseThrow();
      assertEquals(21, rows.rows());
      return new double[] {
        s.mean()[0],
        s.mean()[1],
        s.covariance()[0],
        s.covariance()[1],
        s.covariance()[3],
        set.score().orElseThrow().mean(),
        rows.read(20, 1)[0]
      };
    }
  }

  /** A rank is gone in the middle; the same command then computes only what is missing. */
  @Test
  void whatWasComputedBeforeARankWasKilledIsNotComputedAgain() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    double[] one = features(SharedBatches.ALONE, calls, 100, pictures(1));
    assertEquals(11, calls.get());
    AtomicInteger killed = new AtomicInteger();
    assertThrows(
        EqvaeException.class,
        () ->
            TestRanks.run(
                3,
                ranks -> {
                  SharedBatches shared = new SharedBatches(ranks, Optional.of(parts()));
                  int limit = ranks.rank() == 1 ? 2 : 100;
                  AtomicInteger own = ranks.rank() == 1 ? new AtomicInteger() : killed;
                  return features(shared, own, limit, pictures(1));
                }));
    assertEquals(6, parts().toFile().list().length); // two rounds
    AtomicInteger rest = new AtomicInteger();
    List<double[]> all =
        TestRanks.run(
            2,
            ranks -> {
              SharedBatches shared = new SharedBatches(ranks, Optional.of(parts()));
              return features(shared, rest, 100, pictures(1));
            });
    assertArrayEquals(one, all.getFirst());
    assertEquals(5, rest.get());
    // Other pictures have other results.
    AtomicInteger others = new AtomicInteger();
    SharedBatches alone = new SharedBatches(Communicator.alone(), Optional.of(parts()));
    features(alone, others, 100, pictures(2));
    assertEquals(11, others.get());
  }

  @Test
  void ranksThatReadOtherPicturesAreRefused() {
    EqvaeException refused =
        assertThrows(
            EqvaeException.class,
            () ->
                TestRanks.run(
                    2,
                    ranks -> {
                      SharedBatches shared = new SharedBatches(ranks, Optional.empty());
                      AtomicInteger calls = new AtomicInteger();
                      return features(shared, calls, 100, pictures(ranks.rank()));
                    }));
    assertTrue(refused.getMessage().contains("rank 1 reads other images"), refused.getMessage());
  }

  @Test
  void aDamagedResultIsRefused() {
    byte[] good = PackedArrays.pack(new float[] {1, 2}, new int[] {3}, new double[] {4});
    Object[] back = PackedArrays.unpack(good);
    assertArrayEquals(new float[] {1, 2}, (float[]) back[0]);
    assertArrayEquals(new int[] {3}, (int[]) back[1]);
    assertArrayEquals(new double[] {4}, (double[]) back[2]);
    for (int length = 1; length < good.length; length++) {
      byte[] cut = Arrays.copyOf(good, length);
      if (length != 16 && length != 28) { // the ends of arrays
        assertThrows(EqvaeException.Environment.class, () -> PackedArrays.unpack(cut));
      }
    }
  }
}
