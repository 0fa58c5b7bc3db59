package io.github.eqvae.bench;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.Measures;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.Collections;
import java.util.List;

/** One training step of eqvae, as {@code Trainer} makes it. */
final class EqvaeStep extends EqvaeModelWork {
  private final EqObjective objective;
  private final AdamOptimizer adam;
  private final Ema ema;
  private final Tensor x;
  private final Tensor noise;
  private final float[] images;
  private final List<Draw> draws;

  EqvaeStep(StepSetting s) {
    super(s.config(), true);
    objective = new EqObjective(vae, null, Measures.NONE, StepSetting.EQ, StepSetting.LOSS);
    adam =
        new AdamOptimizer(vae.parameters(), stream, new AdamSettings(0.9, 0.999, 1e-8, 0, false));
    ema = new Ema(vae.parameters(), stream);
    int side = s.config().resolution();
    x = inputs.tensor(Shape.of(s.batch(), side, side, s.config().inChannels()));
    images = Numbers.uniform(5, x.shape().elements());
    int latent = s.latentSide();
    noise = inputs.tensor(Shape.of(s.batch(), latent, latent, s.config().embedDim()));
    noise.set(stream, Numbers.uniform(6, noise.shape().elements()));
    draws = Collections.nCopies(s.batch(), s.draw());
  }

  @Override
  public void run() {
    x.set(stream, images);
    ParameterStore parameters = vae.parameters();
    parameters.newUpdate();
    objective.autoencoderStep(
        stream, arena, Tape.Mode.RECORD, x, draws, (tape, shape, group) -> noise, false);
    if (!Double.isFinite(GradientNorm.of(stream, parameters, arena))) {
      throw new IllegalStateException("the benchmark diverged");
    }
    adam.step(stream, StepSetting.LEARNING_RATE, 1, ema, StepSetting.EMA_DECAY);
    arena.reset();
    stream.sync();
  }

  /** The weights after the steps so far, in the order of the parameters. */
  @Override
  public float[] result() {
    return Weights.flat(
        vae.parameters().learned().stream().map(p -> p.value().toFloats(stream)).toList());
  }
}
