package io.github.eqvae.train.generator;

import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;

/**
 * Batches of codes, some of them masked, as a {@link MaskGitTask} wants them. Sample p = b ·
 * batch_size + i, the i-th of micro-batch b, is the (p mod n)-th of epoch ⌊p / n⌋, each epoch in
 * its own order.
 */
public final class CodeBatches implements BatchSource {
  private final MaskGitRecipe recipe;
  private final CodeData data;
  private final MaskDraws draws;
  private final TrainingOrder order;

  /**
   * The batches of a recipe.
   *
   * @param recipe the recipe
   * @param data its codes; stays the caller's
   */
  public CodeBatches(MaskGitRecipe recipe, CodeData data) {
    this.recipe = recipe;
    this.data = data;
    order = new TrainingOrder(data, recipe.run().seed());
    draws = new MaskDraws(recipe.run().seed(), MaskDraws.TRAINING, recipe.masking().schedule());
  }

  @Override
  public void load(long index, HostBatch batch) {
    int samples = recipe.run().batchSize();
    int count = data.tokens();
    int[] tokens = batch.ints(MaskGitTask.TOKENS);
    int[] targets = batch.ints(MaskGitTask.TARGETS);
    float[] masked = batch.floats(MaskGitTask.MASKED);
    int hidden = 0;
    for (int i = 0; i < samples; i++) {
      int image = order.image(index * samples + i);
      boolean mirrored = order.mirrored(image);
      data.read(image, mirrored, targets, i * count);
      boolean[] mask = draws.mask(index, i, draws.r(index, i), count);
      for (int t = 0; t < count; t++) {
        tokens[i * (count + 1) + t] = mask[t] ? recipe.model().codes() : targets[i * count + t];
        masked[i * count + t] = mask[t] ? 1 : 0;
        hidden += mask[t] ? 1 : 0;
      }
      boolean unlabelled = draws.drops(index, i, recipe.model().classDropout());
      int label = unlabelled ? recipe.model().classes() : data.label(image);
      tokens[i * (count + 1) + count] = recipe.model().config().labelToken(label);
    }
    float each = 1f / Math.max(1, hidden); // the mean over the hidden codes
    for (int i = 0; i < masked.length; i++) {
      masked[i] *= each;
    }
  }
}
