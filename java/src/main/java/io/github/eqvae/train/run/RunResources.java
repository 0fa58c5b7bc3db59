package io.github.eqvae.train.run;

import io.github.eqvae.tensor.Ceilings;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.train.GraphStatistics;
import io.github.eqvae.train.Trainer;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The memory that a run took on its device. The plan counts training steps and validation
 * separately.
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
    return line;
  }

  /** For people, with the profile if it was asked for. */
  String text(String device) {
    if (!Profiler.wanted()) {
      return memory(device);
    }
    Device measured = trainer.stream().device();
    return memory(device) + "\n" + Profiler.measured(measured).text(Ceilings.of(measured));
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
