package io.github.eqvae.bench.model;

import io.github.eqvae.bench.model.Estimate.Limit;
import io.github.eqvae.bench.model.StepTrace.Call;
import io.github.eqvae.bench.model.StepTrace.Launch;
import java.util.EnumMap;
import java.util.Map;

/**
 * The time of a launch on a GPU that runs nothing else. What a thread does follows from the machine
 * code: the part outside its main loop once, and the loop as often as it takes to move the launch's
 * bytes with what one iteration moves.
 *
 * @param gpu the GPU
 */
record KernelModel(Gpu gpu) {
  /** Results of a tile, and products in a step of it: conv2d.md. */
  private static final double TILE = 128 * 256;

  private static final double STEP = TILE * 64;

  /**
   * Stages of the pipeline: by so many steps one warpgroup may be ahead of the other, whose
   * products go on meanwhile.
   */
  private static final int STAGES = 4;

  /** Boxes that a warpgroup stores of a tile. */
  private static final int BOXES = 4;

  private static final int CONSUMING_WARPS = 8;

  private static final int BF16 = 2;
  private static final int TF32 = 1;

  Estimate of(Call call, Launch launch, Traffic moved, KernelCode code) {
    double bytes = moved.bytes(call);
    Map<Limit, Double> limits = new EnumMap<>(Limit.class);
    limits.put(Limit.MEMORY, bytes / gpu.memory());
    if (code.products() > 0) {
      warpgroups(call, launch, moved, code, limits);
    } else {
      limits.put(Limit.PRODUCTS, moved.flops() * call.flops() / peak(call.math()));
      threads(launch, bytes, moved, code, limits);
    }
    return Estimate.of(gpu, limits);
  }

  private double peak(int math) {
    return math == BF16 ? gpu.products() : math == TF32 ? gpu.tf32Products() : gpu.fp32Products();
  }

  /** Products of warpgroups: the steps of all tiles, and what follows after each tile. */
  private void warpgroups(
      Call call, Launch launch, Traffic moved, KernelCode code, Map<Limit, Double> limits) {
    double steps = moved.flops() * call.flops() / 2 / STEP;
    double clocks = gpu.productClocks() * peakClock();
    double tiles = results(call) / TILE;
    double end = code.boxes() > 0 ? tileEnd(code, moved.run()) : 0;
    double all = steps * clocks + tiles * end;
    limits.put(Limit.PRODUCTS, all / gpu.multiprocessors() / gpu.clock());
    limits.put(Limit.CACHE, launch.tileBytes() / gpu.cache());
    double copies = (double) launch.tileCopies() / launch.blocks();
    limits.put(Limit.PRODUCER, copies * code.producer().clocksOfCopy() / gpu.clock());
  }

  /** By how much power slows products down. */
  private double peakClock() {
    double full = 2 * STEP / gpu.productClocks() * gpu.multiprocessors() * gpu.clock();
    return full / gpu.products();
  }

  /** Clocks between the last product of a tile and the first of the next. */
  private double tileEnd(KernelCode code, double run) {
    Loop outside = code.once();
    double share = run * BOXES / code.boxes();
    double issued = share * outside.instructions() * CONSUMING_WARPS / Gpu.SCHEDULERS;
    double alone = share * (outside.stall() + outside.waits() * gpu.latency());
    return Math.max(0, Math.max(issued, alone) - STAGES * gpu.productClocks());
  }

  private static double results(Call call) {
    for (String name : new String[] {"y", "dx"}) {
      if (call.elements(name) > 0) {
        return call.elements(name);
      }
    }
    return 0;
  }

  /** Kernels whose threads compute for themselves. */
  private void threads(
      Launch launch, double bytes, Traffic moved, KernelCode code, Map<Limit, Double> limits) {
    double threads = (double) launch.blocks() * launch.threads();
    double warps = threads / Gpu.WARP;
    Loop loop = code.loop();
    Loop once = code.once();
    double rounds = loop.moved() == 0 ? 0 : bytes / (threads * loop.moved() * moved.loop());
    double busy = Math.min(gpu.multiprocessors(), launch.blocks());
    double second = busy * gpu.clock();
    limits.put(
        Limit.INSTRUCTIONS,
        warps
            * moved.run()
            * (once.instructions() + rounds * loop.instructions())
            / Gpu.SCHEDULERS
            / second);
    limits.put(
        Limit.APPROXIMATIONS,
        threads
            * moved.run()
            * (once.approximations() + rounds * loop.approximations())
            / Gpu.APPROXIMATIONS
            / second);
    limits.put(
        Limit.DOUBLES,
        threads * moved.run() * (once.doubles() + rounds * loop.doubles()) / Gpu.DOUBLES / second);
    int resident = gpu.resident(launch.threads(), code.registers(), launch.shared());
    double waves = Math.max(1, launch.blocks() / ((double) resident * gpu.multiprocessors()));
    double alone =
        moved.run() * once.stall()
            + Math.min(once.waits(), 4) * gpu.latency()
            + rounds * (moved.run() * loop.stall() + loop.waits() * moved.loop() * gpu.latency());
    limits.put(Limit.LATENCY, waves * alone / gpu.clock());
  }
}
