package io.github.eqvae.model;

import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A decoder in parts: first the middle, up to the blocks of the last level with attention, which
 * runs on the whole image; then stages, one per resolution. A stage begins with upsampling, so that
 * the tensors between stages are small.
 */
public final class DecoderStages implements ImageStages {
  private final Decoder decoder;
  private final @Nullable Conv2d postQuantConv;
  private final DType activations;

  /** Levels that belong to the middle. */
  private final int inMiddle;

  DecoderStages(Decoder decoder, @Nullable Conv2d postQuantConv, DType activations) {
    this.decoder = decoder;
    this.postQuantConv = postQuantConv;
    this.activations = activations;
    int n = decoder.up.size();
    while (n > 0 && decoder.up.get(n - 1).attentions.isEmpty()) {
      n--;
    }
    inMiddle = n;
  }

  /**
   * Runs the middle.
   *
   * @param tape the tape
   * @param value as of {@link Autoencoder#decode}
   * @return {@code [N, h·k, w·k, c]} with k a power of 2, 1 in most models; the images, if no stage
   *     follows
   */
  public Tensor middle(Tape tape, Tensor value) {
    Tensor h = Ops.cast(tape, value, activations);
    h = postQuantConv == null ? h : postQuantConv.forward(tape, h);
    h = decoder.mid.forward(tape, decoder.convIn.forward(tape, h));
    for (int level = 0; level < inMiddle; level++) {
      h = decoder.level(tape, level, h);
    }
    return count() == 0 ? image(tape, h) : h;
  }

  @Override
  public int count() {
    return decoder.up.size() - inMiddle;
  }

  @Override
  public int cell(int stage) {
    return 1;
  }

  /** Each 3×3 convolution reaches one pixel further, after upsampling of the doubled image. */
  @Override
  public int halo(int stage) {
    int level = inMiddle + stage;
    int upsample = level == 0 ? 0 : 1;
    int convOut = stage == count() - 1 ? 1 : 0;
    int convolutions = upsample + 2 * decoder.up.get(level).blocks.size() + convOut;
    return level == 0 ? convolutions : (convolutions + 1) / 2;
  }

  /** The last stage returns the images. */
  @Override
  public Tensor run(Tape tape, int stage, Tensor x) {
    Tensor h = decoder.level(tape, inMiddle + stage, x);
    return stage == count() - 1 ? image(tape, h) : h;
  }

  private Tensor image(Tape tape, Tensor x) {
    return Ops.cast(tape, decoder.out(tape, x), tape.device().dtype());
  }
}
