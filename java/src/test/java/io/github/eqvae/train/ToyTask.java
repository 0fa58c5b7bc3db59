package io.github.eqvae.train;

import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.util.List;

/** A linear regression on noisy inputs: the smallest task there is. */
public class ToyTask implements Task {
  public static final int SAMPLES = 4;
  public static final int FEATURES = 3;

  public final ParameterStore store;
  private final Linear layer;
  private final long seed;
  int[] firstLabels = {};

  public ToyTask(Stream stream, long seed) {
    this.seed = seed;
    ParameterStore.Builder builder = new ParameterStore.Builder();
    layer = new Linear(builder.root(), FEATURES, 1);
    store = builder.build(stream, seed, true);
  }

  @Override
  public List<ParameterGroup> groups() {
    AdamSettings adam = new AdamSettings(0.9, 0.99, 1e-8, 0.01, true);
    return List.of(
        new ParameterGroup(
            "toy",
            "regression",
            store,
            adam,
            0.05,
            true,
            1,
            "norm",
            p -> p.name().equals("weight") ? 0.01 : 0));
  }

  @Override
  public BatchShape batch() {
    return new BatchShape(
        SAMPLES,
        List.of(
            new BatchShape.Field("x", Shape.of(SAMPLES, FEATURES), false),
            new BatchShape.Field("y", Shape.of(SAMPLES, 1), false),
            new BatchShape.Field("labels", Shape.of(SAMPLES), true)));
  }

  @Override
  public int scalars() {
    return 1;
  }

  @Override
  public void scalars(MicroBatch at, double[] values) {
    values[0] = at.index(); // what the noise is drawn with
  }

  @Override
  public List<Phase> phases(MicroBatch at) {
    return List.of(Phase.of("regression", 0, this::work));
  }

  private LossReport work(StepContext c) {
    Tape tape = new Tape(c.stream(), c.arena(), c.mode());
    Tensor x = c.arena().tensor(Shape.of(SAMPLES, FEATURES));
    x.normal(c.stream(), seed, 7, c.scalar(0), 0, 0.01);
    x = tape.apply(new Add(), x, c.input("x"));
    PixelLoss mean = new PixelLoss(PixelLoss.Kind.L2, 1.0 / SAMPLES);
    Tensor loss = tape.apply(mean, layer.forward(tape, x), c.input("y"));
    LossCollector losses = new LossCollector();
    losses.add("total", loss, 1);
    LossTerms.Report report = new LossTerms.Report(c.report(), null);
    LossTerms terms = losses.collect(c.stream(), report);
    tape.backward(List.of(tape.seed(loss, 1)));
    return LossReport.of(terms, report);
  }

  @Override
  public List<Sketch> sketches(MicroBatch at) {
    return List.of(new Sketch("any", phases(at)));
  }

  @Override
  public boolean initialize(StepContext context) {
    firstLabels = context.input("labels").toInts(context.stream());
    return false;
  }

  @Override
  public void close() {
    store.close();
  }
}
