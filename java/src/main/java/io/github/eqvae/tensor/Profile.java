package io.github.eqvae.tensor;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Where the time of a device goes: one row for each operation and one for each of its kernels, as
 * {@link Profiler} measured them.
 *
 * @param device what was measured
 * @param seconds from the beginning to the reading, by the clock on the wall
 * @param rows operations and kernels, the longest first
 */
public record Profile(String device, double seconds, List<Row> rows) {
  private static final double GIGA = 1e9;

  /** What products are computed in. */
  public enum Arithmetic {
    /** Single precision (on the device {@code ref}: double). */
    FP32,
    /** Factors rounded to TF32, on tensor cores. */
    TF32,
    /** Factors in bf16: activations on tensor cores, or rounded by a processor. */
    BF16
  }

  /**
   * An operation, or one kernel of it.
   *
   * @param operation its name in {@code eqv.h}, without {@code eqv_} and {@code _fwd}; also {@code
   *     copy_in}, {@code copy_out} and {@code graph_launch}
   * @param kernel the kernel's name; empty for the operation itself
   * @param arithmetic what it computes in
   * @param calls how often it ran
   * @param seconds all calls together
   * @param bytes all tensors of all calls, each once; twice if it is read and written again
   * @param flops multiplications and additions of products: of convolutions, linear layers,
   *     attention and the search of codes, else 0. A kernel has the bytes and flops of those calls
   *     in which it was the only one.
   */
  public record Row(
      String operation,
      String kernel,
      Arithmetic arithmetic,
      long calls,
      double seconds,
      double bytes,
      double flops) {
    /**
     * The time that the device needs at least, as a share of the time that it took.
     *
     * @param ceilings what the device can do
     * @return at most about 1, or 0 if that is unknown; more than 1 if tensors were in the cache or
     *     an algorithm needs fewer products
     */
    public double ofCeiling(Ceilings ceilings) {
      double peak = ceilings.flopsPerSecond(arithmetic);
      double memory = ceilings.bytesPerSecond() > 0 ? bytes / ceilings.bytesPerSecond() : 0;
      double products = peak > 0 ? flops / peak : 0;
      return seconds > 0 ? Math.max(memory, products) / seconds : 0;
    }

    private String name() {
      String name = kernel.isEmpty() ? operation : operation + ": " + kernel;
      return arithmetic == Arithmetic.FP32
          ? name
          : name + " (" + arithmetic.name().toLowerCase(Locale.ROOT) + ")";
    }
  }

  /** Sorts the rows. */
  public Profile {
    rows = rows.stream().sorted(Comparator.comparingDouble(Row::seconds).reversed()).toList();
  }

  /**
   * The rows of operations.
   *
   * @return the longest first
   */
  public List<Row> operations() {
    return rows.stream().filter(r -> r.kernel().isEmpty()).toList();
  }

  /**
   * The rows of kernels. On a processor these are the primitives of oneDNN and Winograd's
   * algorithm; other operations have none.
   *
   * @return the longest first
   */
  public List<Row> kernels() {
    return rows.stream().filter(r -> !r.kernel().isEmpty()).toList();
  }

  /**
   * The table for people: operations, then kernels.
   *
   * @param ceilings what the device can do
   * @return lines
   */
  public String text(Ceilings ceilings) {
    List<String[]> lines = new ArrayList<>();
    operations().forEach(row -> lines.add(line(row, ceilings)));
    double inside = operations().stream().mapToDouble(Row::seconds).sum();
    if (inside < seconds) {
      lines.add(line("(between operations)", "", seconds - inside, "", "", ""));
    }
    String head = String.format(Locale.ROOT, "profile of %.3f s on %s\n", seconds, device);
    String kernels =
        kernels().isEmpty()
            ? ""
            : "\n\n"
                + table(
                    "operation: kernel", kernels().stream().map(r -> line(r, ceilings)).toList());
    return head + ceilings.text() + "\n" + table("operation", lines) + kernels;
  }

  private static String table(String what, List<String[]> lines) {
    List<String[]> all = new ArrayList<>();
    all.add(new String[] {what, "calls", "total ms", "share", "GB/s", "GFLOP/s", "ceiling"});
    all.addAll(lines);
    int width = all.stream().mapToInt(l -> l[0].length()).max().orElse(0);
    String format = "%-" + width + "s %8s %11s %7s %8s %9s %8s";
    return all.stream()
        .map(l -> String.format(Locale.ROOT, format, (Object[]) l).stripTrailing())
        .collect(Collectors.joining("\n"));
  }

  private String[] line(Row row, Ceilings ceilings) {
    double reached = row.ofCeiling(ceilings);
    return line(
        row.name(),
        Long.toString(row.calls()),
        row.seconds(),
        rate(row.bytes(), row.seconds()),
        rate(row.flops(), row.seconds()),
        reached > 0 ? String.format(Locale.ROOT, "%.0f %%", 100 * reached) : "");
  }

  private String[] line(
      String name, String calls, double time, String bytes, String flops, String ceiling) {
    return new String[] {
      name,
      calls,
      String.format(Locale.ROOT, "%.2f", 1e3 * time),
      String.format(Locale.ROOT, "%.1f %%", 100 * time / seconds),
      bytes,
      flops,
      ceiling
    };
  }

  private static String rate(double amount, double time) {
    return amount > 0 && time > 0 ? String.format(Locale.ROOT, "%.1f", amount / time / GIGA) : "";
  }
}
