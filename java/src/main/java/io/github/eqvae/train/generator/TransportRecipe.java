package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.diffusion.TransportLoss;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code transport}, of SiT and LightningDiT. The defaults are those of willisma/SiT {@code
 * create_transport}, and of hustvl/LightningDiT's configurations.
 *
 * @param path the path from noise to data: {@code linear}, {@code gvp} or {@code vp}; default
 *     {@code linear}. Source: SiT: create_transport
 * @param prediction what the network predicts: {@code velocity}, {@code score} or {@code noise};
 *     default {@code velocity}. Source: SiT: create_transport
 * @param weight weight of a time in the loss of score and noise: {@code none}, {@code velocity} or
 *     {@code likelihood}; has no effect on velocity; default {@code none}. Source: SiT:
 *     create_transport
 * @param times how times are drawn: {@code uniform} or {@code logistic_normal}; default {@code
 *     uniform}, {@code logistic_normal} for LightningDiT. Source: SiT: transport.py; LightningDiT:
 *     its configurations
 * @param cosine weight of 1 − cos(prediction, target) in the loss; default 0, 1 for LightningDiT.
 *     Source: SiT: there is none; LightningDiT: its configurations
 */
public record TransportRecipe(
    Interpolant path,
    Transport.Prediction prediction,
    Transport.Weight weight,
    TransportLoss.Times times,
    double cosine)
    implements ProcessRecipe {
  static final String SECTION = "transport";

  static TransportRecipe read(RecipeFields in, NetworkRecipe model) {
    boolean lightning = model.kind() == NetworkRecipe.Kind.LIGHTNINGDIT;
    return new TransportRecipe(
        in.choice("path", Interpolant.LINEAR),
        in.choice("prediction", Transport.Prediction.VELOCITY),
        in.choice("weight", Transport.Weight.NONE),
        in.choice(
            "times", lightning ? TransportLoss.Times.LOGISTIC_NORMAL : TransportLoss.Times.UNIFORM),
        in.number("cosine", lightning ? 1 : 0, Range.NOT_NEGATIVE));
  }

  /** The path, with the margins of the reference. */
  @Override
  public GeneratorProcess.Flow process() {
    return new GeneratorProcess.Flow(new Transport(path, prediction, weight));
  }

  @Override
  public String section() {
    return SECTION;
  }

  @Override
  public DenoisingLoss loss() {
    return new TransportLoss(process().transport(), times, cosine);
  }

  @Override
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("path", RecipeFields.name(path));
    map.put("prediction", RecipeFields.name(prediction));
    map.put("weight", RecipeFields.name(weight));
    map.put("times", RecipeFields.name(times));
    map.put("cosine", cosine);
    return map;
  }
}
