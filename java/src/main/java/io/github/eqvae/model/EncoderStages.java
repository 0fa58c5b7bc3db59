package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * An encoder in parts: first stages, one per resolution, up to the first level with attention; then
 * the end, which runs on the whole image.
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
    int n = 0;
    while (encoder.down.get(n).downsample != null && encoder.down.get(n).attentions.isEmpty()) {
      n++;
    }
    return n;
  }

  @Override
  public int cell(int stage) {
    return 2;
  }

  /** Each 3×3 convolution reaches one pixel further. */
  @Override
  public int halo(int stage) {
    int convIn = stage == 0 ? 1 : 0;
    int convolutions = convIn + 2 * encoder.down.get(stage).blocks.size() + 1;
    return (convolutions + 1) / 2;
  }

  /** The first stage gets the image. */
  @Override
  public Tensor run(Tape tape, int stage, Tensor x) {
    return encoder.level(tape, stage, stage == 0 ? Ops.cast(tape, x, activations) : x);
  }

  /**
   * Runs the end.
   *
   * @param tape the tape
   * @param x the result of the last stage; the image, if there are no stages
   * @return as of {@link Autoencoder#encode}
   */
  public Tensor end(Tape tape, Tensor x) {
    Tensor h = x;
    for (int i = count(); i < encoder.down.size(); i++) {
      h = run(tape, i, h);
    }
    h = encoder.out(tape, encoder.mid.forward(tape, h));
    return Ops.cast(
        tape, quantConv == null ? h : quantConv.forward(tape, h), tape.device().dtype());
  }
}
