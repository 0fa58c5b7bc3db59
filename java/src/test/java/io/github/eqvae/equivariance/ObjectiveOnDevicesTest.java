package io.github.eqvae.equivariance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.GanLoss;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.op.RunningError;
import io.github.eqvae.op.Sum;
import io.github.eqvae.tape.Recorded;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The full objective (autoencoder, τ, LPIPS, discriminator) on every device against {@code ref} in
 * double precision: losses within the bound that follows from the bounds of their operations,
 * gradients of all parameters as near as against libtorch.
 */
class ObjectiveOnDevicesTest {
  /** Of the largest gradient of the same parameter, as in the comparison with libtorch. */
  private static final double GRADIENTS = 1e-4;

  /** A bound that allows more would prove little. */
  private static final double USEFUL = 0.02;

  private static final double USEFUL_BF16 = 0.05;

  private static final int BATCH = 2;

  /**
   * WIDE: as many channels as convolutions for sm_90a ask for, on images as small as they may be.
   */
  private enum Width {
    NARROW(8, 32),
    WIDE(32, 16);

    final int side;
    final AutoencoderConfig config;
    final float[] images;

    Width(int channels, int side) {
      this.side = side;
      config =
          new AutoencoderConfig(
              3, 3, channels, List.of(1, 2), 1, List.of(), side, 2, 2, 4, true, true);
      images = waves(side);
    }
  }

  private static final LossOptions LOSS =
      new LossOptions(
          LossOptions.PixelLossKind.L1,
          0.5,
          0,
          1e-3,
          LossOptions.Normalization.PER_ELEMENT,
          0.5,
          1,
          0,
          false, // the weight is then no quotient of gradients
          1e4,
          LossOptions.GanKind.HINGE,
          LossOptions.DiscriminatorForward.SHARED);

  private enum Branch {
    PLAIN(Draw.PLAIN),
    EQUIVARIANT(
        new Draw(
            Draw.Branch.EQUIVARIANT,
            new SpatialTransform(0.75, 0.75, 1, false, false, Interpolation.BILINEAR))),
    /** Where images are as small as they may be. */
    ROTATED(
        new Draw(
            Draw.Branch.EQUIVARIANT,
            new SpatialTransform(1, 1, 1, false, false, Interpolation.BILINEAR))),
    LOW_RESOLUTION(
        new Draw(
            Draw.Branch.LOW_RESOLUTION,
            new SpatialTransform(0.5, 0.5, 0, false, false, Interpolation.BILINEAR)));

    final Draw draw;

    Branch(Draw draw) {
      this.draw = draw;
    }
  }

  /** Networks on a device, all with the weights of one seed as fp32 has them. */
  private static final class Networks implements AutoCloseable {
    final Width width;
    final Device device;
    final Stream stream;
    final TensorArena arena;
    final AutoencoderKl vae;
    final Discriminator disc;
    final Lpips lpips;

    Networks(String name, boolean bf16, Width width) {
      this.width = width;
      device = Device.open(name);
      stream = new Stream(device);
      arena = new TensorArena(device, "step", true);
      vae = new AutoencoderKl(width.config, stream, 3, true);
      disc = new Discriminator(3, 8, 1, stream, 4);
      lpips = new Lpips(4, stream, 5);
      for (ParameterStore store : stores()) {
        for (Parameter p : store.all()) {
          p.value().set(stream, p.value().toFloats(stream));
        }
      }
      // Some feature of every pixel is alive: the direction of nothing has no derivative.
      for (String first : List.of("net.features.0.bias", "net.features.2.bias")) {
        Parameter bias = lpips.parameters().get(first);
        bias.value().fill(stream, 0.5);
      }
      if (bf16) {
        vae.computeIn(DType.BF16);
        disc.computeIn(DType.BF16);
        lpips.computeIn(DType.BF16);
      }
    }

    List<ParameterStore> stores() {
      return List.of(vae.parameters(), disc.parameters(), lpips.parameters());
    }

    Tensor images() {
      Tensor x = arena.tensor(Shape.of(BATCH, width.side, width.side, 3));
      x.set(stream, width.images);
      return x;
    }

