package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lists the tensors of MaskGIT's networks without building them. Sources: valeoai/Maskgit-pytorch
 * and valeoai/Halton-MaskGIT {@code Network/transformer.py}.
 */
final class MaskGitTensors {
  /** The last layer's weight in Halton-MaskGIT's files, which equals the table of codes. */
  static final String TIED = "head.weight";

  static final String TABLE = "tok_emb.weight";

  private final MaskGitConfig c;
  private final Map<String, Shape> tensors = new LinkedHashMap<>();

  private MaskGitTensors(MaskGitConfig config) {
    c = config;
  }

  static Map<String, Shape> of(MaskGitConfig config) {
    MaskGitTensors list = new MaskGitTensors(config);
    switch (config.kind()) {
      case MASKGIT -> list.maskGit();
      case HALTON -> list.halton();
    }
    return list.tensors;
  }

  private void maskGit() {
    int width = c.width();
    int rows = c.codes() + 1 + c.classes() + 1;
    tensors.put("pos_emb", Shape.of(1, c.tokens() + 1L, width));
    tensors.put("bias", Shape.of(c.tokens() + 1L, rows));
    tensors.put(TABLE, Shape.of(rows, width));
    norm("first_layer.0");
    linear("first_layer.2", width, width);
    norm("first_layer.4");
    linear("first_layer.6", width, width);
    for (int i = 0; i < c.depth(); i++) {
      String block = "transformer.layers." + i;
      norm(block + ".0.norm");
      tensors.put(block + ".0.fn.mha.in_proj_weight", Shape.of(3L * width, width));
      tensors.put(block + ".0.fn.mha.in_proj_bias", Shape.of(3L * width));
      linear(block + ".0.fn.mha.out_proj", width, width);
      norm(block + ".1.norm");
      linear(block + ".1.fn.net.0", width, c.hidden());
      linear(block + ".1.fn.net.3", c.hidden(), width);
    }
    norm("last_layer.0");
    linear("last_layer.2", width, width);
    norm("last_layer.4");
  }

  private void halton() {
    int width = c.width();
    int two = (int) (2L * c.hidden() / 3);
    int hidden = 256 * ((two + 255) / 256);
    tensors.put("cls_emb.weight", Shape.of(c.classes() + 1L, width));
    tensors.put(TABLE, Shape.of(c.codes() + 1L, width));
    tensors.put("pos_emb.weight", Shape.of(c.tokens(), width));
    for (int i = 0; i < c.depth(); i++) {
      String block = "transformer.layers." + i;
      linear(block + ".mlp.1", width, 6 * width);
      tensors.put(block + ".ln1.weight", Shape.of(width));
      for (String product : new String[] {"wq", "wk", "wv", "wo"}) {
        tensors.put(block + ".attn." + product + ".weight", Shape.of(width, width));
      }
      tensors.put(block + ".ln2.weight", Shape.of(width));
      tensors.put(block + ".ff.w1.weight", Shape.of(hidden, width));
      tensors.put(block + ".ff.w2.weight", Shape.of(width, hidden));
      tensors.put(block + ".ff.w3.weight", Shape.of(hidden, width));
    }
    norm("last_norm.norm_final");
    linear("last_norm.mlp.1", width, 2 * width);
    tensors.put("head.bias", Shape.of(c.codes() + 1L));
    if (c.registers() > 0) {
      tensors.put("reg_tokens.weight", Shape.of(c.registers(), width));
    }
  }

  private void norm(String name) {
    tensors.put(name + ".weight", Shape.of(c.width()));
    tensors.put(name + ".bias", Shape.of(c.width()));
  }

  private void linear(String name, int in, int out) {
    tensors.put(name + ".weight", Shape.of(out, in));
    tensors.put(name + ".bias", Shape.of(out));
  }
}
