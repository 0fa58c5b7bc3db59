package io.github.eqvae.bench.gpu;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.TransportLoss;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.DitConfig;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.NonFiniteCount;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Graph;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A training step of a diffusion transformer: latents from the host, noise drawn on the device, the
 * published loss of DiT (squared error of the noise, and the variational bound for the learned
 * variance) or of SiT (squared error of the velocity), AdamW and the moving average.
 */
final class DitStepTask extends Task {
  private static final double RATE = 1e-4;
  private static final double AVERAGE = 0.9999;

  private final DenoisingLoss loss;
  private Dit dit;
  private AdamOptimizer adam;
  private Ema ema;
  private Tensor x;
  private HostBuffer host;
  private Tensor times;
  private Tensor rows;
  private Tensor labels;
  private Tensor squares;
  private NonFiniteCount notFinite;
  private Tensor schedule;
  private @Nullable Graph graph;
  private boolean warm;

  DitStepTask(Case c, Device device) {
    super(c, device);
    loss =
        switch (c.text("loss")) {
          case "dit" -> DiffusionLoss.published();
          case "sit" -> TransportLoss.published();
          default -> throw new IllegalArgumentException("a loss of " + c.text("loss"));
        };
  }

  static DitConfig config(Case c) {
    return new DitConfig(
        c.integer("channels"),
        c.integer("side"),
        c.integer("patch"),
        c.integer("width"),
        c.integer("depth"),
        c.integer("heads"),
        4,
        c.integer("classes"),
        true,
        true,
        false,
        false,
        false,
        false,
        true);
  }

  @Override
  void prepare(Case c, Device device) {
    DitConfig config = config(c);
    dit = new Dit(config, stream, 1, true);
    dit.computeIn(activations);
    if (activations == DType.BF16) {
      dit.parameters().keepPacked(stream);
    }
    adam = new AdamOptimizer(dit.parameters(), stream, new AdamSettings(0.9, 0.999, 1e-8, 0, true));
    ema = new Ema(dit.parameters(), stream);
    int n = c.integer("batch");
    Random random = new Random(1);
    x = inputs.tensor(Shape.of(n, config.side(), config.side(), config.channels()));
    float[] latents = new float[(int) x.shape().elements()];
    for (int i = 0; i < latents.length; i++) {
      latents[i] = (float) random.nextGaussian();
    }
    host = new HostBuffer(device, x.shape(), x.dtype());
    host.set(latents);
    drawn(config, n, random);
    squares = inputs.tensor(Shape.SCALAR);
    notFinite = new NonFiniteCount(inputs);
    schedule = inputs.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
    schedule.set(stream, adam.schedule(RATE, AVERAGE));
  }

  /** Times, what follows from them, and labels. */
  private void drawn(DitConfig config, int n, Random random) {
    float[] told = new float[n];
    int[] classes = new int[n];
    double[] all = new double[n * loss.columns()];
    for (int i = 0; i < n; i++) {
      told[i] = (float) loss.time(random.nextDouble(), 0);
      classes[i] = random.nextInt(config.labels());
      System.arraycopy(loss.row(told[i]), 0, all, i * loss.columns(), loss.columns());
    }
    times = inputs.tensor(Shape.of(n));
    times.set(stream, told);
    rows = inputs.tensor(Shape.of(n, loss.columns()));
    rows.set(stream, all);
    labels = inputs.tensor(Shape.of(n), DType.I32);
    labels.setInts(stream, classes);
  }

  @Override
  long parameters() {
    return dit.parameters().count();
  }

  /** As training does it: the second step is captured, and from then on its graph is launched. */
  @Override
  void enqueue() {
    arena.reset();
    host.copyTo(stream, x);
    if (graph == null && warm && stream.device().info().graphs()) {
      graph = stream.capture(this::step);
    }
    if (graph == null) {
      step();
      warm = true;
    } else {
      graph.launch(stream);
    }
  }

  private void step() {
    ParameterStore parameters = dit.parameters();
    notFinite.clear(stream);
    parameters.newUpdate();
    Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
    Tensor noise = arena.tensor(x.shape());
    noise.normal(stream, 1, 1, 0, 1);
    DenoisingLoss.Corrupted of = loss.corrupt(tape, x, noise, rows);
    Tensor said = dit.forward(tape, of.noisy(), times, labels);
    List<Seed> seeds = new ArrayList<>();
    for (DenoisingLoss.Term term : loss.terms(tape, said, of)) {
      seeds.add(tape.seed(term.perSample(), term.weight() / times.shape().dim(0)));
    }
    tape.backward(seeds);
    GradientNorm.squares(stream, parameters, squares);
    notFinite.add(stream, squares);
    adam.update(stream, schedule, 1, Double.POSITIVE_INFINITY, squares, notFinite.total(), ema);
  }

  @Override
  public void close() {
    sync(); // host memory that is still to be copied must outlive the copy
    if (graph != null) {
      graph.close();
    }
    if (host != null) {
      host.close();
    }
    if (dit != null) {
      dit.parameters().close();
    }
    super.close();
  }
}
