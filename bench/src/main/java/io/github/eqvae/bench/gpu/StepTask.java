package io.github.eqvae.bench.gpu;

import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LossOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.AdamOptimizer;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Ema;
import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.LossTerms;
import io.github.eqvae.nn.NonFiniteCount;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Graph;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * The whole training step with the released weights of the losses: L1, LPIPS, KL, the adversarial
 * loss with its adaptive weight, both optimisers, the moving average; images come from the host.
 * The discriminator's step uses the generator's reconstructions, on both sides.
 */
final class StepTask extends Task {
  private static final double RATE = 1e-4;

  private static final LossOptions LOSS =
      new LossOptions(
          LossOptions.PixelLossKind.L1,
          1,
          0,
          1e-6,
          LossOptions.Normalization.RELEASED,
          0.5,
          1,
          0,
          true,
          1e4,
          LossOptions.GanKind.HINGE,
          LossOptions.DiscriminatorForward.SHARED);

  private AutoencoderKl vae;
  private Discriminator discriminator;
  private Lpips lpips;
  private EqObjective objective;
  private AdamOptimizer adam;
  private AdamOptimizer adamOfDiscriminator;
  private Ema ema;
  private Tensor x;
  private HostBuffer host;
  private LossTerms.Report report;
  private Tensor squares;
  private NonFiniteCount notFinite;
  private Tensor schedule;
  private @Nullable Graph graph;
  private boolean warm;
  private List<Draw> draws;

  StepTask(Case c, Device device) {
    super(c, device);
  }

  @Override
  void prepare(Case c, Device device) {
    vae = new AutoencoderKl(config(c), stream, 1, true);
    discriminator = new Discriminator(3, c.integer("width"), 3, stream, 1);
    lpips = new Lpips(c.integer("width"), stream, 1);
    vae.computeIn(activations);
    discriminator.computeIn(activations);
    lpips.computeIn(activations);
    if (activations == DType.BF16) {
      List.of(vae.parameters(), discriminator.parameters(), lpips.parameters())
          .forEach(p -> p.keepPacked(stream));
    }
    objective = new EqObjective(vae, discriminator, lpips, EqOptions.RELEASED, LOSS);
    adam = new AdamOptimizer(vae.parameters(), stream, new AdamSettings(0.5, 0.9, 1e-8, 0, false));
    adamOfDiscriminator =
        new AdamOptimizer(
            discriminator.parameters(), stream, new AdamSettings(0.5, 0.9, 1e-8, 0, false));
    ema = new Ema(vae.parameters(), stream);
    int side = vae.config().resolution();
    x = inputs.tensor(Shape.of(c.integer("batch"), side, side, 3));
    Random random = new Random(1);
    float[] images = new float[(int) x.shape().elements()];
    for (int i = 0; i < images.length; i++) {
      images[i] = 2 * random.nextFloat() - 1;
    }
    host = new HostBuffer(device, x.shape(), x.dtype());
    host.set(images);
    report = LossTerms.Report.in(inputs, EqObjective.reports(1), 0);
    squares = inputs.tensor(Shape.SCALAR);
    notFinite = new NonFiniteCount(inputs);
    schedule = inputs.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
    schedule.set(stream, adam.schedule(RATE, 0.9999));
    draws = Collections.nCopies(c.integer("batch"), draw(c));
  }

  static AutoencoderConfig config(Case c) {
    @SuppressWarnings("unchecked")
    List<Integer> chMult = (List<Integer>) c.parameters().get("ch_mult");
    int z = c.integer("z_channels");
    return new AutoencoderConfig(
        3,
        3,
        c.integer("ch"),
        chMult,
        c.integer("num_res_blocks"),
        List.of(),
        c.integer("resolution"),
        z,
        z,
        32,
        true,
        true);
  }

  private static Draw draw(Case c) {
    if (!c.parameters().containsKey("scale")) {
      return Draw.PLAIN;
    }
    double scale = (Double) c.parameters().get("scale");
    return new Draw(
        Draw.Branch.EQUIVARIANT,
        new SpatialTransform(
            scale, scale, c.integer("turns"), false, false, Interpolation.BILINEAR));
  }

  @Override
  long parameters() {
    return vae.parameters().count() + discriminator.parameters().count();
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
    EqObjective.Noise noise =
        (tape, shape, group) -> {
          Tensor eps = tape.arena().tensor(shape);
          eps.normal(stream, 1, 1, 0, 1);
          return eps;
        };
    notFinite.clear(stream);
    ParameterStore parameters = vae.parameters();
    parameters.newUpdate();
    EqObjective.Input in = new EqObjective.Input(x, null);
    objective.autoencoderStep(stream, arena, Tape.Mode.RECORD, in, draws, noise, true, report);
    update(parameters, adam, ema);
    parameters.setTrainable(false);
    discriminator.parameters().newUpdate();
    objective.discriminatorStep(stream, arena, in, draws, noise, report);
    parameters.setTrainable(true);
    update(discriminator.parameters(), adamOfDiscriminator, null);
  }

  private void update(ParameterStore parameters, AdamOptimizer optimizer, @Nullable Ema average) {
    GradientNorm.squares(stream, parameters, squares);
    notFinite.add(stream, squares);
    optimizer.update(
        stream, schedule, 1, Double.POSITIVE_INFINITY, squares, notFinite.total(), average);
  }

  @Override
  public void close() {
    sync(); // host memory that is still to be copied must outlive the copy
    for (AutoCloseable network : new AutoCloseable[] {graph, host, lpips, discriminator, vae}) {
      try {
        if (network != null) {
          network.close();
        }
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    super.close();
  }
}
