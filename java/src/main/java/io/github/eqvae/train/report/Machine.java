package io.github.eqvae.train.report;

import io.github.eqvae.tensor.DeviceInfo;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The machine that computed the figures: times mean nothing without it, and the last bits depend on
 * it.
 *
 * @param device the recipe's name for it, such as {@code cpu}
 * @param processor its name; of a CPU with the threads that compute
 * @param detail instruction set and library versions
 * @param threads CPU threads or multiprocessors
 * @param limit what {@code ONEDNN_MAX_CPU_ISA} limits oneDNN to; empty if it is not set
 */
public record Machine(
    String device, String processor, String detail, int threads, Optional<String> limit) {

  /**
   * The machine of a device.
   *
   * @param device the recipe's name for it
   * @param info what it is
   * @return the machine
   */
  public static Machine of(String device, DeviceInfo info) {
    return new Machine(
        device,
        info.name(),
        info.detail(),
        info.threads(),
        Optional.ofNullable(System.getenv("ONEDNN_MAX_CPU_ISA")).filter(s -> !s.isBlank()));
  }

  /**
   * For people.
   *
   * @return one line
   */
  public String text() {
    return processor + ", " + detail + limit.map(l -> ", oneDNN limited to " + l).orElse("");
  }

  /**
   * For programs.
   *
   * @return values by name
   */
  public Map<String, Object> json() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("device", device);
    map.put("processor", processor);
    map.put("detail", detail);
    map.put("threads", threads);
    limit.ifPresent(l -> map.put("onednn_max_cpu_isa", l));
    return map;
  }
}
