package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sets for each convolution which group norm reads its result, so that the convolution computes the
 * norm's statistics in its epilogue. It visits a network in the order of the forward pass. If
 * another convolution reads the result, no statistics are computed.
 */
final class NormFusion {
  /** The layer whose result the next layer reads. */
  private Conv2d previous;

  private NormFusion(Conv2d first) {
    previous = first;
  }

  static void link(Encoder e) {
    NormFusion walk = new NormFusion(e.convIn);
    for (DownBlock level : e.down) {
      walk.through(level.blocks, level.attentions, level.downsample);
    }
    walk.through(e.mid);
    walk.norm(e.normOut);
  }

  static void link(Decoder d) {
    NormFusion walk = new NormFusion(d.convIn);
    walk.through(d.mid);
    for (UpBlock level : d.up) {
      walk.through(level.blocks, level.attentions, level.upsample);
    }
    walk.norm(d.normOut);
  }

  private void norm(GroupNorm norm) {
    previous.followedBy(norm);
  }

  private void through(
      List<ResnetBlock> blocks, List<AttnBlock> attentions, @Nullable Conv2d resample) {
    for (int j = 0; j < blocks.size(); j++) {
      through(blocks.get(j));
      if (!attentions.isEmpty()) {
        through(attentions.get(j));
      }
    }
    previous = resample == null ? previous : resample;
  }

  private void through(MidBlock mid) {
    through(mid.block1);
    if (mid.attn != null) {
      through(mid.attn);
    }
    through(mid.block2);
  }

  private void through(ResnetBlock block) {
    norm(block.norm1);
    previous = block.conv1;
    norm(block.norm2);
    previous = block.conv2;
  }

  private void through(AttnBlock block) {
    norm(block.norm);
    previous = block.projOut;
  }
}
