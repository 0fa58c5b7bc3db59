package io.github.eqvae.bench.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.nn.Losses;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Two models of the same weights, eqvae's and libtorch's: their inputs and how they compare. */
final class Twins {
  /** Relative to the largest gradient of the same parameter. */
  static final double TOLERANCE = 1e-4;

  /** The rounding error of terms of size 1 that sum to zero, in double precision. */
  private static final double CANCELLED = 1e-12;

  private Twins() {}

  static float[] normal(long seed, long count) {
    Random random = new Random(seed);
    float[] out = new float[(int) count];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) random.nextGaussian();
    }
    return out;
  }

  static float[] images(int batch, int side) {
    return images(batch, side, 5);
  }

  /** Images of a few smooth waves, so that the networks get more than noise. */
  static float[] images(int batch, int side, long seed) {
    float[] x = normal(seed, (long) batch * side * side * 3);
    for (int i = 0; i < x.length; i++) {
      double wave = Math.sin(i / 3 % side * 0.4 + i % 3) * Math.cos(i / (3 * side) * 0.23);
      x[i] = (float) Math.clamp(0.7 * wave + 0.15 * x[i], -1, 1);
    }
    return x;
  }

  static Tensor nchw(float[] nhwc, Shape shape) {
    return Tensor.create(nhwc, shape.extents())
        .to(torch.ScalarType.Double)
        .permute(0, 3, 1, 2)
        .contiguous();
  }

  static double[] values(Tensor t) {
    Tensor dense = t.to(torch.ScalarType.Double).contiguous();
    double[] out = new double[(int) dense.numel()];
    new DoublePointer(dense.data_ptr()).get(out);
    return out;
  }

  /** The samples of each draw, in the order the draws occur. */
  static List<TorchObjective.Group> groups(
      List<Draw> draws, Tensor x, AutoencoderConfig config, long noiseSeed) {
    Map<Draw, List<Integer>> members = new LinkedHashMap<>();
    for (int i = 0; i < draws.size(); i++) {
      members.computeIfAbsent(draws.get(i), d -> new ArrayList<>()).add(i);
    }
    List<TorchObjective.Group> out = new ArrayList<>();
    members.forEach(
        (draw, rows) -> {
          long[] index = rows.stream().mapToLong(i -> i).toArray();
          Tensor images = x.index_select(0, Tensor.create(index, index.length));
          boolean low = draw.branch() == Draw.Branch.LOW_RESOLUTION;
          double latents = (double) x.size(2) / config.downsamplingFactor();
          long side = (long) (latents * (low ? draw.transform().scaleHeight() : 1));
          Shape latent = Shape.of(index.length, side, side, config.embedDim());
          out.add(
              new TorchObjective.Group(
                  images,
                  draw,
                  nchw(normal(noiseSeed + out.size(), latent.elements()), latent),
                  extras(noiseSeed, out.size())));
        });
    return out;
  }

  /** Numbers of a kind, in the order of NHWC. */
  private static float[] extra(
      EqObjective.Extra what, int index, long seed, int group, long count) {
    float[] out = normal(7919 * seed + 31L * (8L * what.ordinal() + index) + group, count);
    for (int i = 0; i < out.length; i++) {
      out[i] =
          switch (what) {
            case LATENT_NOISE -> out[i];
            case LATENT_NOISE_SHARE -> Math.abs(out[i]) % 1;
            case LPIPS_DROPOUT -> out[i] > 0 ? 2 : 0;
          };
    }
    return out;
  }

  private static TorchObjective.Extras extras(long seed, int group) {
    return (what, index, shape) -> {
      Shape nhwc = Shape.of(shape[0], shape[2], shape[3], shape[1]);
      return nchw(extra(what, index, seed, group, nhwc.elements()), nhwc);
    };
  }

  static EqObjective.Noise noise(Stream stream, long seed) {
    return new EqObjective.Noise() {
      @Override
      public io.github.eqvae.tensor.Tensor draw(Tape tape, Shape shape, int group) {
        io.github.eqvae.tensor.Tensor t = tape.arena().tensor(shape);
        t.set(stream, normal(seed + group, shape.elements()));
        return t;
      }

      @Override
      public io.github.eqvae.tensor.Tensor draw(
          EqObjective.Extra what, int index, Tape tape, Shape shape, int group) {
        io.github.eqvae.tensor.Tensor t = tape.arena().tensor(shape);
        t.set(stream, extra(what, index, seed, group, shape.elements()));
        return t;
      }
    };
  }

  static void compareLosses(Map<String, Double> expected, Losses actual) {
    expected.forEach(
        (name, value) ->
            assertEquals(value, actual.get(name), TOLERANCE * Math.abs(value) + 1e-12, name));
  }

  /** Gradients by the names of what is learned. */
  static Map<String, double[]> gradients(TorchParameters parameters) {
    Map<String, double[]> out = new LinkedHashMap<>();
    for (String name : parameters.learned()) {
      out.put(name, values(parameters.value(name).grad()));
    }
    return out;
  }

  private static Map<String, double[]> gradients(ParameterStore store, Stream stream) {
    Map<String, double[]> out = new LinkedHashMap<>();
    store.learned().forEach(p -> out.put(p.name(), p.gradient().toDoubles(stream)));
    return out;
  }

  /** The largest difference of each parameter, relative to its largest expected gradient. */
  static Map<String, Double> differences(
      Map<String, double[]> expected, Function<String, double[]> actual) {
    Map<String, Double> out = new LinkedHashMap<>();
    expected.forEach(
        (name, other) -> {
          double[] mine = actual.apply(name);
          assertEquals(other.length, mine.length, name);
          double difference = 0;
          for (int i = 0; i < mine.length; i++) {
            double d = Math.abs(mine[i] - other[i]);
            difference = d <= difference ? difference : d; // NaN is the worst
          }
          // Softmax does not change if the same number is added to all scores of a row, so the
          // gradient of the keys' bias is exactly zero in theory. So is that of the last bias of
          // the discriminator where all logits lie
          // between the hinge's kinks: real and fake pull equally. What rounding leaves of the
          // terms is compared with the gradient of the layer's weights instead.
          boolean zero = name.endsWith(".k.bias") || maximum(other) < CANCELLED;
          String measure = zero ? name.replace(".bias", ".weight") : name;
          out.put(name, difference / maximum(expected.get(measure)));
        });
    return out;
  }

  /** NaN is the worst. */
  static double worst(Map<String, Double> differences) {
    return differences.values().stream().reduce(0.0, (a, b) -> b <= a ? a : b);
  }

  /** Returns the largest difference of all, relative to its parameter's largest gradient. */
  static double compareGradients(ParameterStore store, Stream stream, TorchParameters expected) {
    return compareGradients(store, stream, gradients(expected));
  }

  static double compareGradients(
      ParameterStore store, Stream stream, Map<String, double[]> expected) {
    Map<String, double[]> mine = gradients(store, stream);
    assertEquals(expected.keySet(), mine.keySet(), "other parameters");
    Map<String, Double> all = differences(expected, mine::get);
    List<String> wrong =
        all.entrySet().stream()
            .filter(e -> !(e.getValue() <= TOLERANCE))
            .map(Object::toString)
            .toList();
    assertEquals(List.of(), wrong);
    return worst(all);
  }

  /**
   * Biases that keep some features of every pixel above zero after ReLU, as in a trained network.
   * LPIPS normalises the features, and the derivative of that is unbounded where they are nearly
   * zero.
   */
  static void brighten(Lpips lpips, Stream stream) {
    for (Parameter p : lpips.parameters().all()) {
      if (p.name().endsWith(".bias")) {
        p.value().fill(stream, 0.5);
      }
    }
  }

  /**
   * Larger last weights, so that logits are on both sides of the hinge's kinks, as after some
   * training.
   */
  static void decide(Discriminator disc, int layers, Stream stream) {
    Parameter last = disc.parameters().get("main." + (2 + 3 * layers) + ".weight");
    float[] weights = last.value().toFloats(stream);
    for (int i = 0; i < weights.length; i++) {
      weights[i] *= 20;
    }
    last.value().set(stream, weights);
  }

  static double maximum(double[] x) {
    double most = 0;
    for (double v : x) {
      most = Math.max(most, Math.abs(v));
    }
    return most;
  }

  /** Codes near actual latents, so that many are used, as after some training. */
  static void spread(VqModel vq, Stream stream, io.github.eqvae.tensor.Tensor x) {
    Tape tape = new Tape(stream, x.arena(), Tape.Mode.INFERENCE);
    float[] z = vq.encode(tape, x).toFloats(stream);
    int channels = vq.codebook().shape().size(1);
    int vectors = z.length / channels;
    float[] codes = vq.codebook().value().toFloats(stream);
    int used = Math.min(vectors, codes.length / channels);
    for (int i = 0; i < used * channels; i++) {
      codes[i] = 1.05f * z[i / channels * (vectors / used) * channels + i % channels];
    }
    vq.codebook().value().set(stream, codes);
  }
}
