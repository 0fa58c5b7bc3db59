package io.github.eqvae.cli;

import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.io.FileNames;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The output of {@code eqvae inspect} for a generator.
 *
 * @param out where to
 * @param table its tensors
 */
record GeneratorInspection(PrintWriter out, TensorTable table) {
  private static final String ROW = TensorTable.ROW;
  private static final String SETTING = "  %-28s %s%n";

  /** Whether the file has no error. */
  boolean print(GeneratorCheckpoint checkpoint) {
    DitConfig c = checkpoint.config();
    out.printf(
        ROW,
        "naming",
        (checkpoint.alignment().isPresent()
                ? "REPA"
                : lightning(c) ? "LightningDiT" : "DiT and SiT")
            + (checkpoint.where().isEmpty() ? "" : ", in " + checkpoint.where()));
    checkpoint.weightsNote().ifPresent(note -> out.printf(ROW, "weights", note));
    out.printf(
        ROW,
        "model",
        checkpoint
            .size()
            .map(s -> "a generator of size " + s)
            .orElse("a generator of its own size"));
    settings(c).forEach((name, value) -> out.printf(SETTING, name, value));
    out.printf(
        SETTING,
        "trained as",
        checkpoint
            .process()
            .map(GeneratorInspection::text)
            .orElse("not in the file; --trained-as dit or sit says it"));
    checkpoint.alignment().ifPresent(a -> alignment(checkpoint, a));
    checkpoint.metadata().flatMap(GeneratorMetadata::latents).ifPresent(this::origin);
    return table.verdict(checkpoint);
  }

  private static boolean lightning(DitConfig c) {
    return c.rope() || c.swiGlu() || c.rmsNorm() || c.qkNorm() || !c.shift();
  }

  private static Map<String, String> settings(DitConfig c) {
    Map<String, String> rows = new LinkedHashMap<>();
    rows.put("latents", "%d channels, %d×%d".formatted(c.channels(), c.side(), c.side()));
    rows.put("patch", "%d, %d tokens".formatted(c.patch(), c.tokens()));
    rows.put("width, depth, heads", c.width() + ", " + c.depth() + ", " + c.heads());
    rows.put("mlp_ratio", String.format(Locale.ROOT, "%.4g", c.mlpRatio()));
    rows.put(
        "classes", c.classes() == 0 ? "none" : c.classes() + (c.nullClass() ? " and none" : ""));
    rows.put("learn_sigma", Boolean.toString(c.learnSigma()));
    if (lightning(c)) {
      rows.put("qk norm, RMS norm", c.qkNorm() + ", " + c.rmsNorm());
      rows.put("SwiGLU, rotary, shift", c.swiGlu() + ", " + c.rope() + ", " + c.shift());
    }
    return rows;
  }

  /** The diffusion process of a network as text. */
  static String text(GeneratorProcess process) {
    return switch (process) {
      case GeneratorProcess.Steps s ->
          "DiT: %,d %s steps, %s, variance %s"
              .formatted(
                  s.steps(), lower(s.schedule()), lower(s.prediction()), lower(s.variance()));
      case GeneratorProcess.Flow f -> flow(f.transport());
      case GeneratorProcess.Repa r -> "REPA: path %s, velocity".formatted(lower(r.path()));
    };
  }

  private static String flow(Transport t) {
    return "SiT: path %s, %s, weight %s"
        .formatted(lower(t.path()), lower(t.prediction()), lower(t.weight()));
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  private void alignment(GeneratorCheckpoint checkpoint, Alignment a) {
    out.printf(
        SETTING,
        "projectors",
        "after block %d, %d wide inside, features %s"
            .formatted(
                a.depth(),
                a.hidden(),
                a.widths().stream().map(String::valueOf).collect(Collectors.joining(", "))));
    checkpoint
        .metadata()
        .flatMap(GeneratorMetadata::alignment)
        .filter(of -> !of.network().isEmpty())
        .ifPresent(
            of -> {
              out.printf(SETTING, "aligned with", FileNames.shown(of.network()));
              out.printf(SETTING, "SHA-256 of its weights", FileNames.shown(of.sha256()));
            });
  }

  private void origin(LatentsOrigin origin) {
    out.printf(SETTING, "latents of", origin.autoencoder());
    String hash = origin.autoencoderSha256();
    Optional.of(hash)
        .filter(h -> !h.isEmpty())
        .ifPresent(h -> out.printf(SETTING, "SHA-256 of its weights", h));
    out.printf(SETTING, "scaling_factor", origin.scaling().scalingFactor());
    out.printf(SETTING, "shift_factor", origin.scaling().shiftFactor());
  }
}
