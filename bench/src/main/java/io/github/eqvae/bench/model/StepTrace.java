package io.github.eqvae.bench.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The calls of a step in their order, as the planner writes them with EQV_PROFILE_CALLS. */
final class StepTrace {
  /**
   * A launch.
   *
   * @param kernel the name that the source gives it
   * @param cluster blocks of a cluster
   * @param blocks all blocks
   * @param threads of a block
   * @param shared dynamic shared memory of a block, in bytes
   * @param tileBytes what blocks read as tiles for products of warpgroups, through the shared cache
   * @param tileCopies the copies that bring them
   */
  record Launch(
      String kernel,
      int cluster,
      long blocks,
      int threads,
      long shared,
      long tileBytes,
      long tileCopies) {}

  /**
   * An argument of a call.
   *
   * @param name its name in eqv.h
   * @param dtype its type
   * @param elements how many
   */
  record Argument(String name, String dtype, long elements) {
    double bytes() {
      return elements
          * switch (dtype) {
            case "f64", "i64" -> 8.0;
            case "f32", "i32" -> 4.0;
            case "bf16" -> 2.0;
            case "u8" -> 1.0;
            default -> throw new IllegalArgumentException("a tensor of " + dtype);
          };
    }
  }

  /**
   * A call of eqv.h.
   *
   * @param operation its name, without {@code eqv_}
   * @param math 0: fp32; 1: TF32; 2: bf16
   * @param bytes of all tensors, each once
   * @param flops of its products
   * @param scratch bytes of scratch memory
   * @param arguments its tensors
   * @param launches what it launches
   */
  record Call(
      String operation,
      int math,
      double bytes,
      double flops,
      long scratch,
      List<Argument> arguments,
      List<Launch> launches) {
    long elements(String name) {
      return arguments.stream()
          .filter(a -> a.name.equals(name))
          .mapToLong(Argument::elements)
          .findFirst()
          .orElse(0);
    }
  }

  private StepTrace() {}

  static List<Call> parse(List<String> lines) {
    List<Call> calls = new ArrayList<>();
    List<Argument> arguments = new ArrayList<>();
    List<Launch> launches = new ArrayList<>();
    long scratch = 0;
    long[] tiles = new long[2];
    for (String line : lines) {
      String[] c = line.split("\t");
      switch (c[0]) {
        case "tensor" -> arguments.add(argument(c));
        case "scratch" -> scratch += Long.parseLong(c[1]);
        case "tiles" -> tiles = new long[] {Long.parseLong(c[1]), Long.parseLong(c[2])};
        case "launch" -> {
          launches.add(
              new Launch(
                  c[1],
                  Integer.parseInt(c[2]),
                  Long.parseLong(c[3]),
                  Integer.parseInt(c[4]),
                  Long.parseLong(c[5]),
                  tiles[0],
                  tiles[1]));
          tiles = new long[2];
        }
        case "call" -> {
          calls.add(
              new Call(
                  c[1],
                  Integer.parseInt(c[2]),
                  Double.parseDouble(c[3]),
                  Double.parseDouble(c[4]),
                  scratch,
                  List.copyOf(arguments),
                  List.copyOf(launches)));
          arguments.clear();
          launches.clear();
          scratch = 0;
        }
        default -> throw new IllegalArgumentException(line);
      }
    }
    return calls;
  }

  private static Argument argument(String... c) {
    long[] shape =
        Arrays.stream(c[3].replaceAll("[^0-9,]", "").split(","))
            .filter(t -> !t.isEmpty())
            .mapToLong(Long::parseLong)
            .toArray();
    long elements = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    return new Argument(c[1], c[2], elements);
  }
}
