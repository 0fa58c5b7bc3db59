package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.Denoiser;
import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.Likelihood;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Calls a network for samplers and measurements: inputs and results are numbers in host memory.
 *
 * @param network the network, with the weights that are in place
 * @param stream orders the work
 * @param arena memory of a call; it is reset after each
 */
record Denoising(Dit network, Stream stream, TensorArena arena) {
  /** A sampler's view: all samples at one time, with their labels. */
  Denoiser of(int... labels) {
    return (x, time) -> {
      float[] times = new float[labels.length];
      Arrays.fill(times, (float) time);
      return ask(x, times, labels);
    };
  }

  /** The same for a path, on which the second half of a network's channels has no meaning. */
  Denoiser withoutVariance(int... labels) {
    Denoiser all = of(labels);
    DitConfig c = network.config();
    return !c.learnSigma() ? all : (x, time) -> firstHalf(all.predict(x, time), c.channels());
  }

  private static float[] firstHalf(float[] said, int channels) {
    float[] out = new float[said.length / 2];
    for (int i = 0; i < out.length; i++) {
      out[i] = said[i / channels * 2 * channels + i % channels];
    }
    return out;
  }

  /** {@code x [N, H, W, C]}, times and labels {@code [N]}; without classes labels do not matter. */
  float[] ask(float[] x, float[] times, int... labels) {
    Inputs in = new Inputs(times.length);
    in.noisy.set(stream, x);
    in.set(times, labels);
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    float[] said = dense(network.forward(tape, in.noisy, in.times, in.labels)).toFloats(stream);
    arena.reset();
    return said;
  }

  /**
   * The same with the gradient of the inner product of the result and other numbers, for {@link
   * Likelihood}. It needs the memory of a training step without the parameters' gradients.
   */
  Likelihood.Network differentiable(int... labels) {
    return (x, time, cotangent) -> {
      Inputs in = new Inputs(labels.length);
      in.noisy.set(stream, x);
      float[] times = new float[labels.length];
      Arrays.fill(times, (float) time);
      in.set(times, labels);
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor said = network.forward(tape, tape.watch(in.noisy), in.times, in.labels);
      said = tape.apply(new Narrow(3, 0, network.config().channels()), said);
      Tensor signs = arena.tensor(in.noisy.shape());
      signs.set(stream, cotangent);
      Tensor pulled =
          Objects.requireNonNull(
              tape.gradients(List.of(new Seed(said, signs)), List.of(in.noisy)).get(in.noisy));
      Likelihood.Answer answer =
          new Likelihood.Answer(dense(said).toFloats(stream), dense(pulled).toFloats(stream));
      arena.reset();
      return answer;
    };
  }

  /**
   * The loss of each sample.
   *
   * @param loss the loss
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param times as the network is told, {@code [N]}
   * @param labels {@code [N]}
   * @return {@code [N]}
   */
  double[] losses(DenoisingLoss loss, float[] data, float[] noise, double[] times, int... labels) {
    Inputs in = new Inputs(times.length);
    Corruption c = new Corruption(loss, times.length);
    c.set(loss, data, noise, times);
    in.set(told(times), labels);
    double[] out = new double[times.length];
    for (DenoisingLoss.Term term : terms(loss, in, c)) {
      double[] values = term.perSample().toDoubles(stream);
      for (int n = 0; n < out.length; n++) {
        out[n] += term.weight() * values[n];
      }
    }
    arena.reset();
    return out;
  }

  private static float[] told(double... times) {
    float[] told = new float[times.length];
    for (int n = 0; n < times.length; n++) {
      told[n] = (float) times[n];
    }
    return told;
  }

  /**
   * The projectors' output of an aligned network for corrupted latents.
   *
   * @param loss how they are corrupted
   * @param data {@code [N, H, W, C]}
   * @param noise {@code [N, H, W, C]}
   * @param times as the network is told, {@code [N]}
   * @param labels {@code [N]}
   * @return {@code [N, T, width]} of each
   */
  List<float[]> features(
      DenoisingLoss loss, float[] data, float[] noise, double[] times, int... labels) {
    Inputs in = new Inputs(times.length);
    Corruption c = new Corruption(loss, times.length);
    c.set(loss, data, noise, times);
    in.set(told(times), labels);
    List<float[]> said =
        features(loss, in, c).stream().map(features -> features.toFloats(stream)).toList();
    arena.reset();
    return said;
  }

  private List<Tensor> features(DenoisingLoss loss, Inputs in, Corruption c) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    DenoisingLoss.Corrupted of = loss.corrupt(tape, c.data, c.noise, c.rows);
    return network.forwardAligned(tape, of.noisy(), in.times, in.labels).features().stream()
        .map(this::dense)
        .toList();
  }

  private List<DenoisingLoss.Term> terms(DenoisingLoss loss, Inputs in, Corruption c) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    DenoisingLoss.Corrupted of = loss.corrupt(tape, c.data, c.noise, c.rows);
    Tensor said = network.forward(tape, of.noisy(), in.times, in.labels);
    return loss.terms(tape, said, of);
  }

  private Tensor dense(Tensor said) {
    if (said.isContiguous()) {
      return said;
    }
    Tensor dense = arena.tensor(said.shape(), said.dtype());
    said.copyTo(stream, dense);
    return dense;
  }

  /** Runs once for a number of samples, on a device that only plans. */
  void plan(DenoisingLoss loss, int n) {
    terms(loss, new Inputs(n), new Corruption(loss, n));
    arena.reset();
    if (network.alignment() != null) {
      features(loss, new Inputs(n), new Corruption(loss, n));
      arena.reset();
    }
  }

  private Shape latents(int n) {
    DitConfig c = network.config();
    return Shape.of(n, c.side(), c.side(), c.channels());
  }

  /** The network's input. */
  private final class Inputs {
    final Tensor noisy;
    final Tensor times;
    final @Nullable Tensor labels;

    Inputs(int n) {
      noisy = arena.tensor(latents(n));
      times = arena.tensor(Shape.of(n));
      labels = network.config().classes() == 0 ? null : arena.tensor(Shape.of(n), DType.I32);
    }

    void set(float[] told, int... numbers) {
      times.set(stream, told);
      if (labels != null) {
        labels.setInts(stream, numbers);
      }
    }
  }

  /** The target of its output. */
  private final class Corruption {
    final Tensor data;
    final Tensor noise;
    final Tensor rows;

    Corruption(DenoisingLoss loss, int n) {
      data = arena.tensor(latents(n));
      noise = arena.tensor(latents(n));
      rows = arena.tensor(Shape.of(n, loss.columns()));
    }

    void set(DenoisingLoss loss, float[] latents, float[] drawn, double... times) {
      data.set(stream, latents);
      noise.set(stream, drawn);
      double[] values = new double[times.length * loss.columns()];
      for (int n = 0; n < times.length; n++) {
        System.arraycopy(loss.row(times[n]), 0, values, n * loss.columns(), loss.columns());
      }
      rows.set(stream, values);
    }
  }
}
