package io.github.eqvae.bench.torch;

import org.bytedeco.pytorch.global.torch;

/**
 * How libtorch computes.
 *
 * @param inDouble double precision, else single
 * @param channelsLast NHWC in memory, else NCHW
 */
public record TorchOptions(boolean inDouble, boolean channelsLast) {
  torch.ScalarType type() {
    return inDouble ? torch.ScalarType.Double : torch.ScalarType.Float;
  }

  torch.MemoryFormat format() {
    return channelsLast ? torch.MemoryFormat.ChannelsLast : torch.MemoryFormat.Contiguous;
  }
}
