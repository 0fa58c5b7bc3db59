package io.github.eqvae.train.classifier;

import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.LossCollector;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.op.SoftmaxCrossEntropy;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.train.BatchShape;
import io.github.eqvae.train.LossReport;
import io.github.eqvae.train.MicroBatch;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.Phase;
import io.github.eqvae.train.StepContext;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.util.List;

/**
 * Training of a classifier. Its loss is the cross-entropy of the classes, averaged over the images
 * (PyTorch: {@code F.cross_entropy}).
 */
public final class ClassifierTask implements Task {
  static final String IMAGES = "images";
  static final String LABELS = "labels";

  private final ClassifierRecipe recipe;
  private final ImageClassifier network;

  ClassifierTask(ClassifierRecipe recipe, Stream stream) {
    this.recipe = recipe;
    network = recipe.config().build(stream, recipe.run().seed(), true);
    network.prepare(stream, recipe.run().batchSize());
  }

  /**
   * The network.
   *
   * @return closed with the task
   */
  public ImageClassifier network() {
    return network;
  }

  @Override
  public List<ParameterGroup> groups() {
    OptimizerRecipe o = recipe.optimizer();
    AdamSettings adam = o.adam();
    return List.of(
        new ParameterGroup(
            "classifier",
            "classifier",
            network.parameters(),
            adam,
            o.learningRate(),
            true,
            1,
            "grad_norm"));
  }

  @Override
  public BatchShape batch() {
    LabelledImages d = recipe.data();
    int n = recipe.run().batchSize();
    Shape images = Shape.of(n, d.resolution(), d.resolution(), d.channels());
    return new BatchShape(
        n,
        List.of(
            new BatchShape.Field(IMAGES, images, false),
            new BatchShape.Field(LABELS, Shape.of(n), true)));
  }

  @Override
  public List<Phase> phases(MicroBatch at) {
    return List.of(Phase.of("classifier", 0, this::work));
  }

  private LossReport work(StepContext c) {
    Tape tape = new Tape(c.stream(), c.arena(), c.mode());
    Tensor logits = network.logits(tape, c.input(IMAGES));
    Tensor each = tape.apply(new SoftmaxCrossEntropy(), logits, c.input(LABELS));
    Tensor loss = tape.apply(new Sum(1.0 / recipe.run().batchSize()), each);
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
  public List<ZeroGradients> zeroGradients() {
    return List.of(
        new ZeroGradients(
            "grad_norm",
            1,
            "all gradients of the classifier are exactly 0, so it does not learn. Is every image"
                + " black, or the learning rate so high that no feature is positive?"));
  }

  @Override
  public void close() {
    network.close();
  }
}
