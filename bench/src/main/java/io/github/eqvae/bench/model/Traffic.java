package io.github.eqvae.bench.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What a launch of a certain kernel moves and computes, and which machine code it is: the launch
 * itself does not tell. A row of {@code bench/model/traffic.tsv}.
 *
 * @param operation of the call
 * @param kernel the launch's name, or the name, a slash and the threads of a block, or with its
 *     dynamic shared memory after another slash
 * @param number which of the call's launches with this name, from 0; −1: any
 * @param tensors the names of the call's tensors that it moves, and how often: once if it reads or
 *     writes them, twice if both; empty: all, as the call counts them
 * @param scratch the share of the call's scratch memory
 * @param flops the share of the call's products
 * @param loop the share of the main loop's loads and stores that an iteration makes: where the code
 *     branches by the dtype of the tensors, those of bf16 are a third
 * @param run the share of the instructions that are run: code for other activations is passed over
 * @param code the name of its machine code
 */
record Traffic(
    Pattern operation,
    Pattern kernel,
    int number,
    Map<String, Integer> tensors,
    double scratch,
    double flops,
    double loop,
    double run,
    Pattern code) {

  static List<Traffic> read(Path file) throws IOException {
    List<Traffic> rows = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      if (!line.isBlank() && !line.startsWith("#")) {
        String[] c = line.split("\t");
        rows.add(
            new Traffic(
                Pattern.compile(c[0]),
                Pattern.compile(c[1]),
                c[2].equals("*") ? -1 : Integer.parseInt(c[2]),
                tensors(c[3]),
                Double.parseDouble(c[4]),
                Double.parseDouble(c[5]),
                Double.parseDouble(c[6]),
                Double.parseDouble(c[7]),
                Pattern.compile(c[8])));
      }
    }
    return rows;
  }

  /** Names between commas, those that are read and written with {@code *2} after them. */
  private static Map<String, Integer> tensors(String text) {
    Map<String, Integer> times = new HashMap<>();
    if (!text.equals("*")) {
      for (String name : text.split(",")) {
        String[] parts = name.split("\\*");
        times.put(parts[0], parts.length > 1 ? Integer.parseInt(parts[1]) : 1);
      }
    }
    return times;
  }

  /** Bytes that a launch of this call moves. */
  double bytes(StepTrace.Call call) {
    double moved =
        tensors.isEmpty()
            ? call.bytes()
            : call.arguments().stream()
                .mapToDouble(a -> tensors.getOrDefault(a.name(), 0) * a.bytes())
                .sum();
    return moved + scratch * call.scratch();
  }

  /** The first row that fits. */
  static Traffic of(List<Traffic> rows, String operation, StepTrace.Launch launch, int number) {
    String kernel = launch.kernel();
    String threads = kernel + "/" + launch.threads();
    List<String> names = List.of(kernel, threads, threads + "/" + launch.shared());
    return rows.stream()
        .filter(r -> r.operation.matcher(operation).matches())
        .filter(r -> names.stream().anyMatch(n -> r.kernel.matcher(n).matches()))
        .filter(r -> r.number < 0 || r.number == number)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "traffic.tsv has no row for " + operation + ": " + kernel + ", " + number));
  }
}
