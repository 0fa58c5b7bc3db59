package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Latent to image. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py},
 * Decoder.
 */
final class Decoder {
  /**
   * One resolution: residual blocks, attention where configured, a doubling unless it is the first.
   */
  private record Level(
      List<ResnetBlock> blocks, List<AttnBlock> attentions, @Nullable Conv2d upsample) {}

  private final Conv2d convIn;
  private final MidBlock mid;
  private final List<Level> levels = new ArrayList<>();
  private final GroupNorm normOut;
  private final Conv2d convOut;

  Decoder(Scope s, AutoencoderConfig c) {
    GroupStatistics statistics = Ops.statistics(c.normGroups());
    int width = c.deepestChannels();
    convIn =
        new Conv2d(s.in("conv_in"), c.zChannels(), width, 3, Ops.SAME_3X3.with(statistics))
            .bordered(c.padding());
    mid = new MidBlock(s.in("mid"), width, c.normGroups(), c.midBlockAddAttention(), c.padding());
    for (int i = c.chMult().size() - 1; i >= 0; i--) {
      Scope level = s.in("up", i);
      List<ResnetBlock> blocks = new ArrayList<>();
      List<AttnBlock> attentions = new ArrayList<>();
      for (int j = 0; j <= c.numResBlocks(); j++) {
        boolean atEnd = j == c.numResBlocks() && i > 0; // a convolution follows
        boolean attention = c.hasAttention(i);
        blocks.add(
            new ResnetBlock(
                level.in("block", j),
                width,
                c.channels(i),
                c.normGroups(),
                attention || !atEnd,
                c.padding()));
        width = c.channels(i);
        if (attention) {
          attentions.add(new AttnBlock(level.in("attn", j), width, c.normGroups(), !atEnd));
        }
      }
      Conv2d upsample =
          i == 0
              ? null
              : new Conv2d(level.in("upsample.conv"), width, width, 3, Ops.DOUBLE.with(statistics))
                  .bordered(c.padding());
      levels.add(new Level(blocks, attentions, upsample));
    }
    normOut = new GroupNorm(s.in("norm_out"), width, Ops.normSilu(c.normGroups()));
    convOut =
        new Conv2d(s.in("conv_out"), width, c.outChannels(), 3, Ops.SAME_3X3).bordered(c.padding());
  }

  /** The weight whose gradients balance reconstruction and adversarial loss. */
  Parameter lastLayer() {
    return convOut.weight();
  }

  Tensor forward(Tape tape, Tensor z) { // [N, h, w, z_channels]
    Tensor h = mid.forward(tape, convIn.forward(tape, z)); // [N, h, w, ch·mult_last]
    for (int i = 0; i < levels.size(); i++) {
      h = blocks(tape, levels.get(i), upsampled(tape, i, h));
    }
    return convOut.forward(tape, normOut.forward(tape, h)); // [N, H, W, out_channels]
  }

  /** The doubling in front of a level. */
  private Tensor upsampled(Tape tape, int level, Tensor x) {
    Conv2d upsample = level == 0 ? null : levels.get(level - 1).upsample();
    return upsample == null ? x : upsample.forward(tape, x);
  }

  private static Tensor blocks(Tape tape, Level level, Tensor x) {
    Tensor h = x;
    for (int j = 0; j < level.blocks().size(); j++) {
      h = level.blocks().get(j).forward(tape, h);
      if (!level.attentions().isEmpty()) {
        h = level.attentions().get(j).forward(tape, h);
      }
    }
    return h;
  }

  /** Up to and with the last level that has attention, which sees the whole image; or all. */
  Tensor middle(Tape tape, Tensor z) { // [N, h, w, z_channels]
    Tensor h = mid.forward(tape, convIn.forward(tape, z));
    for (int i = 0; i < firstStage(); i++) {
      h = blocks(tape, levels.get(i), upsampled(tape, i, h));
    }
    return stages() > 0 ? h : convOut.forward(tape, normOut.forward(tape, h));
  }

  /** The levels behind {@link #middle}. */
  private int firstStage() {
    int n = 0;
    for (int i = 0; i < levels.size(); i++) {
      n = levels.get(i).attentions().isEmpty() ? n : i + 1;
    }
    return n;
  }

  int stages() {
    return levels.size() - firstStage();
  }

  /** By how much a stage enlarges what it gets. */
  int scale(int stage) {
    return firstStage() + stage == 0 ? 1 : 2;
  }

  /** Convolutions of 3×3 one after the other in a stage. */
  int convolutions(int stage) {
    int last = stage == stages() - 1 ? 1 : 0;
    return scale(stage) - 1 + 2 * levels.get(firstStage() + stage).blocks().size() + last;
  }

  List<GroupNorm> norms(int stage) {
    List<GroupNorm> norms = new ArrayList<>();
    levels.get(firstStage() + stage).blocks().forEach(b -> norms.addAll(b.norms()));
    if (stage == stages() - 1) {
      norms.add(normOut);
    }
    return norms;
  }

  /** A stage up to what goes into one of its norms, or all of it if there is no such norm. */
  Tensor stage(Tape tape, int stage, Tensor x, int norm) {
    int level = firstStage() + stage;
    List<ResnetBlock> blocks = levels.get(level).blocks();
    Tensor h = upsampled(tape, level, x);
    for (int j = 0; j < blocks.size(); j++) {
      if (norm == 2 * j) {
        return h;
      }
      if (norm == 2 * j + 1) {
        return blocks.get(j).beforeNorm2(tape, h);
      }
      h = blocks.get(j).forward(tape, h);
    }
    return norm == 2 * blocks.size() || stage < stages() - 1
        ? h
        : convOut.forward(tape, normOut.forward(tape, h));
  }
}
