package io.github.eqvae.train;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.util.Map;

/** Is told what happens in a run. Every method has an empty default. */
public interface TrainListener {
  /**
   * The run starts or goes on.
   *
   * @param step steps done before
   * @param steps steps of the whole run
   * @throws IOException when writing fails
   */
  default void started(long step, long steps) throws IOException {}

  /**
   * A step is done.
   *
   * @param report what it tells
   * @throws IOException when writing fails
   */
  default void step(StepReport report) throws IOException {}

  /**
   * The held-out images were looked at.
   *
   * @param step steps done
   * @param values metrics by name
   * @throws IOException when writing fails
   */
  default void validated(long step, Map<String, Double> values) throws IOException {}

  /**
   * It is time for sample images.
   *
   * @param step steps done
   * @param vae the model, with averaged weights if the run keeps an average
   * @param stream orders the work
   * @throws IOException when writing fails
   */
  default void samples(long step, Autoencoder vae, Stream stream) throws IOException {}

  /**
   * A loss or gradient was not finite; what had not been updated yet, was not.
   *
   * @param step steps done, this one included
   * @param images the micro-batch it happened with, {@code [N, H, W, C]}, in [-1, 1] if nothing was
   *     wrong with it
   * @param values losses and norms by name
   * @param tau the τ of its first image, as text
   * @throws IOException when writing fails
   */
  default void nonFinite(long step, float[] images, Map<String, Double> values, String tau)
      throws IOException {}
}
