package io.github.eqvae.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.train.report.ResultFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A scaling from latent statistics that a command measured and wrote. */
final class MeasuredScaling {
  /** The kinds of scaling. */
  enum Kind {
    /** {@code scaling_factor} = 1 / std. */
    FACTOR,
    /** Also {@code shift_factor} = mean. */
    SHIFT,
    /** {@code latents_mean} and {@code latents_std}. */
    CHANNELS,
    /** FLUX.2's batch norm of packed 2×2 patches. */
    PATCHES
  }

  private MeasuredScaling() {}

  static LatentScaling read(Path file, Kind kind) throws IOException {
    JsonNode root = ResultFile.read(file);
    // the key is latent in evaluation.json, statistics in an index of latents
    JsonNode s = root.has("latent") ? root.get("latent") : root.path("statistics");
    List<Double> mean = numbers(s.path("channel_mean"));
    List<Double> std = numbers(s.path("channel_std"));
    if (!s.path("std").isNumber() || !s.path("mean").isNumber() || mean.isEmpty()) {
      throw new EqvaeException.Argument(
          file + " holds no statistics of latents; name evaluation.json or an index.json");
    }
    double all = s.path("mean").asDouble();
    double deviation =
        LatentScaling.requireDeviation(file + ": the latent", all, s.path("std").asDouble());
    return switch (kind) {
      case FACTOR -> LatentScaling.of(1 / deviation, 0);
      case SHIFT -> LatentScaling.of(1 / deviation, all);
      case CHANNELS -> LatentScaling.channels(file.toString(), mean, std);
      case PATCHES -> patches(file, s);
    };
  }

  private static LatentScaling patches(Path file, JsonNode s) {
    List<Double> mean = numbers(s.path("patch_mean"));
    List<Double> variance = numbers(s.path("patch_variance"));
    if (mean.isEmpty() || mean.size() != variance.size()) {
      throw new EqvaeException.Argument(
          file
              + " holds no statistics of squares of 2×2 (patch_mean, patch_variance): "
              + Invocation.shown("evaluate")
              + " writes them for latents of even side");
    }
    return LatentScaling.batchNorm(mean, variance, 2, 1e-4);
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> out = new ArrayList<>();
    array.forEach(n -> out.add(n.asDouble()));
    return out;
  }
}
