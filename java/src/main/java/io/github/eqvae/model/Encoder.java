package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Image to moments. Source: CompVis/latent-diffusion {@code ldm/modules/diffusionmodules/model.py},
 * Encoder.
 */
final class Encoder {
  /**
   * One resolution: residual blocks, attention where configured, a halving convolution unless it is
   * the last.
   */
  private record Level(
      List<ResnetBlock> blocks, List<AttnBlock> attentions, @Nullable Conv2d downsample) {}

  private final Conv2d convIn;
  private final List<Level> levels = new ArrayList<>();
  private final MidBlock mid;
  private final GroupNorm normOut;
  private final Conv2d convOut;

  Encoder(Scope s, AutoencoderConfig c, int outChannels) {
    GroupStatistics statistics = Ops.statistics(c.normGroups());
    convIn =
        new Conv2d(s.in("conv_in"), c.inChannels(), c.ch(), 3, Ops.SAME_3X3.with(statistics))
            .bordered(c.padding());
    int width = c.ch();
    int last = c.chMult().size() - 1;
    for (int i = 0; i <= last; i++) {
      Scope level = s.in("down", i);
      List<ResnetBlock> blocks = new ArrayList<>();
      List<AttnBlock> attentions = new ArrayList<>();
      for (int j = 0; j < c.numResBlocks(); j++) {
        boolean atEnd = j == c.numResBlocks() - 1 && i < last; // a convolution follows
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
      Conv2d downsample =
          i == last
              ? null
              : new Conv2d(
                  level.in("downsample.conv"), width, width, 3, Ops.HALVE.with(statistics));
      levels.add(new Level(blocks, attentions, downsample));
    }
    mid = new MidBlock(s.in("mid"), width, c.normGroups(), c.midBlockAddAttention(), c.padding());
    normOut = new GroupNorm(s.in("norm_out"), width, Ops.normSilu(c.normGroups()));
    convOut =
        new Conv2d(s.in("conv_out"), width, outChannels, 3, Ops.SAME_3X3).bordered(c.padding());
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in_channels]
    Tensor h = convIn.forward(tape, x); // [N, H, W, ch]
    for (Level level : levels) {
      h = level(tape, level, h); // [N, H/2^i, W/2^i, ch·mult_i]
    }
    h = mid.forward(tape, h); // [N, H/f, W/f, ch·mult_last]
    return convOut.forward(tape, normOut.forward(tape, h)); // [N, H/f, W/f, out]
  }

  private static Tensor level(Tape tape, Level level, Tensor x) {
    Tensor h = x;
    for (int j = 0; j < level.blocks().size(); j++) {
      h = level.blocks().get(j).forward(tape, h);
      if (!level.attentions().isEmpty()) {
        h = level.attentions().get(j).forward(tape, h);
      }
    }
    return level.downsample() == null ? h : level.downsample().forward(tape, h);
  }

  /** The levels that halve, up to the first with attention, which sees the whole image. */
  int stages() {
    int n = 0;
    while (levels.get(n).downsample() != null && levels.get(n).attentions().isEmpty()) {
      n++;
    }
    return n;
  }

  /** Convolutions of 3×3 one after the other in a stage. */
  int convolutions(int stage) {
    int first = stage == 0 ? 1 : 0;
    return first + 2 * levels.get(stage).blocks().size() + 1;
  }

  List<GroupNorm> norms(int stage) {
    List<GroupNorm> norms = new ArrayList<>();
    levels.get(stage).blocks().forEach(b -> norms.addAll(b.norms()));
    return norms;
  }

  /** A stage up to what goes into one of its norms, or all of it if there is no such norm. */
  Tensor stage(Tape tape, int stage, Tensor x, int norm) {
    Level level = levels.get(stage);
    Tensor h = stage == 0 ? convIn.forward(tape, x) : x;
    if (norm >= 2 * level.blocks().size()) {
      return level(tape, level, h);
    }
    for (int j = 0; j < norm / 2; j++) {
      h = level.blocks().get(j).forward(tape, h);
    }
    return norm % 2 == 0 ? h : level.blocks().get(norm / 2).beforeNorm2(tape, h);
  }

  /** All behind the stages. */
  Tensor end(Tape tape, Tensor x) {
    Tensor h = stages() == 0 ? convIn.forward(tape, x) : x;
    for (Level level : levels.subList(stages(), levels.size())) {
      h = level(tape, level, h);
    }
    return convOut.forward(tape, normOut.forward(tape, mid.forward(tape, h)));
  }
}
