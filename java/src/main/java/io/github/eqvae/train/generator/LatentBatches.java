package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Batches of latents with their times and labels, as a {@link GeneratorTask} wants them. Sample p =
 * b · batch_size + i, the i-th of micro-batch b, is the (p mod n)-th of epoch ⌊p / n⌋, each epoch
 * in its own order.
 */
public final class LatentBatches implements BatchSource {
  private final GeneratorRecipe recipe;
  private final LatentData data;
  private final DenoisingLoss loss;
  private final SampleDraws draws;
  private final TrainingOrder order;

  /**
   * The batches of a recipe.
   *
   * @param recipe the recipe
   * @param data its latents; stays the caller's
   */
  public LatentBatches(GeneratorRecipe recipe, LatentData data) {
    this.recipe = recipe;
    this.data = data;
    order = new TrainingOrder(data, recipe.run().seed());
    loss = recipe.process().loss();
    draws = new SampleDraws(recipe.run().seed(), loss);
  }

  @Override
  public void load(long index, HostBatch batch) throws IOException {
    int samples = recipe.run().batchSize();
    boolean posterior = recipe.data().posterior() == LatentsRecipe.Posterior.SAMPLE;
    float[] latents = batch.floats(posterior ? GeneratorTask.MOMENTS : GeneratorTask.LATENTS);
    int each = latents.length / samples;
    int[] images = new int[samples];
    boolean[] mirrored = new boolean[samples];
    for (int i = 0; i < samples; i++) {
      int image = order.image(index * samples + i);
      images[i] = image;
      mirrored[i] = order.mirrored(image);
      data.read(image, mirrored[i], latents, i * each);
      if (recipe.model().classes() > 0) {
        boolean hidden = draws.drops(index, i, recipe.model().classDropout());
        batch.ints(GeneratorTask.LABELS)[i] = hidden ? recipe.model().classes() : data.label(image);
      }
      time(draws.time(index, i), i, batch);
    }
    if (data.targets().isPresent()) {
      int networks = recipe.alignment().width().size();
      List<float[]> features =
          IntStream.range(0, networks)
              .mapToObj(k -> batch.floats(GeneratorTask.features(k)))
              .toList();
      data.targets().get().read(images, mirrored, features);
    }
  }

  /** Writes the values that depend on a sample's time only. */
  private void time(double time, int sample, HostBatch batch) {
    batch.floats(GeneratorTask.TIMES)[sample] = (float) time;
    double[] row = loss.row(time);
    float[] rows = batch.floats(GeneratorTask.ROWS);
    for (int k = 0; k < row.length; k++) {
      rows[sample * row.length + k] = (float) row[k];
    }
  }
}
