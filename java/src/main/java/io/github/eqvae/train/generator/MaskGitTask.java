package io.github.eqvae.train.generator;

import io.github.eqvae.generator.CodeSampling;
import io.github.eqvae.generator.MaskGitConfig;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.generator.TokenDropout;
import io.github.eqvae.op.SoftmaxCrossEntropy;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.BatchShape;
import io.github.eqvae.train.LossReport;
import io.github.eqvae.train.MicroBatch;
import io.github.eqvae.train.OneNetworkTask;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.StepContext;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Training of MaskGIT: some codes of a picture are hidden, and the network predicts them. The loss
 * is the cross-entropy, with smoothed targets, of all codes or of those that are hidden
 * (valeoai/Maskgit-pytorch {@code Trainer/vit.py}).
 *
 * <p>What is hidden comes with the batch ({@link CodeBatches}); dropout is drawn on the device with
 * a counter of the micro-batch. So one graph does every step.
 */
public final class MaskGitTask extends OneNetworkTask {
  /**
   * The field of a batch: the codes, with the mask in place of hidden ones, and the label, {@code
   * [N, side² + 1]}.
   */
  public static final String TOKENS = "tokens";

  /** The field of a batch: the true codes, {@code [N, side²]}. */
  public static final String TARGETS = "targets";

  /** The field of a batch: 1 / (number of hidden codes) where a code is hidden, else 0. */
  public static final String MASKED = "masked";

  /** The log's name for the cross-entropy of hidden codes, without smoothing. */
  static final String MASKED_LOSS = "masked_loss";

  /** Memory of a plan is only addresses. */
  private static final long PLANNED = 1L << 44;

  private final MaskGitRecipe recipe;
  private final Stream stream;
  private final MaskedTransformer network;

  MaskGitTask(MaskGitRecipe recipe, Stream stream) {
    this.recipe = recipe;
    this.stream = stream;
    network = MaskedTransformer.of(recipe.model().config(), stream, recipe.run().seed(), true);
    network.computeIn(recipe.run().activations(stream.device()));
    network.prepare(stream, recipe.run().batchSize());
  }

  /**
   * The network.
   *
   * @return the model, owned by this
   */
  public MaskedTransformer network() {
    return network;
  }

  @Override
  protected ParameterGroup group() {
    return ParameterGroup.of("generator", network.parameters(), recipe.optimizer(), 2);
  }

  @Override
  public BatchShape batch() {
    MaskGitConfig c = network.config();
    int n = recipe.run().batchSize();
    return BatchShape.of(
        BatchShape.Field.integers(TOKENS, n, c.tokens() + 1L),
        BatchShape.Field.integers(TARGETS, n, c.tokens()),
        BatchShape.Field.numbers(MASKED, n, c.tokens()));
  }

  /** The counter of dropout. */
  @Override
  public int scalars() {
    return 1;
  }

  @Override
  public void scalars(MicroBatch at, double[] values) {
    values[0] = at.index();
  }

  @Override
  protected LossReport learn(StepContext c) {
    MaskingRecipe masking = recipe.masking();
    Tape tape = c.tape();
    TokenDropout dropout =
        new TokenDropout(recipe.model().dropout(), recipe.run().seed(), c.scalar(0));
    Tensor logits = network.forward(tape, c.input(TOKENS), dropout);
    boolean all = masking.tokens() == MaskingRecipe.Tokens.ALL;
    Tensor each =
        tape.apply(
            new SoftmaxCrossEntropy(masking.labelSmoothing()),
            logits,
            c.input(TARGETS),
            all ? null : c.input(MASKED));
    Tensor loss = tape.apply(new Sum(all ? 1.0 / each.shape().elements() : 1), each);
    return c.minimize(tape, loss, Map.of(MASKED_LOSS, maskedLoss(c, logits)));
  }

  /** The mean over hidden codes, for the log; the loss does not use it. */
  private static Tensor maskedLoss(StepContext c, Tensor logits) {
    Tape tape = new Tape(c.stream(), c.arena(), Tape.Mode.INFERENCE);
    Tensor each = tape.apply(new SoftmaxCrossEntropy(), logits, c.input(TARGETS), c.input(MASKED));
    return tape.apply(new Sum(1), each);
  }

  @Override
  public boolean initialize() throws IOException {
    return InitialWeights.of(recipe).load(file -> file.load(network, stream));
  }

  @Override
  public List<ZeroGradients> zeroGradients() {
    return List.of(
        new ZeroGradients(
            "grad_norm",
            1,
            "all gradients of the network are exactly 0, so it does not learn. Is it a file of"
                + " zeros that the run began with?"));
  }

  @Override
  public List<String> advice() {
    return List.of("optimizer.gradient_clip=1.0 and a warm-up, as published");
  }

  /** A forward pass for as many pictures as are sampled or validated at once. */
  @Override
  public long validationBytes() {
    try (TensorArena arena = new TensorArena(stream.device(), "samples")) {
      arena.reserve(PLANNED);
      new CodeSampling(network, stream, arena, recipe.samples().batch()).plan();
      return arena.extent();
    }
  }

  /** The autoencoder that decodes samples. */
  @Override
  public long samplesBytes() {
    return CodeDecoder.plannedBytes(recipe, stream);
  }

  @Override
  public void close() {
    network.close();
  }
}
