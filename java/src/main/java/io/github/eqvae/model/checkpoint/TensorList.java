package io.github.eqvae.model.checkpoint;

import io.github.eqvae.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Lists the tensors of an autoencoder under their CompVis names. Source: CompVis/latent-diffusion
 * {@code ldm/modules/diffusionmodules/model.py}; the codebook: taming-transformers {@code
 * taming/modules/vqvae/quantize.py}.
 */
final class TensorList {
  private final AutoencoderArchitecture a;
  private final Map<String, Shape> tensors = new LinkedHashMap<>();

  TensorList(AutoencoderArchitecture architecture) {
    a = architecture;
  }

  Map<String, Shape> all() {
    List<Integer> widths = a.blockOutChannels();
    int last = widths.size() - 1;
    int moments = a.kind() == AutoencoderKind.KL ? 2 : 1; // mean and log variance
    conv("encoder.conv_in", a.inChannels(), a.ch(), 3);
    int width = a.ch();
    for (int i = 0; i <= last; i++) {
      width = level("encoder.down." + i, i, width, a.numResBlocks());
      if (i < last) {
        conv("encoder.down." + i + ".downsample.conv", width, width, 3);
      }
    }
    mid("encoder.mid", width);
    norm("encoder.norm_out", width);
    conv("encoder.conv_out", width, moments * a.zChannels(), 3);

    conv("decoder.conv_in", a.zChannels(), width, 3);
    mid("decoder.mid", width);
    for (int i = last; i >= 0; i--) {
      width = level("decoder.up." + i, i, width, a.numResBlocks() + 1);
      if (i > 0) {
        conv("decoder.up." + i + ".upsample.conv", width, width, 3);
      }
    }
    norm("decoder.norm_out", width);
    conv("decoder.conv_out", width, a.outChannels(), 3);

    if (a.kind() == AutoencoderKind.VQ) {
      tensors.put("quantize.embedding.weight", Shape.of(a.codebookSize(), a.embedDim()));
    }
    if (a.useQuantConv()) {
      conv("quant_conv", moments * a.zChannels(), moments * a.embedDim(), 1);
    }
    if (a.usePostQuantConv()) {
      conv("post_quant_conv", a.embedDim(), a.zChannels(), 1);
    }
    return tensors;
  }

  /** One resolution; returns its width. */
  private int level(String name, int level, int in, int blocks) {
    int width = in;
    int out = a.blockOutChannels().get(level);
    for (int j = 0; j < blocks; j++) {
      resnet(name + ".block." + j, width, out);
      width = out;
    }
    if (a.attnLevels().contains(level)) {
      for (int j = 0; j < blocks; j++) {
        attention(name + ".attn." + j, out);
      }
    }
    return width;
  }

  private void mid(String name, int width) {
    resnet(name + ".block_1", width, width);
    if (a.midBlockAddAttention()) {
      attention(name + ".attn_1", width);
    }
    resnet(name + ".block_2", width, width);
  }

  private void resnet(String name, int in, int out) {
    norm(name + ".norm1", in);
    conv(name + ".conv1", in, out, 3);
    norm(name + ".norm2", out);
    conv(name + ".conv2", out, out, 3);
    if (in != out) {
      conv(name + ".nin_shortcut", in, out, 1);
    }
  }

  private void attention(String name, int width) {
    norm(name + ".norm", width);
    for (String projection : List.of(".q", ".k", ".v", ".proj_out")) {
      conv(name + projection, width, width, 1);
    }
  }

  private void norm(String name, int width) {
    tensors.put(name + ".weight", Shape.of(width));
    tensors.put(name + ".bias", Shape.of(width));
  }

  private void conv(String name, int in, int out, int side) {
    tensors.put(name + ".weight", Shape.of(out, in, side, side));
    tensors.put(name + ".bias", Shape.of(out));
  }
}
