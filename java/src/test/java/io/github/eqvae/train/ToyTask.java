package io.github.eqvae.train;

import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.BatchShape.Field;
import io.github.eqvae.train.recipe.OptimizerRecipe;

/** A linear regression: the smallest task there is. */
public class ToyTask extends OneNetworkTask {
  public static final int SAMPLES = 4;
  public static final int FEATURES = 3;

  public final ParameterStore store;
  private final Linear layer;
  private final OptimizerRecipe optimizer;

  public ToyTask(Stream stream, OptimizerRecipe optimizer, long seed) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    layer = new Linear(builder.root(), FEATURES, 1);
    store = builder.build(stream, seed, true);
    this.optimizer = optimizer;
  }

  @Override
  protected ParameterGroup group() {
    return ParameterGroup.of("toy", store, optimizer, 1);
  }

  @Override
  public BatchShape batch() {
    return BatchShape.of(Field.numbers("x", SAMPLES, FEATURES), Field.numbers("y", SAMPLES, 1));
  }

  @Override
  protected LossReport learn(StepContext c) {
    Tape tape = c.tape();
    Tensor y = layer.forward(tape, c.input("x"));
    PixelLoss mean = new PixelLoss(PixelLoss.Kind.L2, 1.0 / SAMPLES);
    return c.minimize(tape, tape.apply(mean, y, c.input("y")));
  }
}
