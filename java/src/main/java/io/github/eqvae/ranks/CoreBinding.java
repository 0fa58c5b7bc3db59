package io.github.eqvae.ranks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Notices that {@code mpirun} has bound this process to a few processors of the machine, which it
 * does by default. Java then sees only those, and takes one thread and its serial collector.
 */
public final class CoreBinding {
  private CoreBinding() {}

  /**
   * Looks at this process.
   *
   * @param environment its variables
   * @return a sentence for people; empty where nothing is bound, or no mpirun did it
   */
  public static Optional<String> notice(Map<String, String> environment) {
    try {
      String status = Files.readString(Path.of("/proc/self/status"));
      String online = Files.readString(Path.of("/sys/devices/system/cpu/online"));
      String allowed =
          status
              .lines()
              .filter(line -> line.startsWith("Cpus_allowed_list:"))
              .map(line -> line.substring(line.indexOf(':') + 1))
              .findFirst()
              .orElse(online);
      return notice(environment, allowed.strip(), online.strip());
    } catch (IOException e) {
      return Optional.empty(); // not on Linux, or hidden in a container
    }
  }

  static Optional<String> notice(Map<String, String> environment, String allowed, String online) {
    int mine = count(allowed);
    if (!environment.containsKey("OMPI_COMM_WORLD_SIZE") || mine == 0 || mine >= count(online)) {
      return Optional.empty();
    }
    return Optional.of(
        "mpirun has bound this process to processor "
            + allowed
            + " of "
            + online
            + ", and Java can use no other. `mpirun --bind-to none` makes all available;"
            + " run.threads says how many are used");
  }

  /** How many numbers a list such as {@code 0-3,8} has; 0 for a text of another form. */
  static int count(String list) {
    int n = 0;
    for (String range : list.split(",")) {
      String[] ends = range.strip().split("-", 2);
      try {
        int from = Integer.parseInt(ends[0]);
        n += (ends.length == 1 ? from : Integer.parseInt(ends[1])) - from + 1;
      } catch (NumberFormatException e) {
        return 0;
      }
    }
    return n;
  }
}
