package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.GroupNorm;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An encoder in parts: stages, one per resolution that is halved, and behind them the end, with all
 * of its attention.
 */
public final class EncoderStages implements ImageStages {
  private final Encoder encoder;
  private final @Nullable Conv2d quantConv;
  private final DType activations;

  EncoderStages(Encoder encoder, @Nullable Conv2d quantConv, DType activations) {
    this.encoder = encoder;
    this.quantConv = quantConv;
    this.activations = activations;
  }

  @Override
  public int count() {
    return encoder.stages();
  }

  @Override
  public int cell(int stage) {
    return 2;
  }

  @Override
  public int halo(int stage) {
    return (encoder.convolutions(stage) + 1) / 2;
  }

  @Override
  public List<GroupNorm> norms(int stage) {
    return encoder.norms(stage);
  }

  /** The first stage gets the image. */
  @Override
  public Tensor run(Tape tape, int stage, Tensor x, int norm) {
    return encoder.stage(tape, stage, Ops.cast(tape, x, activations), norm);
  }

  /**
   * The end.
   *
   * @param tape the tape
   * @param x what the last stage gave; the image, if there are none
   * @return as of {@link Autoencoder#encode}
   */
  public Tensor end(Tape tape, Tensor x) {
    Tensor h = encoder.end(tape, Ops.cast(tape, x, activations));
    return Ops.cast(
        tape, quantConv == null ? h : quantConv.forward(tape, h), tape.device().dtype());
  }
}
