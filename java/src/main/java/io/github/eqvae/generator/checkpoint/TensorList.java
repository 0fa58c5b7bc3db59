package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Lists the tensors of a network without building it, in the order of the references' {@code
 * state_dict()}, which is that of {@code model.parameters()}, too. Source: facebookresearch/DiT
 * {@code models.py}, hustvl/LightningDiT {@code models/lightningdit.py}, sihyun-yu/REPA {@code
 * models/sit.py}.
 */
final class TensorList {
  /** The number of sines and cosines of a time. */
  private static final int WAVES = 256;

  private final DitConfig c;
  private final Map<String, Shape> tensors = new LinkedHashMap<>();

  private TensorList(DitConfig config) {
    c = config;
  }

  static Map<String, Shape> of(DitConfig config, Optional<Alignment> alignment) {
    TensorList list = new TensorList(config);
    list.all(alignment);
    return list.tensors;
  }

  private void all(Optional<Alignment> alignment) {
    int width = c.width();
    tensors.put("pos_embed", Shape.of(1, c.tokens(), width));
    tensors.put("x_embedder.proj.weight", Shape.of(width, c.channels(), c.patch(), c.patch()));
    tensors.put("x_embedder.proj.bias", Shape.of(width));
    linear("t_embedder.mlp.0", WAVES, width);
    linear("t_embedder.mlp.2", width, width);
    if (c.classes() > 0) {
      tensors.put("y_embedder.embedding_table.weight", Shape.of(c.labels(), width));
    }
    if (c.rope()) {
      tensors.put("feat_rope.freqs_cos", Shape.of(c.tokens(), width / c.heads()));
      tensors.put("feat_rope.freqs_sin", Shape.of(c.tokens(), width / c.heads()));
    }
    for (int i = 0; i < c.depth(); i++) {
      block("blocks." + i);
    }
    alignment.ifPresent(this::projectors);
    if (c.rmsNorm()) {
      tensors.put("final_layer.norm_final.weight", Shape.of(width));
    }
    linear("final_layer.linear", width, c.patch() * c.patch() * c.outChannels());
    linear("final_layer.adaLN_modulation.1", width, 2 * width);
  }

  private void projectors(Alignment a) {
    for (int i = 0; i < a.widths().size(); i++) {
      linear("projectors." + i + ".0", c.width(), a.hidden());
      linear("projectors." + i + ".2", a.hidden(), a.hidden());
      linear("projectors." + i + ".4", a.hidden(), a.widths().get(i));
    }
  }

  private void block(String name) {
    int width = c.width();
    if (c.rmsNorm()) {
      tensors.put(name + ".norm1.weight", Shape.of(width));
      tensors.put(name + ".norm2.weight", Shape.of(width));
    }
    linear(name + ".attn.qkv", width, 3 * width);
    if (c.qkNorm()) {
      headNorm(name + ".attn.q_norm");
      headNorm(name + ".attn.k_norm");
    }
    linear(name + ".attn.proj", width, width);
    linear(name + (c.swiGlu() ? ".mlp.w12" : ".mlp.fc1"), width, (c.swiGlu() ? 2 : 1) * c.hidden());
    linear(name + (c.swiGlu() ? ".mlp.w3" : ".mlp.fc2"), c.hidden(), width);
    linear(name + ".adaLN_modulation.1", width, (c.shift() ? 6 : 4) * width);
  }

  private void headNorm(String name) {
    tensors.put(name + ".weight", Shape.of(c.width() / c.heads()));
    if (!c.rmsNorm()) {
      tensors.put(name + ".bias", Shape.of(c.width() / c.heads()));
    }
  }

  private void linear(String name, int in, int out) {
    tensors.put(name + ".weight", Shape.of(out, in));
    tensors.put(name + ".bias", Shape.of(out));
  }
}
