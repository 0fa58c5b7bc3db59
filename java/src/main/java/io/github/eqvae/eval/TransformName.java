package io.github.eqvae.eval;

import io.github.eqvae.equivariance.SpatialTransform;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Names of transforms in {@link EquivarianceError}. */
final class TransformName {
  private TransformName() {}

  static String rotation(int angle) {
    return angle + "°";
  }

  static String scale(double scale) {
    return "×" + scale;
  }

  static <T> Map<String, Double> errors(
      EquivarianceError all, List<T> transforms, Function<T, String> name) {
    Map<String, Double> out = new LinkedHashMap<>();
    transforms.forEach(t -> out.put(t.toString(), all.mean(name.apply(t))));
    return out;
  }

  /** The transforms by name, in this order. */
  static Map<String, SpatialTransform> all(List<Integer> angles, List<Double> scales) {
    Map<String, SpatialTransform> all = new LinkedHashMap<>();
    angles.forEach(a -> all.put(rotation(a), SpatialTransform.rotation(a / 90 % 4)));
    scales.forEach(s -> all.put(scale(s), SpatialTransform.scale(s)));
    return all;
  }
}
