package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Results;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Eight threads encode through one model: no error, constant memory, and as many images per second
 * as one client with the best batch, measured in turn. For a second here, without comparing rates;
 * {@code -Deqvae.soak.seconds=600 -Deqvae.soak.ch=32 -Deqvae.soak.out=FILE} makes the recorded run.
 */
class SoakTest {
  private static final int CLIENTS = 8;
  private static final int SECONDS = Integer.getInteger("eqvae.soak.seconds", 1);
  private static final int CH = Integer.getInteger("eqvae.soak.ch", 8);
  private static final int SIDE = Integer.getInteger("eqvae.soak.side", 64);
  private static final int LONG = 60;

  @TempDir Path folder;

  /** Rounds of the long run: each is compared with a single client measured directly before. */
  private static final int ROUNDS = SECONDS < LONG ? 1 : 11;

  /** How a single client works. */
  private record Setting(int sessions, int batch) {}

  @Test
  void eightThreadsEncodeAsFastAsTheBestSingleClient() throws Exception {
    Path model = model();
    int cores = Runtime.getRuntime().availableProcessors();
    try (Device device = Device.open("cpu", cores)) {
      Setting best = best(model, device, cores);
      try (Vae vae =
              Vae.load(model, device, VaeOptions.defaults().withSessions(cores).withBatch(1));
          Vae alone =
              Vae.load(
                  model,
                  device,
                  VaeOptions.defaults()
                      .withSessions(best.sessions())
                      .withBatch(Math.max(1, best.batch() / best.sessions())))) {
        Soak soak = new Soak(vae, images());
        soak.run(Math.max(1, SECONDS / 20), true);
        single(alone, best.batch(), 1);
        MemoryStats before = vae.memory();
        long rssBefore = resident();
        double[] ratios = new double[ROUNDS];
        double many = 0;
        double one = 0;
        for (int round = 0; round < ROUNDS; round++) {
          double single = single(alone, best.batch(), Math.max(0.2, SECONDS / 100.0));
          double rate = soak.run((double) SECONDS / ROUNDS, false);
          ratios[round] = rate / single;
          many += rate / ROUNDS;
          one += single / ROUNDS;
        }
        assertEquals(before, vae.memory(), "native memory moved");
        long grown = resident() - rssBefore;
        Arrays.sort(ratios);
        double ratio = ratios[ROUNDS / 2];
        report(many, best, one, ratios, before, grown, cores);
        if (SECONDS >= LONG) {
          assertTrue(ratio >= 0.95, "only " + ratio + " of the best single client " + best);
          assertTrue(grown < 64L << 20, "the process grew by " + grown + " bytes");
        }
      }
    }
  }

  private static Setting best(Path model, Device device, int cores) throws IOException {
    Setting best = new Setting(1, 4);
    if (SECONDS < LONG) {
      return best;
    }
    double most = 0;
    for (int batch : List.of(1, 2, 4, 8, 16)) {
      for (int sessions = 1; sessions <= cores; sessions += Math.max(1, cores - 1)) {
        VaeOptions options =
            VaeOptions.defaults().withSessions(sessions).withBatch(Math.max(1, batch / sessions));
        try (Vae vae = Vae.load(model, device, options)) {
          single(vae, batch, 1);
          double rate = single(vae, batch, 4);
          if (rate > most) {
            most = rate;
            best = new Setting(sessions, batch);
          }
        }
      }
    }
    return best;
  }

  private Path model() throws IOException {
    Path file = folder.resolve("model.safetensors");
    AutoencoderConfig config =
        new AutoencoderConfig(
            3, 3, CH, List.of(1, 2, 4, 4), 2, List.of(), SIDE, 4, 4, CH / 4, true, true);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(config, stream, 1, false)) {
      ModelFile.save(
          file,
          vae.parameters(),
          stream,
          Map.of("norm_num_groups", Integer.toString(CH / 4), "sample_size", "" + SIDE));
    }
    return file;
  }

  private static List<ImageBatch> images() {
    List<ImageBatch> images = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      images.add(TinyModels.images(1, SIDE, SIDE, i));
    }
    return images;
  }

  /** One client that encodes batches, one after the other: images per second. */
  private static double single(Vae vae, int batch, double seconds) {
    ImageBatch images = TinyModels.images(batch, SIDE, SIDE, 1);
    long start = System.nanoTime();
    long done = 0;
    while (System.nanoTime() - start < seconds * 1e9) {
      vae.encode(images);
      done += batch;
    }
    return done / ((System.nanoTime() - start) * 1e-9);
  }

  /** The clients. */
  private record Soak(Vae vae, List<ImageBatch> images) {
    double run(double seconds, boolean first) throws InterruptedException {
      List<float[]> expected = new ArrayList<>();
      for (ImageBatch image : images) {
        expected.add(vae.encode(image).values());
      }
      AtomicLong done = new AtomicLong();
      List<Throwable> failures = new ArrayList<>();
      List<Thread> threads = new ArrayList<>();
      long start = System.nanoTime();
      for (int t = 0; t < CLIENTS; t++) {
        int client = t;
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        while (System.nanoTime() - start < seconds * 1e9) {
                          float[] z = vae.encode(images.get(client)).values();
                          if (!Arrays.equals(z, expected.get(client))) {
                            throw new AssertionError("client " + client + " got other bits");
                          }
                          done.incrementAndGet();
                        }
                      } catch (Throwable e) {
                        synchronized (failures) {
                          failures.add(e);
                        }
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(List.of(), failures);
      assertTrue(first || done.get() >= CLIENTS, "hardly anything was encoded");
      return done.get() / ((System.nanoTime() - start) * 1e-9);
    }
  }

  /** Bytes of the process in memory; 0 where the system does not say. */
  private static long resident() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    System.gc();
    return Files.readAllLines(status).stream()
        .filter(l -> l.startsWith("VmRSS:"))
        .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElse(0);
  }

  private static void report(
      double many,
      Setting best,
      double one,
      double[] ratios,
      MemoryStats memory,
      long grown,
      int cores)
      throws IOException {
    Results.say(
        "eqvae.soak.out",
        "{\"run\": \"soak\", \"ch\": %d, \"side\": %d, \"cores\": %d, \"clients\": %d,"
            + " \"seconds\": %d, \"images_per_second\": %.2f, \"best_single_client\":"
            + " \"%d sessions, batch %d\", \"best_single_client_images_per_second\": %.2f,"
            + " \"ratio_median\": %.4f, \"ratio_min\": %.4f, \"ratio_max\": %.4f,"
            + " \"rounds\": %d, \"native_bytes\": %d,"
            + " \"native_allocations_while_running\": 0, \"resident_bytes_grown\": %d}",
        CH,
        SIDE,
        cores,
        CLIENTS,
        SECONDS,
        many,
        best.sessions(),
        best.batch(),
        one,
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
        ROUNDS,
        memory.liveBytes(),
        grown);
  }
}
