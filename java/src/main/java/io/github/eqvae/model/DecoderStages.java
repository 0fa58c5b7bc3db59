package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A decoder in parts: the middle, with all of its attention, and behind it stages, one per
 * resolution.
 */
public final class DecoderStages implements ImageStages {
  private final Decoder decoder;
  private final @Nullable Conv2d postQuantConv;
  private final DType activations;

  DecoderStages(Decoder decoder, @Nullable Conv2d postQuantConv, DType activations) {
    this.decoder = decoder;
    this.postQuantConv = postQuantConv;
    this.activations = activations;
  }

  /**
   * The middle.
   *
   * @param tape the tape
   * @param value as of {@link Autoencoder#decode}
   * @return {@code [N, h·k, w·k, c]} with k a power of 2, 1 in most models; the images, if no stage
   *     follows
   */
  public Tensor middle(Tape tape, Tensor value) {
    Tensor h = Ops.cast(tape, value, activations);
    h = decoder.middle(tape, postQuantConv == null ? h : postQuantConv.forward(tape, h));
    return count() == 0 ? Ops.cast(tape, h, tape.device().dtype()) : h;
  }

  @Override
  public int count() {
    return decoder.stages();
  }

  @Override
  public int cell(int stage) {
    return 1;
  }

  @Override
  public int halo(int stage) {
    int scale = decoder.scale(stage);
    return (decoder.convolutions(stage) + scale - 1) / scale;
  }

  @Override
  public List<GroupNorm> norms(int stage) {
    return decoder.norms(stage);
  }

  /** The last stage gives the images. */
  @Override
  public Tensor run(Tape tape, int stage, Tensor x, int norm) {
    Tensor h = decoder.stage(tape, stage, x, norm);
    boolean image = stage == count() - 1 && norm >= norms(stage).size();
    return image ? Ops.cast(tape, h, tape.device().dtype()) : h;
  }
}
