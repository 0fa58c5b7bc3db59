package io.github.eqvae.bench.gpu;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What the driver's own tool says of the first GPU. It only reads: clocks are left as they are. One
 * process reports again and again, since each start takes a good part of a second.
 */
final class NvidiaSmi implements AutoCloseable {
  private static final String MILLISECONDS = "200";

  private final Process process;
  private volatile String last = "";

  private NvidiaSmi(Process process) {
    this.process = process;
    Thread reader = new Thread(this::read, "nvidia-smi");
    reader.setDaemon(true);
    reader.start();
  }

  static String driver() {
    return query("name,driver_version,clocks.max.sm,power.limit");
  }

  /**
   * Starts to sample clocks in MHz, watts, degrees, and why clocks are lower than they could be.
   *
   * @return the sampler; one that says nothing where there is no nvidia-smi
   */
  static NvidiaSmi sampler() {
    return sampler(
        List.of(
            "nvidia-smi",
            "--id=0",
            "--query-gpu=clocks.sm,clocks.mem,power.draw,temperature.gpu,"
                + "clocks_event_reasons.active",
            "--format=csv,noheader",
            "--loop-ms=" + MILLISECONDS));
  }

  static NvidiaSmi sampler(List<String> command) {
    try {
      return new NvidiaSmi(new ProcessBuilder(command).redirectErrorStream(true).start());
    } catch (IOException e) {
      return none();
    }
  }

  /** One for devices that are no GPU. */
  static NvidiaSmi none() {
    return new NvidiaSmi(null);
  }

  private void read() {
    if (process == null) {
      return;
    }
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        last = line.strip();
      }
    } catch (IOException e) {
      last = "nvidia-smi does not answer";
    }
  }

  /** The newest sample; empty before the first one. */
  String state() {
    return last;
  }

  @Override
  public void close() {
    if (process != null) {
      process.destroy();
    }
  }

  private static String query(String fields) {
    try {
      Process p =
          new ProcessBuilder(
                  "nvidia-smi", "--id=0", "--query-gpu=" + fields, "--format=csv,noheader")
              .redirectErrorStream(true)
              .start();
      if (!p.waitFor(10, TimeUnit.SECONDS)) {
        p.destroyForcibly();
        return "nvidia-smi does not answer";
      }
      return new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      return "no nvidia-smi";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }
}
