package io.github.eqvae.train.run;

import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.Ceilings;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.train.GraphStatistics;
import io.github.eqvae.train.Trainer;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The memory that a run took on its device. The plan counts separately what validation needs beside
 * the memory of the steps.
 */
record RunResources(Trainer<?> trainer) {
  private static final double MIB = 1 << 20;

  /** For the log. */
  Map<String, Object> line() {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("peak_bytes", trainer.memory().peakBytes());
    line.put("planned_bytes", trainer.plan().deviceBytes());
    line.put("planned_validation_bytes", trainer.plan().evaluationBytes());
    line.put("graphs_captured", trainer.graphs().captured());
    line.put("graphs_launched", trainer.graphs().launched());
    if (!trainer.ranks().isAlone()) {
      Overlap.Times times = trainer.gradientTimes();
      line.put("gradient_buckets", times.buckets());
      line.put("gradient_buckets_early", times.early());
      if (times.bytes() > 0) { // those of NCCL are not known
        line.put("gradient_bytes_sent", times.bytes());
        line.put("gradient_seconds", times.seconds());
        line.put("gradient_seconds_hidden", times.hidden());
      }
    }
    return line;
  }

  /** For people, with the profile if it was asked for. */
  String text(String device) {
    if (!Profiler.wanted()) {
      return memory(device);
    }
    Device measured = trainer.stream().device();
    return memory(device)
        + gradients()
        + "\n"
        + Profiler.measured(measured).text(Ceilings.of(measured));
  }

  /** How much of the ranks' messages was hidden behind the backward pass. */
  private String gradients() {
    if (trainer.ranks().isAlone()) {
      return "";
    }
    Overlap.Times times = trainer.gradientTimes();
    if (times.bytes() == 0) {
      return String.format(
          Locale.ROOT,
          "%ngradients: NCCL got %d buckets, %d of them while backward ran",
          times.buckets(),
          times.early());
    }
    return String.format(
        Locale.ROOT,
        "%ngradients: rank 0 sent %,.1f MiB in %d buckets of at most %,.1f MiB, %d of them while"
            + " backward ran; their sums took %.3f s, of which %.0f %% passed while it computed",
        times.bytes() / MIB,
        times.buckets(),
        trainer.ranks().bucketBytes() / MIB,
        times.early(),
        times.seconds(),
        times.seconds() > 0 ? 100 * times.hidden() / times.seconds() : 0);
  }

  private String memory(String device) {
    GraphStatistics graphs = trainer.graphs();
    return String.format(
        Locale.ROOT,
        "peak memory on %s %,.1f MiB (planned: training steps %,.1f, validation beside them"
            + " %,.1f%s)%s",
        device,
        trainer.memory().peakBytes() / MIB,
        trainer.plan().deviceBytes() / MIB,
        trainer.plan().evaluationBytes() / MIB,
        trainer.plan().scratchBytes() > 0 ? "" : ", and scratch memory as it was needed",
        graphs.captured() == 0
            ? ""
            : "; steps ran as "
                + graphs.captured()
                + " graphs, launched again "
                + graphs.launched()
                + " times");
  }
}
