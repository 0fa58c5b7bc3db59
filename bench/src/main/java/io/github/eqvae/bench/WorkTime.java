package io.github.eqvae.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Time, processor time and memory of a training step, or of a diffusion transformer's forward pass:
 * {@code bench/dit} and {@code bench/bf16} run it, with a process for each peer in turn. It reads
 * {@code /proc}, so it runs on Linux only.
 */
public final class WorkTime {
  private static final int WARM = 2;
  private static final double MIB = 1024; // of kB

  /** The JVM's own threads, which compile and collect. */
  private static final Pattern OF_THE_JVM =
      Pattern.compile("(C1|C2|G1|GC|VM|Common-Cleaner|Signal|Monitor|Reference|Finalizer).*");

  private WorkTime() {}

  /**
   * Prints one line of JSON.
   *
   * @param arguments a {@link Peer}, or {@code EQVAE_BF16} for factors of products rounded to bf16;
   *     {@code demo}, {@code sd-vae-32}, or a transformer; its batch; whether it trains; how many
   *     steps
   * @throws IOException without {@code /proc}
   */
  public static void main(String[] arguments) throws IOException {
    boolean bf16 = arguments[0].equals("EQVAE_BF16");
    Peer peer = bf16 ? Peer.EQVAE : Peer.valueOf(arguments[0]);
    int batch = Integer.parseInt(arguments[2]);
    boolean training = Boolean.parseBoolean(arguments[3]);
    int steps = Integer.parseInt(arguments[4]);
    double before = memory("VmRSS");
    double[] processor = new double[steps];
    double[] wall = new double[steps];
    try (Work work = work(arguments[1], batch, training, peer)) {
      if (bf16) {
        streamOf(work).math(MathMode.BF16);
      }
      for (int i = 0; i < WARM; i++) {
        work.run();
      }
      for (int i = 0; i < steps; i++) {
        long start = System.nanoTime();
        double used = processorMs();
        work.run();
        processor[i] = processorMs() - used;
        wall[i] = (System.nanoTime() - start) / 1e6;
      }
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("peer", arguments[0]);
    line.put("model", arguments[1]);
    line.put("batch", batch);
    line.put("training", training);
    line.put("threads", Peer.threads());
    line.put("processor_ms", processor);
    line.put("wall_ms", wall);
    line.put("processor_ms_least", Arrays.stream(processor).min().orElseThrow());
    line.put("peak_mib", memory("VmHWM") - before); // beyond the JVM with its libraries
    line.put("load", Files.readString(Path.of("/proc/loadavg")).strip());
    System.out.println(new ObjectMapper().writeValueAsString(line));
  }

  private static Work work(String model, int batch, boolean training, Peer peer) {
    return model.contains("/")
        ? DitBenchmark.work(DitSetting.of(model, batch, training), peer)
        : TrainingStepBenchmark.work(StepSetting.of(model, "plain"), peer);
  }

  private static Stream streamOf(Work work) {
    return work instanceof EqvaeDit dit ? dit.stream() : ((EqvaeModelWork) work).stream();
  }

  private static double memory(String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith(name + ":"))
        .mapToDouble(line -> Double.parseDouble(line.replaceAll("\\D", "")) / MIB)
        .findFirst()
        .orElseThrow();
  }

  /** Of all threads that compute. */
  private static double processorMs() throws IOException {
    double sum = 0;
    try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path thread : threads) {
        try {
          if (!OF_THE_JVM.matcher(Files.readString(thread.resolve("comm")).strip()).matches()) {
            String ns = Files.readString(thread.resolve("schedstat")).split(" ")[0];
            sum += Double.parseDouble(ns) / 1e6;
          }
        } catch (NoSuchFileException e) {
          continue; // it has ended
        }
      }
    }
    return sum;
  }
}
