package io.github.eqvae.cli;

import io.github.eqvae.generator.VitConfig;
import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import java.io.PrintWriter;

/**
 * The output of {@code eqvae inspect} for a vision transformer.
 *
 * @param out where to
 * @param table its tensors
 */
record VitInspection(PrintWriter out, TensorTable table) {
  private static final String ROW = TensorTable.ROW;
  private static final String SETTING = "  %-28s %s%n";

  /** Prints everything; returns whether the file has no error. */
  boolean print(VitCheckpoint checkpoint) {
    VitConfig c = checkpoint.config();
    out.printf(ROW, "naming", checkpoint.naming());
    out.printf(
        ROW,
        "model",
        c.size().isPresent()
            ? c.title() + ", whose features `encode --features` keeps and `evaluate` compares"
            : "a vision transformer of its own size, " + c.title());
    out.printf(SETTING, "patch", c.patch());
    out.printf(
        SETTING,
        "positions",
        "%d×%d, of pictures of %d pixels".formatted(c.side(), c.side(), c.side() * c.patch()));
    out.printf(SETTING, "width, depth, heads", c.width() + ", " + c.depth() + ", " + c.heads());
    out.printf(SETTING, "inside a perceptron", c.hidden());
    out.printf(SETTING, "registers", c.registers() == 0 ? "none" : c.registers());
    table.parameters(checkpoint.tensors().values());
    table.groups("", checkpoint.tensors().values());
    if (!checkpoint.others().isEmpty()) {
      out.printf(ROW, "also there", "other tensors: " + checkpoint.others().size());
    }
    boolean whole = checkpoint.report().isClean();
    out.printf(ROW, "whole", whole ? "yes: nothing is missing, nothing unexpected" : "no:");
    checkpoint.report().lines().forEach(line -> out.println("  " + line));
    out.printf(ROW, "can be run", whole ? "yes" : "no: see above");
    return whole;
  }
}
