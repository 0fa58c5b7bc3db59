package io.github.eqvae.bench.model;

import java.util.Arrays;
import java.util.List;

/**
 * A piece of machine code that a thread runs from its beginning to its end, such as the body of a
 * loop.
 *
 * @param instructions how many
 * @param stall clocks that a warp needs for them alone, without waiting for memory
 * @param loads bytes that a thread reads from global memory
 * @param stores bytes that it writes
 * @param waits how often it waits for loads
 * @param approximations ex2, rcp and their like
 * @param doubles operations in double
 */
record Loop(
    int instructions,
    int stall,
    int loads,
    int stores,
    int waits,
    int approximations,
    int doubles) {
  static final Loop NONE = new Loop(0, 0, 0, 0, 0, 0, 0);

  static Loop of(List<Instruction> code) {
    boolean[] loading = new boolean[8];
    int stall = 0;
    int loads = 0;
    int stores = 0;
    int waits = 0;
    int approximations = 0;
    int doubles = 0;
    for (Instruction i : code) {
      boolean waited = false;
      for (int barrier = 0; barrier < 6; barrier++) {
        if (loading[barrier] && i.waitsFor(barrier)) {
          waited = true;
        }
      }
      if (waited) { // what was asked for at the same time has come with it
        waits++;
        Arrays.fill(loading, false);
      }
      stall += i.stall();
      approximations += i.isApproximation() ? 1 : 0;
      doubles += i.isDouble() ? 1 : 0;
      if (i.isLoad()) {
        loads += i.width();
        if (i.setsBarrier() >= 0) {
          loading[i.setsBarrier()] = true;
        }
      } else if (i.isStore()) {
        stores += i.width();
      }
    }
    return new Loop(code.size(), stall, loads, stores, waits, approximations, doubles);
  }

  Loop minus(Loop o) {
    return new Loop(
        instructions - o.instructions,
        stall - o.stall,
        loads - o.loads,
        stores - o.stores,
        waits - o.waits,
        approximations - o.approximations,
        doubles - o.doubles);
  }

  int moved() {
    return loads + stores;
  }
}
