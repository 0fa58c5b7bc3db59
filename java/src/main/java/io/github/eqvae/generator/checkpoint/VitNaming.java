package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.VitConfig;
import io.github.eqvae.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The names of DINOv2's tensors in three libraries, with the names of facebookresearch/dinov2,
 * which eqvae uses.
 */
enum VitNaming {
  /** facebookresearch/dinov2, from {@code torch.hub}. */
  HUB("torch.hub", "patch_embed.proj.weight", "blocks.", "register_tokens", Set.of("mask_token")),
  /**
   * timm. For networks with registers, the class token includes its position embedding, and the
   * table has no row for it.
   */
  TIMM("timm", "patch_embed.proj.weight", "blocks.", "reg_token", Set.of()),
  /**
   * transformers' names in files; version 5 has other names in memory, see {@link #inFiles}.
   * Queries, keys and values are three tensors.
   */
  TRANSFORMERS(
      "transformers",
      "embeddings.patch_embeddings.projection.weight",
      "encoder.layer.",
      "embeddings.register_tokens",
      Set.of("embeddings.mask_token"));

  private static final Pattern CHUNK = Pattern.compile("^blocks\\.\\d+\\.(\\d+)\\.");

  private static final Map<String, String> IN_MEMORY =
      Map.of(
          ".attention.q_proj.", ".attention.attention.query.",
          ".attention.k_proj.", ".attention.attention.key.",
          ".attention.v_proj.", ".attention.attention.value.",
          ".attention.o_proj.", ".attention.output.dense.");

  /** Parts of a block: our name to the names in transformers. */
  private static final Map<String, List<String>> OF_TRANSFORMERS =
      Map.of(
          "attn.qkv",
          List.of(
              "attention.attention.query", "attention.attention.key", "attention.attention.value"),
          "attn.proj",
          List.of("attention.output.dense"),
          "ls1.gamma",
          List.of("layer_scale1.lambda1"),
          "ls2.gamma",
          List.of("layer_scale2.lambda1"));

  private final String title;
  private final String anchor;
  private final String blocks;
  private final String registers;
  private final Set<String> unused;

  VitNaming(String title, String anchor, String blocks, String registers, Set<String> unused) {
    this.title = title;
    this.anchor = anchor;
    this.blocks = blocks;
    this.registers = registers;
    this.unused = unused;
  }

  /**
   * The name in a file of {@code save_pretrained} for the one that transformers 5 has in memory,
   * and {@code torch.save(model.state_dict())} writes.
   */
  static String inFiles(String name) {
    for (Map.Entry<String, String> e : IN_MEMORY.entrySet()) {
      if (name.contains(e.getKey())) {
        return name.replace(e.getKey(), e.getValue());
      }
    }
    return name;
  }

  /**
   * The name that torch.hub has for a tensor of a file. DINOv2's training code keeps blocks in
   * chunks: there {@code blocks.1.6.} is block 6, in chunk 1.
   */
  static String withoutChunk(String name) {
    return CHUNK.matcher(name).replaceFirst("blocks.$1.");
  }

  /** The library's name for messages. */
  String title() {
    return title;
  }

  /** The name of a tensor that each such network has. */
  String anchor() {
    return anchor;
  }

  /** The prefix of block i's names. */
  String block(int i) {
    return blocks + i + ".";
  }

  String registers() {
    return registers;
  }

  /** Tensors that only training uses. */
  Set<String> unused() {
    return unused;
  }

  /** Whether class token and position are one tensor in the file. */
  boolean foldsClassPosition(int registers) {
    return this == TIMM && registers > 0;
  }

  /** The names of the tensors in a file that, concatenated by rows, are one tensor here. */
  record Place(List<String> names, Shape shape) {}

  /** The location of every tensor of a network, by our name. */
  Map<String, Place> places(VitConfig c) {
    boolean three = this == TRANSFORMERS;
    Map<String, Place> all = new LinkedHashMap<>();
    int width = c.width();
    long positions = (long) c.side() * c.side() + (foldsClassPosition(c.registers()) ? 0 : 1);
    put(all, "cls_token", three ? "embeddings.cls_token" : "cls_token", 1, 1, width);
    put(
        all,
        "pos_embed",
        three ? "embeddings.position_embeddings" : "pos_embed",
        1,
        positions,
        width);
    if (c.registers() > 0) {
      put(all, "register_tokens", registers, 1, c.registers(), width);
    }
    String patches = anchor.substring(0, anchor.lastIndexOf('.'));
    put(all, "patch_embed.proj.weight", anchor, width, 3, c.patch(), c.patch());
    put(all, "patch_embed.proj.bias", patches + ".bias", width);
    for (int i = 0; i < c.depth(); i++) {
      norm(all, i, "norm1", width);
      linear(all, i, "attn.qkv", width, 3 * width);
      linear(all, i, "attn.proj", width, width);
      tensor(all, i, "ls1.gamma", "", Shape.of(width));
      norm(all, i, "norm2", width);
      linear(all, i, "mlp.fc1", width, c.hidden());
      linear(all, i, "mlp.fc2", c.hidden(), width);
      tensor(all, i, "ls2.gamma", "", Shape.of(width));
    }
    String norm = three ? "layernorm" : "norm";
    put(all, "norm.weight", norm + ".weight", width);
    put(all, "norm.bias", norm + ".bias", width);
    return all;
  }

  private static void put(Map<String, Place> all, String ours, String theirs, long... extents) {
    all.put(ours, new Place(List.of(theirs), Shape.of(extents)));
  }

  private void norm(Map<String, Place> all, int block, String name, int width) {
    tensor(all, block, name, ".weight", Shape.of(width));
    tensor(all, block, name, ".bias", Shape.of(width));
  }

  private void linear(Map<String, Place> all, int block, String name, int in, int out) {
    tensor(all, block, name, ".weight", Shape.of(out, in));
    tensor(all, block, name, ".bias", Shape.of(out));
  }

  private void tensor(Map<String, Place> all, int i, String name, String suffix, Shape shape) {
    List<String> parts = this == TRANSFORMERS ? OF_TRANSFORMERS.get(name) : null;
    List<String> names =
        (parts == null ? List.of(name) : parts).stream().map(p -> block(i) + p + suffix).toList();
    all.put("blocks." + i + "." + name + suffix, new Place(names, shape));
  }
}
