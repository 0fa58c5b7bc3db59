package io.github.eqvae.train.autoencoder;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The weights and pictures that figures were measured with. Figures of other weights or pictures do
 * not belong to a run.
 *
 * @param model what was measured, a run's folder or a checkpoint
 * @param weights {@code ema}, {@code model} (as last trained), or what a checkpoint says of them
 * @param step of the run; empty for a checkpoint
 * @param pictures {@link #HELD_OUT}, {@link #TRAINED_ON}, or the folder
 */
public record Measured(String model, String weights, OptionalLong step, String pictures) {
  /** A run's own held-out images. */
  public static final String HELD_OUT = "held-out";

  /** The training images of a run that holds none out. */
  public static final String TRAINED_ON = "trained-on";

  /** The average of the weights. */
  public static final String EMA = "ema";

  /** The weights as last trained. */
  public static final String MODEL = "model";

  /**
   * A run, measured on pictures of its own.
   *
   * @param run its folder
   * @param averaged whether the weights are the average
   * @param step steps done
   * @param anyHeldOut whether any pictures are held out
   * @return what was measured
   */
  public static Measured ofRun(Path run, boolean averaged, long step, boolean anyHeldOut) {
    return new Measured(
        run.toString(),
        averaged ? EMA : MODEL,
        OptionalLong.of(step),
        anyHeldOut ? HELD_OUT : TRAINED_ON);
  }

  /**
   * The same with pictures of a folder.
   *
   * @param folder the folder
   * @return what was measured
   */
  public Measured on(Path folder) {
    return new Measured(model, weights, step, folder.toString());
  }

  /**
   * For programs.
   *
   * @return values by name
   */
  public Map<String, Object> json() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("model", model);
    map.put("weights", weights);
    step.ifPresent(s -> map.put("step", s));
    map.put("pictures", pictures);
    return map;
  }

  /**
   * Whether figures are those of a run's model: of its weights, decoded from the mode, on its own
   * pictures.
   *
   * @param figures {@code evaluation.json}
   * @param averaged whether the model's weights are the average
   * @param step of the model, as its file says
   * @return true if they are
   */
  public static boolean isOf(JsonNode figures, boolean averaged, String step) {
    JsonNode m = figures.path("measured");
    String pictures = m.path("pictures").asText();
    return figures.path("posterior").asText().equals("mode")
        && m.path("weights").asText().equals(averaged ? EMA : MODEL)
        && m.path("step").asText().equals(step)
        && !step.isEmpty()
        && (pictures.equals(HELD_OUT) || pictures.equals(TRAINED_ON));
  }
}
