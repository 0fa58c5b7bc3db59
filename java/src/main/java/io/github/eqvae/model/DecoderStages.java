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
 * resolution, in which a pixel depends on its neighbourhood and on the statistics of the norms
 * alone. So a stage can be run on tiles, given the statistics of the whole.
 */
public final class DecoderStages {
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
   * @return {@code [N, h·k, w·k, c]} with k a power of 2, 1 in most models
   */
  public Tensor middle(Tape tape, Tensor value) {
    Tensor h = Ops.cast(tape, value, activations);
    return decoder.middle(tape, postQuantConv == null ? h : postQuantConv.forward(tape, h));
  }

  /**
   * How many stages follow.
   *
   * @return one per resolution without attention
   */
  public int count() {
    return decoder.stages();
  }

  /**
   * By how much a stage enlarges what it gets.
   *
   * @param stage from 0
   * @return 1 or 2
   */
  public int scale(int stage) {
    return decoder.scale(stage);
  }

  /**
   * How far a pixel's neighbourhood reaches.
   *
   * @param stage from 0
   * @return pixels of what the stage gets
   */
  public int halo(int stage) {
    int scale = decoder.scale(stage);
    return (decoder.convolutions(stage) + scale - 1) / scale;
  }

  /**
   * The norms of a stage.
   *
   * @param stage from 0
   * @return in the order in which they are run
   */
  public List<GroupNorm> norms(int stage) {
    return decoder.norms(stage);
  }

  /**
   * Runs a stage, or its beginning.
   *
   * @param tape the tape
   * @param stage from 0
   * @param x what the stage before gave, or a part of it
   * @param norm which norm to stop before; {@code norms(stage).size()} to run all of it
   * @return what goes into that norm, or what the stage gives: the images, after the last one
   */
  public Tensor run(Tape tape, int stage, Tensor x, int norm) {
    Tensor h = decoder.stage(tape, stage, x, norm);
    boolean image = stage == count() - 1 && norm >= norms(stage).size();
    return image ? Ops.cast(tape, h, tape.device().dtype()) : h;
  }
}