    Tensor noise(Shape shape) {
      Tensor t = arena.tensor(shape);
      t.set(stream, normal(11, (int) shape.elements()));
      return t;
    }

    Map<String, Double> losses(Branch branch) {
      arena.reset();
      EqObjective objective = new EqObjective(vae, disc, lpips, EqOptions.RELEASED, LOSS);
      List<Draw> draws = List.of(branch.draw, branch.draw);
      EqObjective.Noise noise = (tape, shape, group) -> noise(shape);
      vae.parameters().newUpdate();
      disc.parameters().newUpdate();
      Tensor x = images();
      Map<String, Double> all = new LinkedHashMap<>();
      all.putAll(
          objective
              .autoencoderStep(stream, arena, Tape.Mode.RECORD, x, draws, noise, true)
              .values());
      all.putAll(objective.discriminatorStep(stream, arena, x, draws, noise).values());
      return all;
    }

    Map<String, double[]> gradients() {
      Map<String, double[]> out = new LinkedHashMap<>();
      for (ParameterStore store : List.of(vae.parameters(), disc.parameters())) {
        store.learned().forEach(p -> out.put(p.name(), p.gradient().toDoubles(stream)));
      }
      return out;
    }

    @Override
    public void close() {
      lpips.close();
      disc.close();
      vae.close();
      arena.close();
      stream.close();
      device.close();
    }
  }

  private static Map<Width, Networks> references;
  private static RunningError errors;

  private static float[] normal(long seed, int count) {
    Random random = new Random(seed);
    float[] out = new float[count];
    for (int i = 0; i < count; i++) {
      out[i] = (float) random.nextGaussian();
    }
    return out;
  }

  private static float[] waves(int side) {
    float[] x = normal(5, BATCH * side * side * 3);
    for (int i = 0; i < x.length; i++) {
      double wave = Math.sin(i / 3 % side * 0.4 + i % 3) * Math.cos(i / (3 * side) * 0.23);
      x[i] = (float) Math.clamp(0.7 * wave + 0.15 * x[i], -1, 1);
    }
    return x;
  }

  @BeforeAll
  static void open() {
    references = new EnumMap<>(Width.class);
    for (Width width : Width.values()) {
      references.put(width, new Networks("ref", false, width));
    }
    errors = new RunningError();
  }

  @AfterAll
  static void close() {
    errors.close();
    references.values().forEach(Networks::close);
  }

  static java.util.stream.Stream<Arguments> cases() {
    List<Arguments> out = new ArrayList<>();
    for (String device : Devices.computing()) {
      for (Branch branch : Branch.values()) {
        out.add(Arguments.of(device, branch, false, Width.NARROW));
        if (!device.equals("cpu")) {
          out.add(Arguments.of(device, branch, true, Width.NARROW));
        }
      }
      if (!device.equals("cpu")) {
        String hopper = device.equals("simt") ? "simt:1" : device;
        out.add(Arguments.of(hopper, Branch.PLAIN, true, Width.WIDE));
        out.add(Arguments.of(hopper, Branch.ROTATED, true, Width.WIDE));
      }
    }
    return out.stream();
  }

  /** The losses by name, written out once more on one tape, and their bounds. */
  private record Bounded(Map<String, Double> values, Map<String, Double> bounds) {}

