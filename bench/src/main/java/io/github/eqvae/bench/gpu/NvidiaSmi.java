package io.github.eqvae.bench.gpu;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** What the driver's own tool says of the first GPU. It only reads: clocks are left as they are. */
final class NvidiaSmi {
  private NvidiaSmi() {}

  static String driver() {
    return query("name,driver_version,clocks.max.sm,power.limit");
  }

  /** Clocks in MHz, watts, degrees, and why clocks are lower than they could be. */
  static String state() {
    return query("clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_event_reasons.active");
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
      return new String(p.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
          .strip();
    } catch (IOException e) {
      return "no nvidia-smi";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "interrupted";
    }
  }
}
