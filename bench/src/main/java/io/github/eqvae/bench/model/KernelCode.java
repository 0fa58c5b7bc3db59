package io.github.eqvae.bench.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * What the model reads of a kernel's machine code.
 *
 * @param name as in the source, without parameters
 * @param registers of a thread
 * @param all its whole code
 * @param loop the innermost loop that reads most bytes in an iteration; empty if none moves any
 * @param products products of a warpgroup in it
 * @param boxes stores of a whole box by the tensor memory accelerator
 * @param producer the loop that starts copies of tiles
 */
record KernelCode(
    String name, int registers, Loop all, Loop loop, int products, int boxes, Producer producer) {

  /**
   * The loop that starts several copies by the tensor memory accelerator in the fewest clocks each.
   * (A single copy is a loop of its own, over lanes, of which there is one.)
   *
   * @param clocks that its thread needs for an iteration
   * @param copies that it starts
   */
  record Producer(int clocks, int copies) {
    static final Producer NONE = new Producer(0, 0);

    /** Until a result is there that is no load from memory: of a barrier, a shared word. */
    private static final int SHORT_WAIT = 30;

    static Producer of(List<Instruction> code) {
      boolean[] waiting = new boolean[6];
      int clocks = 0;
      for (Instruction i : code) {
        clocks += i.stall();
        for (int barrier = 0; barrier < waiting.length; barrier++) {
          if (waiting[barrier] && i.waitsFor(barrier)) {
            clocks += SHORT_WAIT;
            waiting[barrier] = false;
          }
        }
        if (i.setsBarrier() >= 0) {
          waiting[i.setsBarrier()] = true;
        }
      }
      return new Producer(clocks, (int) code.stream().filter(Instruction::isTensorLoad).count());
    }

    double clocksOfCopy() {
      return copies == 0 ? 0 : (double) clocks / copies;
    }
  }

  static KernelCode of(String name, int registers, List<Instruction> code) {
    record Span(int from, int to) {
      boolean holds(Span o) {
        return from <= o.from && o.to <= to && !equals(o);
      }
    }
    List<Span> spans = new ArrayList<>();
    for (int at = 0; at < code.size(); at++) {
      int to = at + 1 + code.get(at).branch();
      if (code.get(at).branch() < -1 && to >= 0) { // -1: the endless loop after the end
        spans.add(new Span(to, at + 1));
      }
    }
    Producer producer =
        spans.stream()
            .map(s -> Producer.of(code.subList(s.from, s.to)))
            .filter(p -> p.copies > 1)
            .min(Comparator.comparingDouble(Producer::clocksOfCopy))
            .orElse(Producer.NONE);
    List<List<Instruction>> inner =
        spans.stream()
            .filter(s -> spans.stream().noneMatch(s::holds))
            .map(s -> code.subList(s.from(), s.to()))
            .toList();
    Loop loop =
        inner.stream()
            .map(Loop::of)
            .max(Comparator.comparingInt(Loop::loads).thenComparingInt(Loop::stores))
            .filter(l -> l.moved() > 0)
            .orElse(Loop.NONE);
    return new KernelCode(
        name,
        registers,
        Loop.of(code),
        loop,
        (int) code.stream().filter(Instruction::isWarpgroupProduct).count(),
        (int) code.stream().filter(Instruction::isTensorStore).count(),
        producer);
  }

  /** What is run once. */
  Loop once() {
    return all.minus(loop);
  }

  /** Its line in a table. */
  String line() {
    return String.join(
        "\t",
        name,
        Integer.toString(registers),
        text(all),
        text(loop),
        Integer.toString(products),
        Integer.toString(boxes),
        producer.clocks + "," + producer.copies);
  }

  static final String HEAD =
      "# kernel\tregisters\tall:"
          + " instructions,stall,loads,stores,waits,approximations,doubles\tmain loop: the"
          + " same\tHGMMA\tUTMASTG\tproducer's loop: clocks,copies";

  private static String text(Loop l) {
    return "%d,%d,%d,%d,%d,%d,%d"
        .formatted(
            l.instructions(),
            l.stall(),
            l.loads(),
            l.stores(),
            l.waits(),
            l.approximations(),
            l.doubles());
  }

  static KernelCode parse(String line) {
    String[] c = line.split("\t");
    String[] producer = c[6].split(",");
    return new KernelCode(
        c[0],
        Integer.parseInt(c[1]),
        loop(c[2]),
        loop(c[3]),
        Integer.parseInt(c[4]),
        Integer.parseInt(c[5]),
        new Producer(Integer.parseInt(producer[0]), Integer.parseInt(producer[1])));
  }

  private static Loop loop(String text) {
    int[] n = Arrays.stream(text.split(",")).mapToInt(Integer::parseInt).toArray();
    return new Loop(n[0], n[1], n[2], n[3], n[4], n[5], n[6]);
  }
}