  private static Bounded bounds(Networks ref, Branch branch, boolean bf16) {
    ref.arena.reset();
    Tape tape = Recorded.keeping(new Tape(ref.stream, ref.arena, Tape.Mode.RECORD));
    ref.stores().forEach(store -> store.all().forEach(p -> tape.watch(p.value())));
    SpatialTransform tau = branch.draw.transform();
    int f = ref.width.config.downsamplingFactor();
    Tensor x = tape.watch(ref.images());
    Tensor input = branch == Branch.LOW_RESOLUTION ? tau.onImage(tape, x, f) : x;
    Tensor encoded = ref.vae.encode(tape, input);
    Tensor z = ref.vae.latent(tape, encoded, ref::noise);
    boolean moved = branch.draw.branch() == Draw.Branch.EQUIVARIANT;
    Tensor target = moved ? tau.onImage(tape, x, f) : input;
    Tensor y = ref.vae.decode(tape, moved ? tau.onLatent(tape, z) : z);
    Map<String, Tensor> scalars = new LinkedHashMap<>();
    double mean = 1.0 / y.shape().elements();
    scalars.put("rec", tape.apply(new PixelLoss(PixelLoss.Kind.L1, mean), y, target));
    Tensor distances = ref.lpips.forward(tape, target, y);
    scalars.put("perceptual", tape.apply(new Sum(LOSS.perceptualWeight() / BATCH), distances));
    scalars.put("kl", ref.vae.regularization(tape, encoded, ref.vae.bottleneck(tape, z)));
    Tensor fake = ref.disc.forward(tape, y, true);
    Tensor real = ref.disc.forward(tape, target, true);
    double each = 1.0 / fake.shape().elements();
    scalars.put("g_loss", tape.apply(new GanLoss(GanLoss.Kind.NEGATED, each), fake));
    scalars.put("fake", tape.apply(new GanLoss(GanLoss.Kind.HINGE_FAKE, each / 2), fake));
    scalars.put("real", tape.apply(new GanLoss(GanLoss.Kind.HINGE_REAL, each / 2), real));
    double[] bounds = errors.of(tape, List.copyOf(scalars.values()), bf16);
    Map<String, Double> values = new LinkedHashMap<>();
    Map<String, Double> bound = new LinkedHashMap<>();
    int i = 0;
    for (Map.Entry<String, Tensor> e : scalars.entrySet()) {
      values.put(e.getKey(), e.getValue().toDoubles(ref.stream)[0]);
      bound.put(e.getKey(), bounds[i++]);
    }
    for (Map<String, Double> m : List.of(values, bound)) {
      m.put("disc", m.remove("fake") + m.remove("real"));
    }
    return new Bounded(values, bound);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theObjectiveIsThatOfTheReference(String device, Branch branch, boolean bf16, Width width) {
    Networks ref = references.get(width);
    Bounded expected = bounds(ref, branch, bf16);
    Map<String, Double> reference = ref.losses(branch);
    expected.values().forEach((k, v) -> assertEquals(v, reference.get(k), 1e-9, k));
    Map<String, double[]> gradients = ref.gradients();
    try (Networks other = new Networks(device, bf16, width)) {
      if (device.equals("simt:1")) {
        long before = clusters();
        other.vae.encode(new Tape(other.stream, other.arena, Tape.Mode.INFERENCE), other.images());
        assertTrue(clusters() > before, "no convolution ran on a kernel for sm_90a");
      }
      Map<String, Double> losses = other.losses(branch);
      expected
          .bounds()
          .forEach(
              (name, bound) -> {
                double exact = reference.get(name);
                double off = Math.abs(losses.get(name) - exact);
                String text = name + " " + exact + " is off by " + off + ", bound " + bound;
                assertTrue(off <= bound, text);
                assertTrue(bound <= (bf16 ? USEFUL_BF16 : USEFUL) * Math.abs(exact), text);
              });
      if (!bf16) {
        other.gradients().forEach((name, g) -> compare(name, gradients, g));
      }
    }
  }

  /** Grids of clusters that the shim has run in this process: convolutions for sm_90a. */
  private static long clusters() {
    try (Device shim = Device.open("simt:1")) {
      String detail = shim.info().detail();
      return Long.parseLong(detail.substring(detail.lastIndexOf(' ') + 1));
    }
  }

  private static double largest(double[] values) {
    return Arrays.stream(values).map(Math::abs).max().orElse(0);
  }

  private static void compare(String name, Map<String, double[]> expected, double[] actual) {
    double[] exact = expected.get(name);
    // The keys' bias has no gradient by algebra: what rounding leaves is compared with the
    // weight's.
    String measure = name.endsWith(".k.bias") ? name.replace(".bias", ".weight") : name;
    double scale = largest(expected.get(measure));
    for (int i = 0; i < actual.length; i++) {
      double off = Math.abs(actual[i] - exact[i]);
      assertTrue(off <= GRADIENTS * scale, name + " " + i + ": " + actual[i] + " for " + exact[i]);
    }
  }
}
