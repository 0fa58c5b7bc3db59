package io.github.eqvae.cli;

import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.checkpoint.LatentsOrigin;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import java.io.PrintWriter;

/**
 * The output of {@code eqvae inspect} for MaskGIT.
 *
 * @param out where to
 * @param table its tensors
 */
record MaskGitInspection(PrintWriter out, TensorTable table) {
  private static final String ROW = TensorTable.ROW;
  private static final String SETTING = "  %-28s %s%n";

  /** Whether the file has no error. */
  boolean print(MaskGitCheckpoint checkpoint) {
    MaskGitConfig c = checkpoint.config();
    boolean halton = c.kind() == MaskGitConfig.Kind.HALTON;
    out.printf(
        ROW,
        "naming",
        (halton ? "Halton-MaskGIT" : "Maskgit-pytorch")
            + (checkpoint.where().isEmpty() ? "" : ", in " + checkpoint.where()));
    checkpoint.weightsNote().ifPresent(note -> out.printf(ROW, "weights", note));
    out.printf(
        ROW,
        "model",
        c.equals(MaskGitConfig.published())
            ? "MaskGIT as published, for ImageNet at 256 px"
            : "MaskGIT of its own size");
    out.printf(SETTING, "codes", "%d×%d of %,d".formatted(c.side(), c.side(), c.codes()));
    out.printf(SETTING, "width, depth, heads", c.width() + ", " + c.depth() + ", " + c.heads());
    out.printf(SETTING, "hidden", c.hidden());
    out.printf(SETTING, "classes", c.classes() + " and none");
    if (halton) {
      out.printf(SETTING, "registers", c.registers());
    }
    checkpoint.metadata().ifPresent(this::metadata);
    return table.verdict(checkpoint);
  }

  private void metadata(MaskGitMetadata metadata) {
    out.printf(SETTING, "can be guided", metadata.guided() ? "yes" : "no");
    metadata.latents().ifPresent(this::origin);
  }

  private void origin(LatentsOrigin origin) {
    out.printf(SETTING, "codes of", origin.autoencoder());
    if (!origin.autoencoderSha256().isEmpty()) {
      out.printf(SETTING, "SHA-256 of its weights", origin.autoencoderSha256());
    }
  }
}
